/** What tables show of volumes: also of one whose own document is damaged. */

import type { VolumeInfo } from "../lib/control/operations.ts";
import { formatSize } from "./size.ts";

/** Whether more is known of the volume than its name, what it takes, and what is the matter with it. */
export function isKnown({ sizeBytes }: VolumeInfo): boolean {
  return sizeBytes > 0;
}

/** A cell that such a volume has no value for. */
export function known(
  cell: (volume: VolumeInfo) => string,
): (volume: VolumeInfo) => string {
  return (volume) => isKnown(volume) ? cell(volume) : "-";
}

/** Columns that more than one table has. */
export const VOLUME = {
  name: { head: "VOLUME", cell: ({ name }: VolumeInfo) => name },
  size: {
    head: "SIZE",
    cell: known(({ sizeBytes }) => formatSize(sizeBytes)),
    align: "right",
  },
  used: {
    head: "USED",
    cell: ({ allocatedBytes }: VolumeInfo) => formatSize(allocatedBytes),
    align: "right",
  },
  target: { head: "TARGET", cell: known(({ target }) => target) },
  lun: { head: "LUN", cell: known(({ lun }) => String(lun)), align: "right" },
  health: { head: "HEALTH", cell: ({ health }: VolumeInfo) => health },
} as const;
