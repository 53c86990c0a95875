/** Reads a journal file entry by entry, and stops where no entry follows the last one. */

import type { File } from "../base/file.ts";
import {
  entryChecksum,
  type EntryHead,
  MAX_ENTRY_SECTORS,
  readEntryHead,
} from "./entry.ts";
import type { Position } from "./mark.ts";
import { SECTOR_BYTES } from "./sector.ts";

/** An entry that was read and found whole. */
export interface Entry extends EntryHead {
  readonly at: Position;
  /** Where the entry after it has to be, in the same file. */
  readonly next: Position;
  /** Lent until the next entry is read. Empty for zeros. */
  readonly data: Uint8Array;
}

/** Why nothing follows. */
export type Stop =
  | "the file ends"
  | "no entry"
  | "a wrong checksum"
  | "another predecessor";

/** One walk over a file. */
export class Scan {
  readonly #file: File;
  readonly #life: Uint8Array;
  readonly #endSector: number;
  readonly #window = new Uint8Array(MAX_ENTRY_SECTORS * SECTOR_BYTES);
  /** Which sectors are in the window. */
  #loadedFrom = 0;
  #loadedTo = 0;
  #next: Position;
  #stop: Stop | undefined;

  /** From the entry at `from` on, and not past the sector `endSector`. */
  constructor(
    file: File,
    options: {
      readonly life: Uint8Array;
      readonly from: Position;
      readonly endSector: number;
    },
  ) {
    this.#file = file;
    this.#life = options.life;
    this.#endSector = options.endSector;
    this.#next = options.from;
  }

  /** Where the walk is: the place of the first entry that was not read. */
  get next(): Position {
    return this.#next;
  }

  /** Why it is over; undefined while it is not. */
  get stop(): Stop | undefined {
    return this.#stop;
  }

  /** The next entry, or undefined where none follows. @throws {VaultError} where the file cannot be read */
  read(): Entry | undefined {
    if (this.#stop !== undefined) return undefined;
    const at = this.#next;
    if (at.sector >= this.#endSector) return this.#over("the file ends");
    const head = readEntryHead(this.#load(at.sector, 1), this.#life);
    if (!head || head.sequence !== at.sequence) return this.#over("no entry");
    const sectors = 1 + head.dataSectors;
    if (at.sector + sectors > this.#endSector) return this.#over("no entry");
    const record = this.#load(at.sector, sectors);
    const checksum = entryChecksum(record);
    if (checksum === undefined) return this.#over("a wrong checksum");
    if (head.previous !== at.previous) return this.#over("another predecessor");
    this.#next = {
      sequence: at.sequence + 1,
      number: at.number,
      sector: at.sector + sectors,
      previous: checksum,
    };
    const data = record.subarray(SECTOR_BYTES);
    return { ...head, at, next: this.#next, data };
  }

  /**
   * Looks behind the place where the walk is over for an entry that says that what is missing was on stable storage: then it was
   * not torn by a crash, but has become unreadable since. Gives the sequence number of that entry.
   */
  promiseBehind(): number | undefined {
    const missing = this.#next.sequence;
    for (let at = this.#next.sector + 1; at < this.#endSector; at++) {
      const head = readEntryHead(this.#load(at, 1), this.#life);
      if (!head || head.sequence <= missing || head.stable < missing) continue;
      const sectors = 1 + head.dataSectors;
      if (at + sectors > this.#endSector) continue;
      if (entryChecksum(this.#load(at, sectors)) === undefined) continue;
      return head.sequence;
    }
    return undefined;
  }

  #over(why: Stop): undefined {
    this.#stop = why;
  }

  /** A view of that many sectors, at most a window. */
  #load(sector: number, sectors: number): Uint8Array {
    if (sector < this.#loadedFrom || sector + sectors > this.#loadedTo) {
      const count = Math.min(MAX_ENTRY_SECTORS, this.#endSector - sector);
      this.#file.read(
        sector * SECTOR_BYTES,
        this.#window.subarray(0, count * SECTOR_BYTES),
      );
      this.#loadedFrom = sector;
      this.#loadedTo = sector + count;
    }
    const start = (sector - this.#loadedFrom) * SECTOR_BYTES;
    return this.#window.subarray(start, start + sectors * SECTOR_BYTES);
  }
}
