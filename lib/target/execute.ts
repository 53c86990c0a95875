/**
 * Carries out a plan on a volume's store.
 *
 * Everything is synchronous where the store is: a promise is made only for what waits. Commands over long extents are in
 * `long_work.ts`, single reads and writes in `access.ts`.
 */

import type { Extent } from "../base/extent.ts";
import type { Attempt, Plan, Write } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import {
  flush,
  flushLater,
  readInto,
  type Refusal,
  writeFrom,
  writeProtected,
} from "./access.ts";
import { type Done, GOOD, type Job } from "./job.ts";
import { copy } from "./copying.ts";
import { erase } from "./erasing.ts";
import {
  compare,
  mapQuery,
  or,
  probe,
  unmap,
  writeAtomically,
  writeSame,
} from "./long_work.ts";
import type { Volume } from "./volume.ts";

/** Carries out `plan`. Never throws for what the store does: its failures are outcomes. */
export function execute(
  volume: Volume,
  job: Job,
  plan: Plan,
): Done | Promise<Done> {
  switch (plan.kind) {
    case "answer":
      return plan;
    case "data-in":
      return { outcome: GOOD, data: plan.data };
    case "data-out":
      return execute(volume, job, plan.then(job.dataOut));
    case "sequence":
      return sequence(volume, job, plan.steps);
    case "read":
      return read(volume, job, plan.extent);
    case "map-query":
      return mapQuery(volume, job, plan);
    case "attempt":
      return attempt(volume, job, plan);
    case "keep":
      return execute(volume, job, plan.then(volume.keep(plan.reservations)));
    case "abort-tasks":
      return volume.abortTasks(plan.nexuses, job)
        .then(() => ({ outcome: GOOD }));
    default:
      if (job.readOnly && changes(plan)) {
        return { outcome: writeProtected(volume, job.nexus) };
      }
      return after(refusalOf(volume, job, plan));
  }
}

/** Whether carrying out the plan may change what the volume holds. What data decide counts as a change once they are there. */
export function changes(plan: Plan): boolean {
  return plan.kind === "write" || plan.kind === "unmap" ||
    plan.kind === "write-same" || plan.kind === "or" ||
    plan.kind === "write-atomic" || plan.kind === "erase" ||
    plan.kind === "copy" ||
    (plan.kind === "compare" && plan.then !== undefined);
}

type Effect = Exclude<
  Plan,
  {
    kind:
      | "answer"
      | "data-in"
      | "data-out"
      | "sequence"
      | "read"
      | "map-query"
      | "attempt"
      | "keep"
      | "abort-tasks";
  }
>;

function refusalOf(
  volume: Volume,
  job: Job,
  plan: Effect,
): Refusal | Promise<Refusal> {
  switch (plan.kind) {
    case "write":
      return write(volume, job, plan);
    case "flush":
      // What is known to have failed is told at once.
      return plan.immediate && volume.store.health.state === "ok"
        ? void flushLater(volume, job.nexus)
        : flush(volume, job.nexus);
    case "erase":
      return erase(volume, job, plan);
    case "copy":
      return copy(volume, job, plan);
  }
  // The medium may have been taken away while the data came.
  const refusal = volume.unit.refusal(job.nexus);
  if (refusal) return refusal;
  switch (plan.kind) {
    case "unmap":
      return unmap(volume, job, plan);
    case "write-same":
      return writeSame(volume, job, plan);
    case "compare":
      return compare(volume, job, plan);
    case "probe":
      return probe(volume, job, plan);
    case "or":
      return or(volume, job, plan);
    case "write-atomic":
      return writeAtomically(volume, job, plan);
  }
}

function after(refusal: Refusal | Promise<Refusal>): Done | Promise<Done> {
  if (refusal instanceof Promise) {
    return refusal.then((outcome) => ({ outcome: outcome ?? GOOD }));
  }
  return { outcome: refusal ?? GOOD };
}

/** What the initiator did not send in whole blocks, because it expected to send less than the extent, is left as it is. */
function write(
  volume: Volume,
  job: Job,
  plan: Write,
): Refusal | Promise<Refusal> {
  const from = job.dataOut.subarray(0, plan.wholeBytes ?? plan.extent.length);
  const source = { offset: plan.extent.offset, from };
  const refusal = writeFrom(volume, job.nexus, source);
  if (!plan.fua) return refusal;
  if (refusal instanceof Promise) {
    return refusal.then((outcome) => outcome ?? flush(volume, job.nexus));
  }
  return refusal ?? flush(volume, job.nexus);
}

/** Reads in one piece. Long reads go out in pieces and do not come here (`data_in.ts`). */
async function read(volume: Volume, job: Job, extent: Extent): Promise<Done> {
  const into = new Uint8Array(extent.length);
  const target = { offset: extent.offset, into };
  const refusal = await readInto(volume, job.nexus, target);
  return refusal ? { outcome: refusal } : { outcome: GOOD, data: into };
}

async function attempt(
  volume: Volume,
  job: Job,
  { plan, otherwise }: Attempt,
): Promise<Done> {
  const done = await execute(volume, job, plan);
  return done.outcome.status === Status.GOOD ? done : { outcome: otherwise };
}

async function sequence(
  volume: Volume,
  job: Job,
  steps: readonly Plan[],
): Promise<Done> {
  let data: Uint8Array | undefined;
  for (const step of steps) {
    const done = await execute(volume, job, step);
    if (done.outcome.status !== Status.GOOD) return done;
    if (done.data) data = done.data;
  }
  // Without data to send the residual count is about what was received.
  return data ? { outcome: GOOD, data } : { outcome: GOOD };
}
