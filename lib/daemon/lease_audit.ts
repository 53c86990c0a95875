/** What a node's leases tell the audit log: who got one, who did not, and who lost one to whom. */

import type { Audit, AuditEvent } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Effect } from "../lease/event.ts";
import { boundedLog } from "./bounded_log.ts";

/** Lines of the log, as warnings where somebody was kept or thrown out. Devices bring them about, so each sort has its bound. */
export function auditLeasesTo(log: Log, clock: Clock): Audit {
  // However often somebody is refused, it is seen who was fenced.
  const refusals = boundedLog(log, clock);
  const others = boundedLog(log, clock);
  return ({ kind, ...facts }) => {
    if (kind === "lease refused") refusals.warn(kind, facts);
    else if (kind === "fenced") others.warn(kind, facts);
    else others.info(kind, facts);
  };
}

/** What is told of a step's effect. `device` is who asks. */
export function auditOf(
  effect: Effect,
  { volume, device }: { readonly volume: string; readonly device?: string },
): AuditEvent | undefined {
  switch (effect.kind) {
    case "granted": {
      const { holder } = effect;
      return effect.new
        ? {
          kind: "lease granted",
          ...{ volume, device: holder.device, generation: holder.generation },
          reason: holder.mode,
        }
        : undefined;
    }
    case "refused": {
      const by = effect.taker ?? effect.holders[0]?.device;
      if (device === undefined) return undefined;
      return {
        ...{ kind: "lease refused", volume, device },
        ...(by === undefined ? {} : { by }),
      };
    }
    case "hand over": {
      const { holder: { device, generation }, to } = effect;
      return { kind: "handover asked", volume, device, generation, by: to };
    }
    case "clear": {
      const { holder, lost, handedTo } = effect;
      const about = {
        volume,
        device: holder.device,
        generation: holder.generation,
      };
      if (handedTo !== undefined) {
        return { kind: "handed over", ...about, by: handedTo };
      }
      if (!lost) return { kind: "released", ...about };
      const by = lost.by === undefined ? {} : { by: lost.by };
      return { kind: "fenced", ...about, ...by, reason: lost.reason };
    }
    default:
      return undefined;
  }
}
