/** Who holds a volume, in words. */

import type { HolderInfo } from "../lib/control/operations.ts";
import { formatTime } from "../lib/daemon/lease_refusal.ts";

const DOES: Readonly<Record<HolderInfo["mode"], string>> = {
  write: "",
  shared: ", shared",
  read: ", read-only",
};

/** "laptop since 12:04, shared (gone since 12:30)". */
export function holderWords(holder: HolderInfo): string {
  const { device, mode, since, state, goneSince } = holder;
  const at = (iso: string) => formatTime(iso, Date.now());
  const life = state === "up"
    ? ""
    : state === "paused"
    ? " (its connection is lost, and may come back)"
    : goneSince === undefined
    ? " (not connected since the node was started)"
    : ` (not connected since ${at(goneSince)})`;
  return `${device} since ${at(since)}${DOES[mode]}${life}`;
}

/** In a cell of a table: "laptop", "laptop (gone)", "laptop, desktop". */
export function holderNames(holders: readonly HolderInfo[]): string {
  if (holders.length === 0) return "-";
  return holders.map(({ device, state }) =>
    state === "up" ? device : `${device} (${state})`
  ).join(", ");
}
