/** A volume that is made larger or smaller. */

import { VaultError } from "../base/errors.ts";
import { checkBucketSize } from "./bucket_address.ts";
import type { Here } from "./bucket_operations.ts";
import type { Made } from "./volume_making.ts";
import { checkSize } from "./volume_size.ts";

/** @throws {VaultError} where it cannot be so large, or cannot be changed */
export async function resizeVolume(
  { state: { catalog }, live }: Here,
  { name, sizeBytes, expectIdle }: {
    readonly name: string;
    readonly sizeBytes: number;
    /** @throws {VaultError} where something is being made of it */
    readonly expectIdle: () => void;
  },
): Promise<Made> {
  const before = catalog.get(name);
  checkSize(sizeBytes, before.blockSizeBytes);
  if (before.bucket) checkBucketSize(sizeBytes);
  expectIdle();
  if (before.readOnly) {
    throw new VaultError(`Volume "${name}" is read-only`, { kind: "refused" });
  }
  const document = { ...before, sizeBytes };
  const record = () => catalog.update(document);
  if (live) await live.volumes.resize(name, { sizeBytes, record });
  else await catalog.resize(before, sizeBytes);
  const how = `from ${before.sizeBytes} to ${sizeBytes} bytes`;
  return { document, how };
}
