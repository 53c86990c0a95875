/**
 * The files of an open journal.
 *
 *     spare ──begun──▶ live, being written ──next one begun──▶ live, to be drained ──all drained──▶ spare
 *
 * Invariant: what a spare file held is covered by a mark on stable storage, so it may be overwritten at any time.
 */

import { invariant, VaultError } from "../base/errors.ts";
import type { Folder } from "../base/folder.ts";
import { fill, type JournalFile, makeJournalFile } from "./journal_file.ts";
import type { Position } from "./mark.ts";
import type { Entry } from "./scan.ts";
import { SECTOR_BYTES } from "./sector.ts";

/** How many spare files are kept for later; what is over is removed. Making one costs more than all that is ever written to it. */
const KEPT_SPARE_FILES = 8;
/** So many of those while nobody writes. */
const QUIET_SPARE_FILES = 4;
/** So many of those that are there when it is opened. */
export const FOUND_SPARE_FILES = 3;

/** How many of those are for when the journal is opened the next time: there may be no room then, and all others may be live. */
const RESERVED_FILES = 1;

/** What is known of them. */
export interface JournalFilesOptions {
  readonly folder: Folder;
  /** How long each is. */
  readonly fileBytes: number;
  /** How many may be live. */
  readonly maxFiles: number;
}

/** A file that holds nothing. One that is new in the folder is to be made to stay there. */
export interface TakenFile {
  readonly file: JournalFile;
  readonly isNew: boolean;
}

export class JournalFiles {
  readonly #options: JournalFilesOptions;
  /** By number, oldest first; the last one is being written. */
  readonly #live = new Map<number, JournalFile>();
  readonly #spare: JournalFile[] = [];
  /** Zeros are being written into those that are spare. */
  #wiping = false;
  #freed: PromiseWithResolvers<void> | undefined;

  constructor(options: JournalFilesOptions) {
    this.#options = options;
  }

  /** Whether somebody waits for a spare file. */
  get awaited(): boolean {
    return this.#freed !== undefined;
  }

  /** How many hold something, or are to. */
  get count(): number {
    return this.#live.size;
  }

  /** Bytes that they take on the medium. */
  get sizeBytes(): number {
    return (this.#live.size + this.#spare.length) * this.#options.fileBytes;
  }

  /** Bytes of those that may be live. */
  get capacityBytes(): number {
    return this.#options.maxFiles * this.#options.fileBytes;
  }

  /** The one of that number. */
  get(number: number): JournalFile {
    const file = this.#live.get(number);
    invariant(file, "A journal file that was drained");
    return file;
  }

  /** Oldest first. */
  live(): JournalFile[] {
    return [...this.#live.values()];
  }

  /** It was begun, and is the newest. */
  add(file: JournalFile): void {
    this.#live.set(file.start.number, file);
  }

  /** It holds nothing any more. @throws {VaultError} where it is not wanted and cannot be removed */
  free(file: JournalFile): void {
    const { folder, fileBytes } = this.#options;
    if (
      file.sizeBytes === fileBytes && this.#spare.length < KEPT_SPARE_FILES
    ) {
      this.#spare.push(file);
      this.#freed?.resolve();
      this.#freed = undefined;
    } else {
      file.file.close();
      folder.remove(file.name);
    }
  }

  /** One to be begun. Waits while all that may be are live, or there is no room for another. @throws {VaultError} */
  async take(): Promise<TakenFile> {
    while (this.#spare.length <= RESERVED_FILES) {
      if (this.#live.size < this.#options.maxFiles) {
        try {
          return this.#make();
        } catch (thrown) {
          // The one that is being written is never drained to its end.
          if (this.#live.size < 2 && this.#spare.length === 0) throw thrown;
          if (this.#live.size < 2) break;
        }
      }
      this.#freed ??= Promise.withResolvers();
      await this.#freed.promise;
    }
    return this.takeNow();
  }

  /**
   * Sees to it that whoever writes can go on where the medium is full, as long as what was written is drained; and that there is one to be begun
   * when the journal is opened again. @throws {VaultError}
   */
  provide(): void {
    while (this.#spare.length <= RESERVED_FILES) {
      this.#spare.push(this.#make().file);
    }
  }

  /** Those that hold nothing any more hold zeros, and are fewer. @throws {VaultError} */
  async wipe(): Promise<void> {
    this.#wiping = true;
    try {
      for (const { file, sizeBytes } of this.#spare) {
        fill(file, sizeBytes);
        await file.sync();
      }
      this.shrink();
    } finally {
      this.#wiping = false;
    }
  }

  /** Nobody writes: so many are not wanted. */
  rest(): void {
    if (this.#wiping) return;
    try {
      this.shrink(QUIET_SPARE_FILES);
    } catch {
      // Found again, and removed, when the journal is opened the next time.
    }
  }

  /** Removes those that hold nothing, but for so many: what it takes to go on, unless told otherwise. @throws {VaultError} */
  shrink(kept: number = RESERVED_FILES + 1): void {
    for (const { file, name } of this.#spare.splice(kept)) {
      file.close();
      this.#options.folder.remove(name);
    }
  }

  /** One to be begun, however many there are. @throws {VaultError} */
  takeNow(): TakenFile {
    const spare = this.#spare.shift();
    return spare ? { file: spare, isNew: false } : this.#make();
  }

  #make(): TakenFile {
    const { folder, fileBytes } = this.#options;
    return { file: makeJournalFile(folder, fileBytes), isNew: true };
  }

  /** Whoever waits for a file gets `why` instead. */
  refuse(why: unknown): void {
    this.#freed?.reject(why);
    this.#freed = undefined;
  }

  /** Frees what lies wholly before `from`; gives the same place, in the oldest file that is left. @throws {VaultError} */
  trim(from: Position): Position {
    while (true) {
      const [first, second] = this.#live.values();
      invariant(first, "A journal without a file");
      if (!second || from.sequence < second.start.sequence) {
        if (from.number === first.start.number) return from;
        invariant(
          from.sequence === first.start.sequence,
          "A place that is lost",
        );
        return first.start;
      }
      this.#live.delete(first.start.number);
      this.free(first);
    }
  }

  /** Bytes of entries from one place to another. */
  bytesBetween(from: Position, end: Position): number {
    let sectors = 0;
    for (const [number, { endSector }] of this.#live) {
      if (number > end.number) break;
      const start = number === from.number ? from.sector : 1;
      sectors += (number === end.number ? end.sector : endSector) - start;
    }
    return sectors * SECTOR_BYTES;
  }

  /** As in `Journal`. */
  *entries(
    from: Position,
    upTo: number,
    options: { readonly window?: Uint8Array } = {},
  ): Generator<Entry> {
    let at = from;
    for (const file of this.live()) {
      const { start } = file;
      if (start.number < at.number) continue;
      if (start.number > at.number) {
        if (start.sequence !== at.sequence) break;
        at = start;
      }
      const scan = file.scan(at, options.window);
      while (scan.next.sequence <= upTo) {
        const entry = scan.read();
        if (!entry) break;
        at = entry.next;
        yield entry;
      }
    }
    if (at.sequence > upTo) return;
    throw new VaultError(
      `Entry ${at.sequence} of the journal cannot be read back`,
      { hint: "The medium that holds the journal lost what it had taken." },
    );
  }

  close(): void {
    for (const { file } of [...this.#live.values(), ...this.#spare]) {
      file.close();
    }
  }
}
