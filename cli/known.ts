/** What tables show of a volume whose own document is damaged. */

import type { VolumeInfo } from "../lib/control/operations.ts";

/** Whether more is known of the volume than its name, what it takes, and what is the matter with it. */
export function isKnown({ sizeBytes }: VolumeInfo): boolean {
  return sizeBytes > 0;
}

/** A column that such a volume has no value for. */
export function known(
  cell: (volume: VolumeInfo) => string,
): (volume: VolumeInfo) => string {
  return (volume) => isKnown(volume) ? cell(volume) : "-";
}
