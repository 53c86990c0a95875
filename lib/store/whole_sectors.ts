/** Writes of any length as writes of whole sectors. */

import { invariant } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import { MAX_DATA_SECTORS, MAX_ENTRY_SECTORS } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import type { Part } from "../journal/operation.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import type { Maybe, Store } from "./store.ts";

/** The most bytes of a write of any offset that are one operation of the journal. */
export function longestWrite({ maxSectors }: Journal): number {
  // With a head for each entry begun, and two sectors that are not all its own.
  const sectors = (maxSectors - 4) * (MAX_DATA_SECTORS / MAX_ENTRY_SECTORS);
  const bytes = Math.floor(sectors) * SECTOR_BYTES;
  invariant(bytes > 0, "A journal whose files hold no operation");
  return bytes;
}

/**
 * A write of whole sectors: what of the first and the last one is not in `from` is what is there. Nothing for nothing.
 *
 * @throws {MediaError} where what is there cannot be read
 */
export function wholeSectors(
  store: Pick<Store, "sizeBytes" | "read">,
  offset: number,
  from: Uint8Array,
): readonly Part[] | Promise<readonly Part[]> {
  if (from.length === 0) return [];
  const head = offset % SECTOR_BYTES;
  const start = offset - head;
  const end = offset + from.length;
  const tail = end === store.sizeBytes ? 0 : end % SECTOR_BYTES;
  const sector = start / SECTOR_BYTES;
  const sectors = Math.ceil(end / SECTOR_BYTES) - sector;
  const length = sectors * SECTOR_BYTES;
  if (length === from.length) return [{ kind: "write", sector, data: from }];
  const data = new Uint8Array(length);
  const readSector = (at: number): Maybe => {
    const room = Math.min(SECTOR_BYTES, store.sizeBytes - start - at);
    return store.read(start + at, data.subarray(at, at + room));
  };
  const first = head > 0 ? readSector(0) : undefined;
  const isRead = head > 0 && sectors === 1;
  const last = tail > 0 && !isRead
    ? readSector(length - SECTOR_BYTES)
    : undefined;
  const done = (): readonly Part[] => {
    data.set(from, head);
    return [{ kind: "write", sector, data }];
  };
  return first || last ? Promise.all([first, last]).then(done) : done();
}

/** An unmap in the same way: zeros for the sectors that are wholly in it, and a write of what is left of the first and the last one. */
export function unmappedSectors(
  store: Pick<Store, "sizeBytes" | "read">,
  { offset, length }: Extent,
): readonly Part[] | Promise<readonly Part[]> {
  const first = Math.ceil(offset / SECTOR_BYTES);
  // The last sector of a volume may be half of one.
  const end = offset + length === store.sizeBytes
    ? Math.ceil(store.sizeBytes / SECTOR_BYTES)
    : Math.floor((offset + length) / SECTOR_BYTES);
  // Less than a sector, or parts of two.
  if (first >= end) return wholeSectors(store, offset, new Uint8Array(length));
  const headBytes = first * SECTOR_BYTES - offset;
  const tailAt = end * SECTOR_BYTES;
  const tailBytes = Math.max(0, offset + length - tailAt);
  const head = wholeSectors(store, offset, new Uint8Array(headBytes));
  const tail = wholeSectors(store, tailAt, new Uint8Array(tailBytes));
  const whole = (head: readonly Part[], tail: readonly Part[]) => [
    ...head,
    { kind: "zero", sector: first, sectors: end - first } as const,
    ...tail,
  ];
  return head instanceof Promise || tail instanceof Promise
    ? Promise.all([head, tail]).then(([head, tail]) => whole(head, tail))
    : whole(head, tail);
}

/** What `next` makes of a value, at once where it is there. */
export function andThen<T>(
  value: T | Promise<T>,
  next: (value: T) => Maybe,
): Maybe {
  return value instanceof Promise ? value.then(next) : next(value);
}
