/** Batches of a journal's entries, read back to be drained. */

import type { Clock } from "../base/clock.ts";
import { invariant } from "../base/errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Position } from "../journal/mark.ts";
import type { Entry } from "../journal/scan.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import { cutAt, type DrainPiece, type DrainTarget } from "./drain_target.ts";
import { ExtentMap, FIXED, type Run } from "./extent_map.ts";
import { zerosOf } from "./overlay.ts";
import { Rooms } from "./rooms.ts";

/** After so much that was read others have their turn. */
const PAUSE_EVERY_BYTES = 256 * 1024;

/** A batch, and where its pieces are in the journal. */
export interface Batch {
  readonly pieces: readonly DrainPiece[];
  readonly runs: readonly Run[];
  readonly first: number;
  readonly next: Position;
  readonly bytes: number;
  /** What the pieces lie in. */
  readonly buffer: Uint8Array<ArrayBuffer>;
}

export class BatchReader {
  readonly #journal: Journal;
  readonly #target: DrainTarget;
  readonly #clock: Clock;
  readonly #rooms: Rooms;
  readonly #lent = new Set<Batch["buffer"]>();

  constructor(
    { journal, target, clock }: {
      readonly journal: Journal;
      readonly target: DrainTarget;
      readonly clock: Clock;
    },
  ) {
    this.#journal = journal;
    this.#target = target;
    this.#clock = clock;
    this.#rooms = new Rooms(clock);
  }

  /** How many of those that were read are not given back. */
  get lent(): number {
    return this.#lent.size;
  }

  /**
   * The next stable entries, of which there are some, each found whole, as many as a batch has, and none behind `last`, which is the last of
   * its operation. Of what they did to a byte only the last counts.
   *
   * @throws {VaultError} where one of them cannot be read any more
   */
  async read(from: Position, last = Infinity): Promise<Batch> {
    const [journal, target] = [this.#journal, this.#target];
    const stable = Math.min(journal.stable, last);
    invariant(from.sequence <= stable, "A batch of nothing");
    const entries: Omit<Entry, "next">[] = [];
    const buffer = this.#rooms.take(target.batchBytes);
    let held = 0;
    const map = new ExtentMap();
    let next = from;
    let bytes = 0;
    let pausedAt = 0;
    for (const entry of journal.entries(from, stable)) {
      const holder = entries.length + (entry.kind === "zero" ? FIXED : 0);
      const { sector, sectors: length } = entry;
      map.insert({ sector, length, holder, at: 0 });
      const end = held + entry.data.length;
      // The last operation may be a long one.
      const fits = end <= buffer.length;
      const data = fits ? buffer.subarray(held, end) : entry.data.slice();
      if (fits) {
        data.set(entry.data);
        held = end;
      }
      entries.push({ ...entry, data });
      next = entry.next;
      bytes += (1 + entry.dataSectors) * SECTOR_BYTES;
      if (bytes >= target.batchBytes && !entry.goesOn) break;
      if (bytes - pausedAt < PAUSE_EVERY_BYTES) continue;
      pausedAt = bytes;
      await this.#clock.sleep(0);
    }
    const pieces: DrainPiece[] = [];
    const runs: Run[] = [];
    for (const run of map.runs()) {
      const entry = entries[run.holder % FIXED]!;
      runs.push(runOf(entry, run));
      const piece = cutAt(pieceOf(entry, run), target.sizeBytes);
      if (piece) pieces.push(piece);
    }
    this.#lent.add(buffer);
    return { pieces, runs, first: from.sequence, next, bytes, buffer };
  }

  /** Nobody looks at its pieces any more. Once is enough. */
  giveBack({ buffer }: Pick<Batch, "buffer">): void {
    if (this.#lent.delete(buffer)) this.#rooms.giveBack(buffer);
  }

  /** Lets go of the memory of batches that are over. */
  clear(): void {
    this.#rooms.clear();
  }
}

/** Where the part of an entry is in the journal that a batch's run is. */
function runOf(entry: Omit<Entry, "next">, run: Run): Run {
  const { sector, length, at } = run;
  return entry.kind === "zero"
    ? { sector, length, holder: zerosOf(entry.at.number), at: entry.at.sector }
    : { sector, length, holder: entry.at.number, at: entry.at.sector + 1 + at };
}

function pieceOf(entry: Omit<Entry, "next">, run: Run): DrainPiece {
  const offset = run.sector * SECTOR_BYTES;
  const length = run.length * SECTOR_BYTES;
  if (entry.kind === "zero") return { kind: "zero", offset, length };
  const start = run.at * SECTOR_BYTES;
  const data = entry.data.subarray(start, start + length);
  return { kind: "write", offset, data };
}
