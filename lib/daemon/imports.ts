/**
 * Images on their way to become volumes: `node/imports/NAME/` with `data`, and `import.json`, which says how much of it is there.
 *
 * Whoever imports writes there, and may be cut off at any moment. The volume is made once `import.json` says that all of it is there: it
 * is given the same file under a second name, so a crash leaves the import, or the volume, or both, and never neither.
 */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import type { VolumeSpec } from "../control/operations.ts";
import { listFolder, makeFolder, remove } from "../os/file.ts";
import { join } from "../os/paths.ts";
import type { Catalog } from "./catalog.ts";
import { readDocument } from "./documents.ts";

/** `import.json` */
export const ImportDocument = v.object({
  version: v.literal(1),
  /** Of the volume that is to be. */
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** So much of it is on stable storage. */
  doneBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of all of it, once it was read back. */
  sha256: v.exactOptional(v.string()),
});

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
      if (volumes.has(name) && this.#isFinished(name)) this.remove(name);
    }
  }

  /** The folder for the volume's image. @throws {VaultError} where there can be no such volume */
  stage(spec: VolumeSpec): string {
    this.#catalog.expectNew(spec);
    const folder = this.#path(spec.name);
    makeFolder(folder);
    return folder;
  }

  /** The file with the whole image. @throws {VaultError} where there is none */
  finished(spec: VolumeSpec): string {
    this.#catalog.expectNew(spec);
    const note = this.#note(spec.name);
    if (note?.sha256 !== undefined && note.sizeBytes === spec.sizeBytes) {
      return join(this.#path(spec.name), "data");
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

  #isFinished(name: string): boolean {
    try {
      return this.#note(name)?.sha256 !== undefined;
    } catch {
      // A damaged note is its import's affair: the node starts.
      return false;
    }
  }

  #note(name: string) {
    return readDocument(join(this.#path(name), "import.json"), ImportDocument);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
