/** What a journal still holds of a volume, laid over what lies below it. */

import type { Extent } from "../base/extent.ts";
import type { Journal } from "../journal/journal.ts";
import type { Placed } from "../journal/operation.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import {
  ExtentMap,
  FIXED,
  type Piece,
  type Run,
  type SectorRange,
} from "./extent_map.ts";
import { readError } from "./failure.ts";
import type { Maybe, Store } from "./store.ts";

/** The holder of zeros in a journal file. */
export function zerosOf(number: number): number {
  return FIXED + number;
}

export class Overlay {
  readonly #map = new ExtentMap();
  readonly #journal: Journal;
  readonly #below: Pick<Store, "sizeBytes" | "read" | "nextMapped">;

  constructor(
    journal: Journal,
    below: Pick<Store, "sizeBytes" | "read" | "nextMapped">,
  ) {
    this.#journal = journal;
    this.#below = below;
  }

  /** All that the journal holds. */
  layAll(): void {
    const { from, appended } = this.#journal;
    for (const entry of this.#journal.entries(from, appended)) {
      const { kind, sector, sectors, at } = entry;
      const { number } = at;
      const dataAt = kind === "write" ? at.sector + 1 : at.sector;
      this.lay({ kind, sector, sectors, number, at: dataAt });
    }
  }

  /** From now on these sectors are where a part of an operation went. */
  lay({ kind, sector, sectors: length, number, at }: Placed): void {
    const holder = kind === "zero" ? zerosOf(number) : number;
    this.#map.insert({ sector, length, holder, at });
  }

  /** These are below now, where they were not written again since. */
  drop(runs: readonly Run[]): void {
    for (const run of runs) this.#map.removeIf(run);
  }

  /** As in {@linkcode Store}. */
  read(offset: number, into: Uint8Array): Maybe {
    if (this.#map.size === 0) return this.#below.read(offset, into);
    const end = offset + into.length;
    let pending: Promise<void>[] | undefined;
    for (const piece of this.#map.lookup(sectorsAround(offset, end))) {
      const start = piece.sector * SECTOR_BYTES;
      const from = Math.max(offset, start);
      const to = Math.min(end, start + piece.length * SECTOR_BYTES);
      const part = into.subarray(from - offset, to - offset);
      const waits = this.#readPiece(piece, { from, into: part });
      if (waits) (pending ??= []).push(waits);
    }
    if (pending) return Promise.all(pending).then(() => {});
  }

  /** As in {@linkcode Store}. */
  nextMapped(offset: number): Extent | undefined {
    const { sizeBytes } = this.#below;
    for (let at = offset; at < sizeBytes;) {
      const run = this.#map.next(Math.floor(at / SECTOR_BYTES));
      const start = run ? run.sector * SECTOR_BYTES : sizeBytes;
      if (run && start <= at) {
        const end = Math.min(sizeBytes, extentEndOf(run));
        if (run.holder < FIXED) return { offset: at, length: end - at };
        at = end;
        continue;
      }
      const stop = Math.min(start, sizeBytes);
      const below = this.#below.nextMapped(at);
      if (below && below.offset < stop) {
        const end = Math.min(stop, below.offset + below.length);
        return { offset: below.offset, length: end - below.offset };
      }
      at = stop;
    }
    return undefined;
  }

  /** A piece of a read; the bytes are those from `from` on. */
  #readPiece(
    piece: Piece,
    { from, into }: { readonly from: number; readonly into: Uint8Array },
  ): Maybe {
    if (piece.holder === undefined) return this.#below.read(from, into);
    if (piece.holder >= FIXED) {
      into.fill(0);
      return;
    }
    const at = (piece.at - piece.sector) * SECTOR_BYTES + from;
    try {
      this.#journal.read(piece.holder, at, into);
    } catch (thrown) {
      throw readError(thrown);
    }
  }
}

function extentEndOf(run: SectorRange): number {
  return (run.sector + run.length) * SECTOR_BYTES;
}

/** All sectors that share a byte with those from `offset` up to `end`. */
function sectorsAround(offset: number, end: number): SectorRange {
  const sector = Math.floor(offset / SECTOR_BYTES);
  return { sector, length: Math.ceil(end / SECTOR_BYTES) - sector };
}
