/**
 * One access to a volume's store: in its turn, and with failures turned into outcomes. Synchronous where the store is and nothing else
 * is under way; a promise otherwise.
 */

import { messageOf } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import { MediaError } from "../base/media_error.ts";
import type { Nexus } from "../scsi/nexus.ts";
import type { Outcome } from "../scsi/plan.ts";
import type { Maybe } from "../store/store.ts";
import type { Company, Ticket } from "./order.ts";
import type { Volume } from "./volume.ts";

/** Undefined where all went well, or the outcome that says why not. */
export type Refusal = Outcome | undefined;

/**
 * Fills `into` from `offset` on. Until the promise of an access that waits has resolved, `into` belongs to the store.
 */
export function readInto(
  volume: Volume,
  nexus: Nexus,
  target: { readonly offset: number; readonly into: Uint8Array },
): Refusal | Promise<Refusal> {
  const { offset, into } = target;
  return access(volume, {
    nexus,
    during: "read",
    extent: { offset, length: into.length },
    run: () => volume.store.read(offset, into),
  });
}

/** Writes `from` at `offset`, like {@linkcode readInto}. */
export function writeFrom(
  volume: Volume,
  nexus: Nexus,
  source: { readonly offset: number; readonly from: Uint8Array },
): Refusal | Promise<Refusal> {
  const { offset, from } = source;
  return access(volume, {
    nexus,
    during: "write",
    extent: { offset, length: from.length },
    run: () => volume.change(nexus).write(offset, from),
  });
}

/** Makes everything that has completed stable. */
export async function flush(volume: Volume, nexus: Nexus): Promise<Refusal> {
  try {
    await volume.store.flush();
    return undefined;
  } catch (thrown) {
    return volume.failure(nexus, "flush", thrown);
  }
}

/** The same for a command that has ended with GOOD before: what goes wrong is told with the next one of the nexus. */
export async function flushLater(volume: Volume, nexus: Nexus): Promise<void> {
  try {
    await volume.store.flush();
  } catch (thrown) {
    volume.log.error(`A flush failed: ${messageOf(thrown)}`);
    volume.unit.deferred(nexus, "flush", thrown);
  }
}

/** The refusal of a change over a connection that may only read. */
export function writeProtected(volume: Volume, nexus: Nexus): Outcome {
  return volume.unit.failure(
    nexus,
    "write",
    new MediaError("read-only", "This connection may only read the volume"),
  );
}

/** Runs `work` in `extent`'s turn and leaves it whatever happens. */
export async function inTurn<T>(
  volume: Volume,
  place: { readonly extent: Extent; readonly company: Company },
  work: () => Promise<T>,
): Promise<T> {
  const ticket: Ticket = volume.order.enter(place.extent, place.company);
  try {
    if (ticket.ready) await ticket.ready;
    return await work();
  } finally {
    ticket.leave();
  }
}

interface Access {
  readonly nexus: Nexus;
  readonly during: "read" | "write";
  readonly extent: Extent;
  readonly run: () => Maybe;
}

function access(volume: Volume, step: Access): Refusal | Promise<Refusal> {
  // The medium may have been taken away since the command came.
  const refusal = volume.unit.refusal(step.nexus);
  if (refusal) return refusal;
  if (!volume.order.idle) return accessInTurn(volume, step);
  let pending: Maybe;
  try {
    pending = step.run();
  } catch (thrown) {
    return volume.failure(step.nexus, step.during, thrown);
  }
  if (!pending) return undefined;
  volume.waits = true;
  return accessBegun(volume, step, pending);
}

/** The store waits, so whoever comes next has to know that this access is under way. */
async function accessBegun(
  volume: Volume,
  step: Access,
  pending: Promise<void>,
): Promise<Refusal> {
  const ticket = volume.order.enter(step.extent, "shared");
  try {
    await pending;
    return undefined;
  } catch (thrown) {
    return volume.failure(step.nexus, step.during, thrown);
  } finally {
    ticket.leave();
  }
}

function accessInTurn(volume: Volume, step: Access): Promise<Refusal> {
  const place = { extent: step.extent, company: "shared" as const };
  return inTurn(volume, place, async () => {
    try {
      const pending = step.run();
      if (pending) await pending;
      return undefined;
    } catch (thrown) {
      return volume.failure(step.nexus, step.during, thrown);
    }
  });
}
