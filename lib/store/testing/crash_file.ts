/**
 * What a file has on its medium, apart from what the system has of it in its page cache: the two differ by what was done since the last
 * sync that is over. A power cut leaves some of the difference.
 *
 * | done since then | a power cut leaves |
 * |---|---|
 * | bytes written, or punched to zeros | of each sector one state that it had since then; which, is independent of all others |
 * | the length changed | the lengths of the first few of these changes, in their order: file systems keep a journal of them |
 *
 * A sector of 512 bytes is never torn: that is what disks promise, and what the oracle counts as a block. All else is: in sectors, in the
 * 4 KiB pages that the system writes out, or operation by operation. A sync that is under way has promised nothing yet, so whatever it has
 * done is one of these cases. What was written behind a length that was not kept is gone.
 */

import { VaultError } from "../../base/errors.ts";
import type { File } from "../../base/file.ts";
import type { Dice } from "../../../tests/fuzz/dice.ts";

export const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

/** Something done to a file that is not on the medium yet. */
type Loose =
  | { readonly kind: "length"; readonly sizeBytes: number }
  | {
    readonly kind: "bytes";
    /** Of its first sector. */
    readonly offset: number;
    /** Whole sectors, as they were when it was done. */
    readonly after: Uint8Array;
  };

/** How a power cut tears. */
type Tear = "nothing" | "all" | "operations" | "pages" | "sectors" | "first";
const TEARS = [
  ...["nothing", "all", "operations", "pages", "sectors", "first"] as const,
];

/** The medium's and the system's view of one file. It outlives whoever has it open. */
export class Medium {
  #now: Uint8Array;
  #kept: Uint8Array;
  #loose: Loose[] = [];

  constructor(sizeBytes: number) {
    this.#now = new Uint8Array(sizeBytes);
    this.#kept = new Uint8Array(sizeBytes);
  }

  /** As the system sees it. */
  get now(): Uint8Array {
    return this.#now;
  }

