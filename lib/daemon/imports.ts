/**
 * Images on their way to become volumes: `node/imports/NAME/` with `import.json`, which says how much of it is there, and `data`; or, of one
 * that goes into a bucket, with `volume/`, which is what is kept here of such a volume (`bucket_folder.ts`).
 *
 * Whoever imports writes there, and may be cut off at any moment. The volume is made once `import.json` says that all of it is there: it
 * is given the same file under a second name, so a crash leaves the import, or the volume, or both, and never neither. A folder that is
 * `volume/` becomes that of the volume by its name alone: it is at one place or at the other.
 */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import type { VolumeSpec } from "../control/operations.ts";
import { exists, listFolder, makeFolder, remove } from "../os/file.ts";
import { join } from "../os/paths.ts";
import type { Catalog } from "./catalog.ts";
import { BucketDocument, readDocument, writeDocument } from "./documents.ts";

/** `import.json` */
export const ImportDocument = v.object({
  version: v.literal(1),
  /** Of the volume that is to be. */
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** So much of it is on stable storage. */
  doneBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of all of it, once it was read back; in a bucket, once it is there. */
  sha256: v.exactOptional(v.string()),
  /** Where it goes, unless that is `data`. Its superblock is there. */
  bucket: v.exactOptional(BucketDocument),
  /** With `bucket`: what the superblock says, too. */
  blockSizeBytes: v.exactOptional(v.picklist([512, 4096])),
  /** With `bucket`: the SHA-256 of the `doneBytes`, which are not read back. */
  soFar: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
});
export type ImportDocument = v.InferOutput<typeof ImportDocument>;

/** An image that is there whole: a file, or the folder of a volume in a bucket. */
export type Imported =
  | { readonly data: string }
  | { readonly folder: string; readonly bucket: BucketDocument };

/** Where an import into a bucket keeps what becomes the volume's folder. */
export function volumeFolder(importFolder: string): string {
  return join(importFolder, "volume");
}

/** What an import says of itself; undefined where nothing is there of it. @throws {VaultError} where it is damaged */
export function readImport(importFolder: string): ImportDocument | undefined {
  return readDocument(join(importFolder, "import.json"), ImportDocument);
}

/** On stable storage when it returns. */
export function keepImport(importFolder: string, note: ImportDocument): void {
  writeDocument(join(importFolder, "import.json"), note);
}

export class Imports {
  readonly #folder: string;
  readonly #catalog: Catalog;

  constructor(folder: string, catalog: Catalog) {
    this.#folder = folder;
    this.#catalog = catalog;
  }

  /** Forgets images that a crash has left beside the volume that was made of them. Only the holder of the node's lock calls it. */
  recover(): void {
    const volumes = this.#catalog.survey();
    for (const name of listFolder(this.#folder)) {
      if (volumes.has(name) && this.#isAdopted(name)) this.remove(name);
    }
  }

  /** The folder for the volume's image. @throws {VaultError} where there can be no such volume */
  stage(spec: VolumeSpec): string {
    this.#catalog.expectNew(spec);
    const folder = this.#path(spec.name);
    makeFolder(folder);
    return folder;
  }

  /** The whole image. @throws {VaultError} where there is none */
  finished(spec: VolumeSpec): Imported {
    this.#catalog.expectNew(spec);
    const folder = this.#path(spec.name);
    const note = readImport(folder);
    if (note?.sha256 !== undefined && note.sizeBytes === spec.sizeBytes) {
      const { bucket, blockSizeBytes } = note;
      if (!bucket) return { data: join(folder, "data") };
      if (blockSizeBytes === spec.blockSizeBytes) {
        return { folder: volumeFolder(folder), bucket };
      }
    }
    throw new VaultError(`No image was imported as "${spec.name}"`, {
      kind: "not-found",
      hint: `vault volume import FILE --name ${spec.name}`,
    });
  }

  /** Forgets an image. */
  remove(name: string): void {
    remove(this.#path(name));
  }

  /** Nothing is there of it that is not the volume's, too. Of one in a bucket, here alone is its key until it is. */
  #isAdopted(name: string): boolean {
    const folder = this.#path(name);
    try {
      return readImport(folder)?.sha256 !== undefined &&
        !exists(volumeFolder(folder));
    } catch {
      // A damaged note is its import's affair: the node starts.
      return false;
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
