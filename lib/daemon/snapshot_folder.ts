/**
 * The snapshots of one volume as they lie on disk, `volumes/NAME/snapshots/SNAPSHOT/` with `snapshot.json` and `data`, and what puts one of
 * them back in the place of the volume's bytes.
 *
 * | a crash in | leaves | and the next start |
 * |---|---|---|
 * | making one | a folder `.SNAPSHOT.…` | removes it |
 * | deleting one | a folder `.SNAPSHOT.…` | removes it |
 * | restoring, before `restore.json` is there | `restored`, or half of it | removes it: nothing has happened |
 * | restoring, from then on | `restore.json` | finishes: `restored` takes the place of `data`, the document learns its size |
 */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import {
  discard,
  listFolder,
  makeFolder,
  remove,
  rename,
  syncFolder,
} from "../os/file.ts";
import { join } from "../os/paths.ts";
import {
  readDocument,
  SnapshotDocument,
  VolumeDocument,
  writeDocument,
} from "./documents.ts";
import { expectName, NAME } from "./name.ts";

/** The most snapshots of one volume. */
export const MAX_SNAPSHOTS = 256;

const RestoreDocument = v.object({
  version: v.literal(1),
  /** How large the volume is from then on. */
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});

export class SnapshotFolder {
  readonly #volume: string;
  readonly #volumeFolder: string;

  /** @param volumeFolder `volumes/NAME` */
  constructor(volume: string, volumeFolder: string) {
    this.#volume = volume;
    this.#volumeFolder = volumeFolder;
  }

  /** Ends what a crash has left half done. Only the holder of the node's lock calls it. */
  recover(): void {
    for (const name of listFolder(this.#path())) {
      if (name.startsWith(".")) remove(this.#path(name));
    }
    if (!this.finishRestore()) this.abandonRestore();
  }

  /** The oldest first. @throws {VaultError} where a document is damaged */
  list(): SnapshotDocument[] {
    return this.#names().map((name) => this.get(name)).sort((a, b) =>
      a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0
    );
  }

  /** @throws {VaultError} where there is none */
  get(name: string): SnapshotDocument {
    const document = NAME.test(name)
      ? readDocument(this.#path(name, "snapshot.json"), SnapshotDocument)
      : undefined;
    if (document) return document;
    throw new VaultError(
      `There is no snapshot "${name}" of volume "${this.#volume}"`,
      {
        kind: "not-found",
        hint: `vault snapshot list ${this.#volume} shows those that there are.`,
      },
    );
  }

  /** The file with its bytes. */
  dataPath(name: string): string {
    return this.#path(name, "data");
  }

  /** @throws {VaultError} unless another snapshot can be made under that name */
  expectFree(name: string): void {
    expectName("snapshot", name);
    const names = this.#names();
    if (names.includes(name)) {
      throw new VaultError(
        `There is already a snapshot "${name}" of volume "${this.#volume}"`,
        { kind: "conflict" },
      );
    }
    if (names.length < MAX_SNAPSHOTS) return;
    throw new VaultError(`A volume has at most ${MAX_SNAPSHOTS} snapshots`, {
      kind: "conflict",
      hint: "Delete some first: vault snapshot delete.",
    });
  }

  /** A folder for one that is being made. Its `data` is the caller's to make. */
  begin(name: string): string {
    makeFolder(this.#path());
    const half = this.#path(`.${name}.${crypto.randomUUID()}`);
    makeFolder(half);
    return half;
  }

  /** There it is, whole. On stable storage when it returns, if its data are. */
  finish(half: string, document: SnapshotDocument): void {
    writeDocument(join(half, "snapshot.json"), document);
    syncFolder(half);
    rename(half, this.#path(document.name));
    syncFolder(this.#volumeFolder);
  }

  /** Its bytes are gone when this returns. @throws {VaultError} where there is none */
  delete(name: string): void {
    // A damaged one can go.
    if (!this.#names().includes(name)) this.get(name);
    const gone = this.#path(`.${name}.${crypto.randomUUID()}`);
    rename(this.#path(name), gone);
    remove(gone);
  }

  /** Where the volume's next bytes are gathered. */
  get restoredPath(): string {
    return join(this.#volumeFolder, "restored");
  }

  /** From here on the restore happens, whatever happens. What is gathered must be on stable storage, its name too. */
  commitRestore(sizeBytes: number): void {
    syncFolder(this.#volumeFolder);
    writeDocument(this.#note, { version: 1, sizeBytes });
  }

  /** Removes what was gathered, unless it was committed. */
  abandonRestore(): void {
    if (this.#has("restored") && !this.#has("restore.json")) {
      discard(this.restoredPath);
    }
  }

  /** Does what has been committed; false where nothing has. May be begun again at any point. @throws {VaultError} */
  finishRestore(): boolean {
    const note = readDocument(this.#note, RestoreDocument);
    if (!note) return false;
    const at = (name: string) => join(this.#volumeFolder, name);
    if (this.#has("restored")) rename(this.restoredPath, at("data"));
    const document = readDocument(at("volume.json"), VolumeDocument);
    if (document && document.sizeBytes !== note.sizeBytes) {
      writeDocument(at("volume.json"), {
        ...document,
        sizeBytes: note.sizeBytes,
      });
    }
    // What was to be brought to its place belonged to other bytes.
    remove(at("journal"));
    remove(this.#note);
    return true;
  }

  get #note(): string {
    return join(this.#volumeFolder, "restore.json");
  }

  #has(file: string): boolean {
    return listFolder(this.#volumeFolder).includes(file);
  }

  #names(): string[] {
    return listFolder(this.#path()).filter((name) => NAME.test(name));
  }

  #path(...names: string[]): string {
    return join(this.#volumeFolder, "snapshots", ...names);
  }
}