  write(offset: number, from: Uint8Array): void {
    if (from.length === 0) return;
    const end = offset + from.length;
    if (end > this.#now.length) this.resize(end);
    this.#now.set(from, offset);
    this.#note(offset, end);
  }

  punch(offset: number, length: number): void {
    const end = Math.min(this.#now.length, offset + length);
    if (offset >= end) return;
    this.#now.fill(0, offset, end);
    this.#note(offset, end);
  }

  resize(sizeBytes: number): void {
    this.#now = resized(this.#now, sizeBytes);
    this.#loose.push({ kind: "length", sizeBytes });
  }

  /** Begins a sync; the function that it gives ends it: what was done by now is on the medium then. */
  sync(): () => void {
    const covered = new Set(this.#loose);
    return () => {
      for (const loose of this.#loose) {
        if (covered.has(loose)) this.#keep(loose, () => true);
      }
      this.#loose = this.#loose.filter((loose) => !covered.has(loose));
    };
  }

  /** The power is cut; the file is what the dice have left of it. Gives whether anything was lost. */
  cut(dice: Dice): boolean {
    const tear = dice.of(TEARS);
    const lengths = this.#loose.filter(({ kind }) => kind === "length").length;
    let lengthsKept = tear === "all"
      ? lengths
      : tear === "nothing"
      ? 0
      : dice.next(lengths + 1);
    const first = dice.next(this.#loose.length + 1);
    this.#loose.forEach((loose, n) => {
      if (loose.kind === "length") {
        if (lengthsKept-- > 0) this.#keep(loose, () => true);
      } else this.#keep(loose, survival(dice, { tear, first, n }));
    });
    this.#loose = [];
    const lost = !sameBytes(this.#kept, this.#now);
    this.#now = this.#kept.slice();
    return lost;
  }

  /** Puts it on the medium, or those of its sectors that `survives` tells. */
  #keep(loose: Loose, survives: (at: number) => boolean): void {
    if (loose.kind === "length") {
      this.#kept = resized(this.#kept, loose.sizeBytes);
      return;
    }
    const { offset, after } = loose;
    for (let at = 0; at < after.length; at += SECTOR_BYTES) {
      const room = this.#kept.length - offset - at;
      if (room <= 0 || !survives(offset + at)) continue;
      const sector = after.subarray(at, at + Math.min(SECTOR_BYTES, room));
      this.#kept.set(sector, offset + at);
    }
  }

  #note(from: number, to: number): void {
    const offset = from - from % SECTOR_BYTES;
    const after = new Uint8Array(
      Math.ceil((to - offset) / SECTOR_BYTES) * SECTOR_BYTES,
    );
    after.set(this.#now.subarray(offset, offset + after.length));
    this.#loose.push({ kind: "bytes", offset, after });
  }
}

/** What a {@linkcode CrashFile} knows of the world. */
export interface Power {
  readonly canPunch: boolean;
  /** @throws {VaultError} where whoever had the file open is gone */
  check(): void;
  /** Resolves when somebody calls `end`, if it is called before the next crash. */
  sync(end: () => void): Promise<void>;
}

/** A file that is open, until the next crash. */
export class CrashFile implements File {
  readonly #medium: Medium;
  readonly #power: Power;
  #closed = false;

  constructor(medium: Medium, power: Power) {
    this.#medium = medium;
    this.#power = power;
  }

  read(offset: number, into: Uint8Array): void {
    const bytes = this.#bytes().subarray(offset, offset + into.length);
    into.set(bytes);
    into.fill(0, bytes.length);
  }

  write(offset: number, from: Uint8Array): void {
    this.#check();
    this.#medium.write(offset, from);
  }

  sync(): Promise<void> {
    this.#check();
    return this.#power.sync(this.#medium.sync());
  }

  syncNow(): void {
    this.#check();
    this.#medium.sync()();
  }

  size(): number {
    return this.#bytes().length;
  }

  truncate(sizeBytes: number): void {
    this.#check();
    this.#medium.resize(sizeBytes);
  }

  punch(offset: number, length: number): boolean {
    this.#check();
    if (this.#power.canPunch) this.#medium.punch(offset, length);
    return this.#power.canPunch;
  }

  anchor(): boolean {
    this.#check();
    return this.#power.canPunch;
  }

  nextData(offset: number): { offset: number; length: number } | undefined {
    const bytes = this.#bytes();
    if (!this.#power.canPunch) {
      const length = bytes.length - offset;
      return length > 0 ? { offset, length } : undefined;
    }
    // Every page of zeros is taken for a hole: it reads as one.
    const first = bytes.findIndex((byte, at) => at >= offset && byte !== 0);
    if (first < 0) return undefined;
    const start = Math.max(offset, first - first % PAGE_BYTES);
    const end = Math.min(bytes.length, first - first % PAGE_BYTES + PAGE_BYTES);
    return { offset: start, length: end - start };
  }

  allocated(): number {
    return this.#bytes().length;
  }

  close(): void {
    this.#check();
    this.#closed = true;
  }

  #bytes(): Uint8Array {
    this.#check();
    return this.#medium.now;
  }

  #check(): void {
    this.#power.check();
    if (this.#closed) throw new VaultError("The file is closed");
  }
}

function survival(
  dice: Dice,
  how: {
    readonly tear: Tear;
    readonly first: number;
    readonly n: number;
  },
): (at: number) => boolean {
  const { tear, first, n } = how;
  switch (tear) {
    case "nothing":
      return () => false;
    case "all":
      return () => true;
    case "first":
      return n === first ? () => dice.once(2) : () => n < first;
    case "operations": {
      const survives = dice.once(2);
      return () => survives;
    }
    case "sectors":
      return () => dice.once(2);
    case "pages": {
      let [page, survives] = [-1, false];
      return (at) => {
        const own = Math.floor(at / PAGE_BYTES);
        if (own !== page) [page, survives] = [own, dice.once(2)];
        return survives;
      };
    }
  }
}

function resized(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  const copy = new Uint8Array(sizeBytes);
  copy.set(bytes.subarray(0, sizeBytes));
  return copy;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
