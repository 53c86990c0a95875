/** Which segments are rewritten next. */

import { headBytes } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import { type KnownSegment, objectBytes } from "./ledger.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Of what is rewritten at once, such a part must be gained: else it would be rewritten for ever where heads alone are too much. */
const LEAST_GAIN = 1 / 16;

/** Those that are most worth it, as many as fill one of `segmentBytes`; none where little would be gained. */
export function victimsIn(
  map: VolumeMap,
  segmentBytes: number,
  isLeftOut: (segment: KnownSegment) => boolean,
): readonly KnownSegment[] {
  const victims: KnownSegment[] = [];
  let [dataBytes, tableBytes, before] = [0, 0, 0];
  // Of those with more than all have on the average nothing is gained.
  const { liveBytes, objectBytes: allBytes, deadBytes } = map.loose;
  const share = liveBytes / (allBytes - deadBytes);
  for (const segment of map.worthRewriting(share)) {
    if (isLeftOut(segment)) continue;
    const bytes = segment.liveSectors * SECTOR_BYTES;
    if (victims.length > 0 && dataBytes + bytes > segmentBytes) break;
    victims.push(segment);
    dataBytes += bytes;
    tableBytes += segment.dataStart - headBytes(0, segment.dataBytes);
    before += objectBytes(segment);
  }
  // What moves is named with where it was, and half of what was named has died.
  const dataStart = headBytes(tableBytes, dataBytes);
  const gain = before - objectBytes({ dataStart, dataBytes });
  return gain >= LEAST_GAIN * before ? victims : [];
}
