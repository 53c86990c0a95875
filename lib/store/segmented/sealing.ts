/** A segment that is to follow the row, sealed. */

import type { Clock } from "../../base/clock.ts";
import { encodeSegment } from "../../segments/segment.ts";
import { behind, type ChainEnd, type ChainOptions } from "./chain.ts";
import type { Packed } from "./packing.ts";
import type { Rooms } from "../rooms.ts";

/** With its number, and the end of the row behind it. */
export interface SealedBehind extends ReturnType<typeof encodeSegment> {
  readonly number: number;
  readonly end: ChainEnd;
  readonly packed: Packed;
}

/** Seals one that follows that end of the row. */
export function sealBehind(
  from: ChainEnd,
  packed: Packed,
  { keys, volumeId, clock, rooms }: ChainOptions & {
    readonly clock: Clock;
    /** What it lies in. Whoever has uploaded it gives its room back. */
    readonly rooms: Rooms;
  },
): SealedBehind {
  const number = from.next;
  const { extents, data, note, drained } = packed;
  const segment = encodeSegment(keys, {
    ...{ volumeId, number, epoch: from.epoch, timeMs: clock.now() },
    ...{ previous: from.digest, extents, data, drained },
    ...(note && { note }),
    room: (bytes) => rooms.take(bytes),
  });
  const { epoch, digest, timeMs } = segment.head;
  const end = behind(from, { number, epoch, digest, timeMs, drained });
  return { number, end, packed, ...segment };
}
