/**
 * The volumes of a node as they lie on disk: `volumes/NAME/volume.json`, which is the truth about a volume, `data`, its bytes, and
 * `reservations.json` where an initiator wants them kept. `lease.json` says who holds it. `journal` holds what was written and is not in
 * `data` yet, and `erasure.json` is there while the volume is erased. Snapshots lie in `snapshots` (`snapshot_folder.ts`).
 *
 * | a crash in | leaves | and the next start |
 * |---|---|---|
 * | create | a folder `.NAME.…` | removes it |
 * | delete | a folder `.NAME.…` | removes it |
 * | writing a document | the old one or the new one, and a file `….new` beside it | removes that |
 * | grow (data, then document, then what initiators see) | data longer than the document says, the rest zeros | cuts it |
 * | shrink (document, then what initiators see, then data) | data longer than the document says, the rest given up | cuts it |
 *
 * A step that fails leaves the same as a crash. So data that is shorter than its document was cut from outside, and is refused; and
 * initiators never reach what the document does not cover, which the next start would cut.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Journal } from "../journal/journal.ts";
import { toHex } from "../base/bytes.ts";
import type { VolumeSpec } from "../control/operations.ts";
import {
  discard,
  listFolder,
  makeFolder,
  remove,
  rename,
  syncFolder,
} from "../os/file.ts";
import { join } from "../os/paths.ts";
import { BucketFolder } from "./bucket_folder.ts";
import {
  type BucketDocument,
  readDocument,
  VolumeDocument,
  writeDocument,
} from "./documents.ts";
import { newDocument } from "./new_document.ts";
import { stackStore } from "../store/stack.ts";
import type { Store } from "../store/store.ts";
import { ErasureFile } from "./erasure_file.ts";
import { LeaseFile } from "./lease_file.ts";
import { ReservationFile } from "./reservation_file.ts";
import { expectNobodyBehind, placeOf } from "./placement.ts";
import type { Survey } from "./volume_faults.ts";
import { expectName, NAME } from "./name.ts";
import { expectData, expectFile, makeData, openData } from "./volume_data.ts";
import { openVolumeJournal } from "./volume_journal.ts";
import { checkSize } from "./volume_size.ts";
import { SnapshotFolder } from "./snapshot_folder.ts";

/** The most volumes that one node serves. */
export const MAX_VOLUMES = 1024;

/** What the name of a file ends with that `writeWhole` has not finished. */
const HALF_WRITTEN = ".new";

export class Catalog {
  readonly #folder: string;
  readonly #world: { readonly primitives: Primitives; readonly clock: Clock };
  /** What a crash has left and nobody could clear up, by volume. */
  readonly #unrecovered = new Map<string, VaultError>();

  constructor(
    folder: string,
    world: { readonly primitives: Primitives; readonly clock: Clock },
  ) {
    this.#folder = folder;
    this.#world = world;
  }

