/**
 * The JSON documents of the state folder: what each holds, checked when it is read. A document is replaced whole, so that a crash
 * at any moment leaves the old one or the new one.
 */

import * as v from "valibot";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { readWhole, writeWhole } from "../os/file.ts";

const Time = v.pipe(v.string(), v.isoTimestamp());

const Chap = v.object({ user: v.string(), secret: v.string() });

/** `node/volumes/NAME/volume.json`: what a volume is. The bytes are in `data` beside it. */
export const VolumeDocument = v.object({
  version: v.literal(1),
  name: v.string(),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  blockSizeBytes: v.picklist([512, 4096]),
  readOnly: v.boolean(),
  serial: v.string(),
  naa: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  createdAt: Time,
  chap: v.object({ users: v.array(Chap), mutual: v.exactOptional(Chap) }),
});
export type VolumeDocument = v.InferOutput<typeof VolumeDocument>;

/** Reads a document, or undefined where there is none. @throws {VaultError} where it is damaged */
export function readDocument<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
): T | undefined {
  const bytes = readWhole(path);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes) ?? "");
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  const result = v.safeParse(schema, value);
  if (!result.success) throw damaged(path, v.summarize(result.issues));
  return result.output;
}

/** Replaces the document; on stable storage when it returns. */
export function writeDocument(path: string, value: unknown): void {
  writeWhole(path, utf8(JSON.stringify(value, undefined, 2) + "\n"));
}

function damaged(path: string, why: string, cause?: unknown): VaultError {
  return new VaultError(`Cannot use ${path}: ${why}`, {
    hint:
      "vault writes this file whole or not at all, so it was changed from outside. Put it back from a copy.",
    cause,
  });
}
