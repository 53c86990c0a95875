/**
 * The files of an open journal.
 *
 *     spare ──begun──▶ live, being written ──next one begun──▶ live, to be drained ──all drained──▶ spare
 *
 * Invariant: what a spare file held is covered by a mark on stable storage, so it may be overwritten at any time.
 */

import { invariant } from "../base/errors.ts";
import type { Folder } from "../base/folder.ts";
import { fill, type JournalFile, makeJournalFile } from "./journal_file.ts";
import type { Position } from "./mark.ts";
import { SECTOR_BYTES } from "./sector.ts";

/** How many spare files are kept for later; what is over is removed. */
const KEPT_SPARE_FILES = 4;

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
    for (const { file, sizeBytes } of this.#spare) {
      fill(file, sizeBytes);
      await file.sync();
    }
    this.shrink();
  }

  /** Removes those that hold nothing, but for what it takes to go on. @throws {VaultError} */
  shrink(): void {
    for (const { file, name } of this.#spare.splice(RESERVED_FILES + 1)) {
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
      const start = number === from.number ? from.sector : 1;
      sectors += (number === end.number ? end.sector : endSector) - start;
    }
    return sectors * SECTOR_BYTES;
  }

  close(): void {
    for (const { file } of [...this.#live.values(), ...this.#spare]) {
      file.close();
    }
  }
}
