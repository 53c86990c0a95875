/** Segments that are to go behind a row, sealed one after the other: each names the one before. */

import type { Clock } from "../../base/clock.ts";
import { encodeSegment } from "../../segments/segment.ts";
import { behind, type ChainEnd, type ChainOptions } from "./chain.ts";
import type { Packed } from "./packing.ts";

/** Each with its number, and with where the row ends behind it. */
export async function sealBehind(
  { keys, volumeId, clock }: ChainOptions & { readonly clock: Clock },
  from: ChainEnd,
  packed: readonly Packed[],
) {
  const sealed = [];
  let end = from;
  for (const one of packed) {
    const number = end.next;
    const segment = encodeSegment(keys, {
      ...{ volumeId, number, epoch: end.epoch, timeMs: clock.now() },
      ...{ previous: end.digest, ...one },
    });
    const { epoch, digest, timeMs } = segment.head;
    end = behind(end, { number, epoch, digest, timeMs });
    sealed.push({ number, end, packed: one, ...segment });
    // Sealing takes its time: others have their turn.
    await clock.sleep(0);
  }
  return sealed;
}