  /**
   * Removes what a crash left half made, half written or half deleted. Where that cannot be done, the volume cannot be used. Only the holder
   * of the node's lock calls it.
   */
  recover(): void {
    for (const name of this.#entries()) {
      if (name.startsWith(".")) remove(join(this.#folder, name));
      else {
        try {
          this.#recover(name);
        } catch (thrown) {
          const fault = thrown instanceof VaultError
            ? thrown
            : new VaultError(messageOf(thrown), { cause: thrown });
          this.#unrecovered.set(name, fault);
        }
      }
    }
  }

  #recover(name: string): void {
    const path = join(this.#folder, name);
    for (const file of listFolder(path)) {
      if (file.endsWith(HALF_WRITTEN)) remove(join(path, file));
    }
    this.snapshots(name).recover();
  }

  /** Sorted by name: those whose document can be used. */
  list(): VolumeDocument[] {
    return [...this.survey().values()].flatMap((found) =>
      found instanceof VaultError ? [] : [found]
    );
  }

  /** All that there are, sorted by name. */
  survey(): Survey {
    const names = this.#entries().filter((name) => NAME.test(name));
    return new Map(names.map((name) => [name, this.look(name)]));
  }

  /** The volume's document, or why there is none that can be used. */
  look(name: string): VolumeDocument | VaultError {
    try {
      return this.#unrecovered.get(name) ?? this.find(name) ??
        new VaultError(`${this.#documentPath(name)} is missing`, {
          hint: "It was removed from outside. Put it back from a copy.",
        });
    } catch (thrown) {
      if (thrown instanceof VaultError) return thrown;
      throw thrown;
    }
  }

  /** @throws {VaultError} where there is none */
  get(name: string): VolumeDocument {
    const document = this.find(name);
    if (document) return document;
    throw new VaultError(`There is no volume "${name}"`, {
      kind: "not-found",
      hint: "`vault volume list` shows those that there are.",
    });
  }

  /** Undefined where there is none. @throws {VaultError} where its document is damaged, or is another volume's */
  find(name: string): VolumeDocument | undefined {
    if (!NAME.test(name)) return undefined;
    const path = this.#documentPath(name);
    const document = readDocument(path, VolumeDocument);
    if (!document || document.name === name) return document;
    throw new VaultError(
      `Cannot use ${path}: it is that of "${document.name}"`,
      {
        hint:
          "A volume that was copied as a folder is the same disk twice: remove the folder, and make a volume with vault volume create.",
      },
    );
  }

  /** Where it would go. @throws {VaultError} where the name or the LUN is taken or the specification makes no sense */
  expectNew(spec: VolumeSpec): ReturnType<typeof placeOf> {
    this.#check(spec);
    return placeOf(spec, spec.target === undefined ? [] : this.list());
  }

  /**
   * Zeros, or what the file `data` holds, which is as long, and which becomes the volume's.
   *
   * @throws {VaultError} like {@linkcode expectNew}
   */
  create(spec: VolumeSpec, data?: string): Promise<VolumeDocument> {
    return this.install(
      spec,
      (half) => makeData(join(half, "data"), spec.sizeBytes, data),
    );
  }

  /** A volume of what `fill` puts into its folder; it may know more of it. @throws {VaultError} like {@linkcode expectNew} */
  async install(
    spec: VolumeSpec,
    fill: (half: string) => Promise<Partial<VolumeDocument> | void>,
  ): Promise<VolumeDocument> {
    const document = this.#begin(spec);
    makeFolder(this.#folder);
    const half = join(this.#folder, `.${spec.name}.${crypto.randomUUID()}`);
    makeFolder(half);
    try {
      const whole = { ...document, ...await fill(half) };
      writeDocument(join(half, "volume.json"), whole);
      syncFolder(half);
      rename(half, join(this.#folder, spec.name));
      return whole;
    } catch (thrown) {
      discard(half);
      throw thrown;
    }
  }

  /** A volume of a folder that has all of it but its document, and becomes the volume's. @throws {VaultError} like {@linkcode expectNew} */
  adopt(spec: VolumeSpec, folder: string, bucket: BucketDocument) {
    const document = { ...this.#begin(spec), bucket };
    makeFolder(this.#folder);
    writeDocument(join(folder, "volume.json"), document);
    rename(folder, join(this.#folder, spec.name));
    return document;
  }

  #begin(spec: VolumeSpec): VolumeDocument {
    const behind = this.expectNew(spec);
    return newDocument(spec, { behind, ...this.#world });
  }

  /** Replaces what is known of a volume. */
  update(document: VolumeDocument): void {
    writeDocument(this.#documentPath(document.name), document);
  }

  /**
   * Changes the size of a volume that is not served; `Target.resize` does the same for one that is.
   *
   * @throws {VaultError} where its data cannot be opened or do not change; the table above says what is left
   */
  async resize(document: VolumeDocument, sizeBytes: number): Promise<void> {
    const after = { ...document, sizeBytes };
    const store = await this.openStore(document);
    try {
      if (sizeBytes < document.sizeBytes) this.update(after);
      await store.resize(sizeBytes);
      if (sizeBytes > document.sizeBytes) this.update(after);
    } finally {
      await store.close();
    }
  }

  /** Damaged or not, it can be deleted. @throws {VaultError} where there is none, or others are behind its target */
  expectDeletable(name: string): void {
    const survey = this.survey();
    if (!survey.has(name)) this.get(name);
    expectNobodyBehind(name, this.list());
  }

  /** Its bytes are gone when this returns. @throws {VaultError} like {@linkcode expectDeletable} */
  delete(name: string): void {
    this.expectDeletable(name);
    const gone = join(this.#folder, `.${name}.${crypto.randomUUID()}`);
    rename(join(this.#folder, name), gone);
    this.#unrecovered.delete(name);
    remove(gone);
  }

  /** Looks, and changes nothing. @throws {VaultError} where something is in the way of serving the volume */
  expectServable(document: VolumeDocument): void {
    const { name, sizeBytes, blockSizeBytes, bucket } = document;
    checkSize(sizeBytes, blockSizeBytes);
    if (bucket) this.bucketFolder(name).expectUsable(bucket);
    else expectData(this.dataPath(name), document);
    this.reservations(name).read();
    this.erasure(name).read();
    this.lease(name).read();
  }

  /** What is kept here of a volume in a bucket. */
  bucketFolder(name: string): BucketFolder {
    return new BucketFolder(join(this.#folder, name), this.#world.primitives);
  }

  /** The file that holds the volume's bytes. */
  dataPath(name: string): string {
    return join(this.#folder, name, "data");
  }

  /** A fresh name for a picture of those bytes on the same file system; one that a crash leaves is removed. */
  viewPath(name: string): string {
    const id = toHex(this.#world.primitives.random(8));
    return join(this.#folder, name, `view.${id}${HALF_WRITTEN}`);
  }

  /** Its snapshots. */
  snapshots(name: string): SnapshotFolder {
    return new SnapshotFolder(name, join(this.#folder, name));
  }

  /** Reservations that outlive the process. */
  reservations(name: string): ReservationFile {
    return new ReservationFile(join(this.#folder, name, "reservations.json"));
  }

  /** Who holds the volume, and all that is behind its target. */
  lease(name: string): LeaseFile {
    return new LeaseFile(join(this.#folder, name, "lease.json"));
  }

  /** An erasure that is under way. */
  erasure(name: string): ErasureFile {
    return new ErasureFile(join(this.#folder, name, "erasure.json"));
  }

  /** The volume's bytes, with what a crash has left of them made good. Whoever has it closes it. @throws {VaultError} like {@linkcode openData} */
  async openStore(document: VolumeDocument): Promise<Store> {
    const { name, sizeBytes, readOnly } = document;
    const file = this.openData(document);
    let journal: Journal | undefined;
    try {
      if (readOnly) {
        return stackStore({ bottom: { kind: "file", file }, readOnly });
      }
      const path = join(this.#folder, name, "journal");
      const world = this.#world;
      journal = await openVolumeJournal(path, { sizeBytes, ...world });
      const bottom = {
        kind: "journaled file",
        file,
        journal,
        ...world,
      } as const;
      return stackStore({ bottom, readOnly });
    } catch (thrown) {
      await journal?.close().catch(() => {});
      file.close();
      throw thrown;
    }
  }

  /** Opens the data file, cut to the document's size. @throws {VaultError} where it is missing or was cut from outside */
  openData(document: VolumeDocument): File {
    expectFile(document);
    return openData(this.dataPath(document.name), document);
  }

  #check(spec: VolumeSpec): void {
    expectName("volume", spec.name);
    checkSize(spec.sizeBytes, spec.blockSizeBytes);
    const names = this.#entries();
    if (names.includes(spec.name)) {
      throw new VaultError(`There is already a volume "${spec.name}"`, {
        kind: "conflict",
      });
    }
    if (names.length >= MAX_VOLUMES) {
      throw new VaultError(`A node serves at most ${MAX_VOLUMES} volumes`, {
        kind: "conflict",
      });
    }
  }

  #entries(): string[] {
    return listFolder(this.#folder);
  }

  #documentPath(name: string): string {
    return join(this.#folder, name, "volume.json");
  }
}
