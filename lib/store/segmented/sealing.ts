/** Segments that are to follow each other, sealed. */

import type { Clock } from "../../base/clock.ts";
import { encodeSegment } from "../../segments/segment.ts";
import { behind, type ChainEnd, type ChainOptions } from "./chain.ts";
import type { Packed } from "./packing.ts";
import type { Rooms } from "./rooms.ts";
import { UPLOADS } from "./row_queue.ts";

/** Each with its number, and the end of the row behind it. */
export async function sealBehind(
  from: ChainEnd,
  packed: readonly Packed[],
  { keys, volumeId, clock, rooms }: ChainOptions & {
    readonly clock: Clock;
    /** What the segments lie in. Whoever has uploaded one gives its room back. */
    readonly rooms: Rooms;
  },
) {
  // Not so many are uploaded at once any more.
  if (packed.length < UPLOADS) rooms.clear();
  const sealed = [];
  let end = from;
  for (const one of packed) {
    const number = end.next;
    const { extents, data, note } = one;
    const segment = encodeSegment(keys, {
      ...{ volumeId, number, epoch: end.epoch, timeMs: clock.now() },
      ...{ previous: end.digest, extents, data, ...(note && { note }) },
      room: (bytes) => rooms.take(bytes),
    });
    const { epoch, digest, timeMs } = segment.head;
    end = behind(end, { number, epoch, digest, timeMs });
    sealed.push({ number, end, packed: one, ...segment });
    // Sealing takes its time: others have their turn.
    await clock.sleep(0);
  }
  return sealed;
}
