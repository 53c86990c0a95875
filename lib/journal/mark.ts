/**
 * How far a journal is drained, on stable storage: a small file with two places, written in turn. One that a crash has torn does not count,
 * and the other still says what was true before. The drawing is in FORMAT.md.
 */

import { equalBytes, putU32, putU64, u32, u64 } from "../base/bytes.ts";
import type { File } from "../base/file.ts";
import { JOURNAL_ID_BYTES } from "./file_head.ts";
import { beginHead, isHead, isSealed, seal, SECTOR_BYTES } from "./sector.ts";

/** "vJM1" */
const MAGIC = 0x764a_4d31;
const JOURNAL_AT = 16;
const DRAINED_AT = 32;
const NUMBER_AT = 40;
const SECTOR_AT = 44;
const PREVIOUS_AT = 48;
const STABLE_AT = 56;
const BEGUN_AT = 64;

/** Where the two places are. */
const PLACES = [0, 4096] as const;

/** Where in the journal an entry is, or is to be. */
export interface Position {
  /** The sequence number of the entry. */
  readonly sequence: number;
  /** The number of its file. */
  readonly number: number;
  /** The sector of its head in that file. */
  readonly sector: number;
  /** The checksum that it has to name as its predecessor's. */
  readonly previous: number;
}

/** What a mark says. */
export interface Mark {
  readonly journal: Uint8Array;
  /** The first entry that is not known to be drained. */
  readonly next: Position;
  /** The last entry that was on stable storage when the mark was made. */
  readonly stable: number;
  /** The number of the newest file whose head was: a journal without it has lost it. 0 for none. */
  readonly begun: number;
}

/** The mark of a journal. */
export class MarkFile {
  readonly #file: File;
  #turn: number;
  #last: Mark | undefined;
  #putting: Promise<void> = Promise.resolve();

  /** Reads the later of its two places. @throws {VaultError} where it cannot be read */
  constructor(file: File) {
    this.#file = file;
    const marks = PLACES.map((at) => readMark(file, at));
    const [a, b] = marks;
    const later = a && b ? Number(isLater(b, a)) : a ? 0 : 1;
    this.#last = marks[later];
    this.#turn = 1 - later;
  }

  /** What was last put and is whole; undefined for a new file. */
  get last(): Mark | undefined {
    return this.#last;
  }

  /**
   * On stable storage when it resolves; until then the one before it counts, or this one. Marks only grow: what an earlier one says that
   * is further stays.
   *
   * @throws {VaultError}
   */
  put(mark: Mark): Promise<void> {
    const put = this.#putting.then(() => this.#put(merged(mark, this.#last)));
    this.#putting = put.catch(() => {});
    return put;
  }

  /** @throws {VaultError} */
  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  async #put(mark: Mark): Promise<void> {
    const bytes = new Uint8Array(SECTOR_BYTES);
    beginHead(bytes, MAGIC);
    bytes.set(mark.journal, JOURNAL_AT);
    putU64(bytes, DRAINED_AT, mark.next.sequence - 1);
    putU32(bytes, NUMBER_AT, mark.next.number);
    putU32(bytes, SECTOR_AT, mark.next.sector);
    putU32(bytes, PREVIOUS_AT, mark.next.previous);
    putU64(bytes, STABLE_AT, mark.stable);
    putU32(bytes, BEGUN_AT, mark.begun);
    seal(bytes);
    this.#file.write(PLACES[this.#turn]!, bytes);
    await this.#file.sync();
    this.#turn = 1 - this.#turn;
    this.#last = mark;
  }
}

function merged(mark: Mark, last: Mark | undefined): Mark {
  if (!last) return mark;
  return {
    journal: mark.journal,
    next: mark.next.sequence < last.next.sequence ? last.next : mark.next,
    stable: Math.max(mark.stable, last.stable),
    begun: Math.max(mark.begun, last.begun),
  };
}

function readMark(file: File, at: number): Mark | undefined {
  const bytes = new Uint8Array(SECTOR_BYTES);
  file.read(at, bytes);
  if (!isHead(bytes, MAGIC) || !isSealed(bytes)) return undefined;
  return {
    journal: bytes.slice(JOURNAL_AT, JOURNAL_AT + JOURNAL_ID_BYTES),
    next: {
      sequence: u64(bytes, DRAINED_AT) + 1,
      number: u32(bytes, NUMBER_AT),
      sector: u32(bytes, SECTOR_AT),
      previous: u32(bytes, PREVIOUS_AT),
    },
    stable: u64(bytes, STABLE_AT),
    begun: u32(bytes, BEGUN_AT),
  };
}

/** A journal's marks only ever grow. */
function isLater(a: Mark, b: Mark): boolean {
  return equalBytes(a.journal, b.journal) &&
    a.next.sequence >= b.next.sequence && a.stable >= b.stable &&
    a.begun >= b.begun;
}
