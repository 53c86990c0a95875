/** Volumes that are made here: in a file, of zeros or of an image; and in a bucket, of an image that is there already. */

import type { VolumeSpec } from "../control/operations.ts";
import type { Here } from "./bucket_operations.ts";
import type { VolumeDocument } from "./documents.ts";
import type { Imports } from "./imports.ts";

/** A volume that was made, and how, for the audit log. */
export interface Made {
  readonly document: VolumeDocument;
  readonly how: string;
}

/** In a file: zeros, or what the file `data` holds. @throws {VaultError} where it cannot be made, or be served */
export async function makeInFile(
  { state: { catalog }, live }: Here,
  spec: VolumeSpec,
  data?: string,
): Promise<Made> {
  const document = await catalog.create(spec, data);
  try {
    await live?.volumes.open(document);
  } catch (thrown) {
    catalog.delete(spec.name);
    throw thrown;
  }
  const image = data === undefined ? "" : ", of an image";
  return { document, how: `${spec.sizeBytes} bytes${image}` };
}

/** Of an image that is there whole. @throws {VaultError} where there is none */
export async function makeOfImage(
  world: Here & { readonly state: { readonly imports: Imports } },
  spec: VolumeSpec,
): Promise<Made> {
  const { imports, catalog } = world.state;
  const image = imports.finished(spec);
  if ("data" in image) {
    const made = await makeInFile(world, spec, image.data);
    imports.remove(spec.name);
    return made;
  }
  const { folder, bucket } = image;
  const document = catalog.adopt(spec, folder, bucket);
  imports.remove(spec.name);
  // It is a volume, whether its store answers just now or not: its health says so.
  await world.live?.volumes.openBucket(document).catch(() => {});
  const how = `${spec.sizeBytes} bytes, of an image, in ${bucket.url}`;
  return { document, how };
}
