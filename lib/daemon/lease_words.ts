/** What people are told of leases. */

import type { HolderInfo } from "../control/operations.ts";
import type { Effect } from "../lease/event.ts";
import type { Holding, Lost } from "../lease/holder.ts";

/** Initiators of the node's own machine, as a holder. No device can have the name: it has a space in it. */
export const THIS_MACHINE = "this machine";

/** Why a lease was lost. */
export function reasonWords(
  { reason, by }: Pick<Lost, "reason" | "by">,
): string {
  const other = by ?? "another device";
  switch (reason) {
    case "taken":
      return `${other} took it over at once`;
    case "late":
      return `${other} took it over, and it was not let go in time`;
    case "dead":
      return `${other} took it over while nothing was heard of its holder`;
    case "anew":
      return `${other} attached it anew`;
    case "operator":
      return "whoever runs the node released it";
    case "revoked":
      return "the device was revoked";
    case "deleted":
      return "the volume was deleted";
  }
}

export function holderInfo(holding: Holding): HolderInfo {
  const { device, mode, since, generation, life, goneSince } = holding;
  return {
    device,
    mode,
    since: new Date(since).toISOString(),
    generation,
    state: life,
    ...(goneSince === undefined
      ? {}
      : { goneSince: new Date(goneSince).toISOString() }),
  };
}

/** What whoever takes a lease over is told of an effect; undefined where that is nothing. */
export function progressOf(effect: Effect, leftMs: number): string | undefined {
  if (effect.kind === "hand over") {
    const seconds = Math.ceil(leftMs / 1000);
    return `${effect.holder.device} is asked to let go, and has ${seconds} s.`;
  }
  if (effect.kind !== "clear") return undefined;
  const { holder: { device }, lost } = effect;
  return lost
    ? `${device} is fenced: ${reasonWords(lost)}.`
    : `${device} lets go.`;
}
