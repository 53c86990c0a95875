/**
 * Commands whose extent may be long: each works in pieces and lets others run between them, so that an UNMAP of a whole volume disturbs
 * nobody. COMPARE AND WRITE holds its extent alone from its read to the end of its write.
 */

import { invariant } from "../base/errors.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type {
  Compare,
  MapQuery,
  Or,
  Outcome,
  Probe,
  Unmap,
  WriteAtomic,
  WriteSame,
} from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import type { Maybe } from "../store/store.ts";
import { flush, inTurn, type Refusal } from "./access.ts";
import { type Done, GOOD, type Job } from "./job.ts";
import type { Volume } from "./volume.ts";

/** What one piece reads or writes before others may run. */
export const PIECE_BYTES = 1024 * 1024;

/** A piece of UNMAP grows up to this while the store gives space back quickly. */
export const UNMAP_PIECE_MAX_BYTES = 1024 * 1024 * 1024;

/** How long pieces follow each other before others get a turn. */
const TURN_MS = 2;

/** Each extent reads as zeros afterwards. */
export async function unmap(
  volume: Volume,
  job: Job,
  plan: Unmap,
): Promise<Refusal> {
  let refusal: Refusal;
  const failure = await changing(volume, job, plan.fua, async (turn) => {
    for (const extent of plan.extents) {
      // The medium may have gone since the last one; whoever erases it is not waited for.
      refusal = volume.unit.refusal(job.nexus);
      if (refusal || job.aborted) return;
      await inTurn(
        volume,
        { extent, company: "shared" },
        () => unmapPieces(volume, job, { turn, extent }),
      );
    }
  });
  return refusal ?? failure;
}

/** The pattern over and over. */
export function writeSame(
  volume: Volume,
  job: Job,
  plan: WriteSame,
): Promise<Refusal> {
  const { extent, pattern } = plan;
  return changing(
    volume,
    job,
    plan.fua,
    (turn) =>
      inTurn(volume, { extent, company: "shared" }, async () => {
        const piece = repeated(pattern, Math.min(extent.length, PIECE_BYTES));
        for (const { offset, length } of pieces(extent, piece.length)) {
          const same = piece.subarray(0, length);
          await now(volume.change(job.nexus).write(offset, same));
          if (!(await turn.next())) return;
        }
      }),
  );
}

/** Compares, and writes where all is equal and the plan says so. */
export function compare(
  volume: Volume,
  job: Job,
  plan: Compare,
): Promise<Refusal> {
  const extent = { offset: plan.offset, length: plan.expected.length };
  const company = plan.then ? "alone" as const : "shared" as const;
  return inTurn(volume, { extent, company }, async () => {
    const different = await differs(volume, job, plan);
    if (different || !plan.then) return different;
    const { data, fua } = plan.then;
    return await changing(
      volume,
      job,
      fua,
      async () => await now(volume.change(job.nexus).write(plan.offset, data)),
    );
  });
}

/** Writes what is there OR the data, and lets nobody in between. */
export function or(volume: Volume, job: Job, plan: Or): Promise<Refusal> {
  const extent = { offset: plan.offset, length: plan.data.length };
  return inTurn(
    volume,
    { extent, company: "alone" },
    () => changing(volume, job, plan.fua, (turn) => orPieces(plan, turn)),
  );

  async function orPieces({ data }: Or, turn: Turn): Promise<void> {
    const scratch = new Uint8Array(Math.min(extent.length, PIECE_BYTES));
    for (const { offset, length } of pieces(extent, PIECE_BYTES)) {
      const piece = scratch.subarray(0, length);
      await now(volume.store.read(offset, piece));
      const from = offset - extent.offset;
      for (let i = 0; i < length; i++) piece[i]! |= data[from + i]!;
      await now(volume.change(job.nexus).write(offset, piece));
      if (!(await turn.next())) return;
    }
  }
}

/** All or nothing, for whoever looks now and for whoever looks after a crash. */
export function writeAtomically(
  volume: Volume,
  job: Job,
  { offset, data }: WriteAtomic,
): Promise<Refusal> {
  return inTurn(
    volume,
    { extent: { offset, length: data.length }, company: "alone" },
    () =>
      changing(
        volume,
        job,
        false,
        async () => {
          const { atomic } = volume.change(job.nexus);
          invariant(atomic, "An atomic write to a store that knows none");
          await atomic.write(offset, data);
        },
      ),
  );
}

/** Reads the extent where it is mapped: what is not can neither fail nor be fetched. */
export function probe(
  volume: Volume,
  job: Job,
  plan: Probe,
): Promise<Refusal> {
  return reading(volume, job, async (turn) => {
    const end = extentEnd(plan.extent);
    let scratch: Uint8Array | undefined;
    for (let at = plan.extent.offset; at < end;) {
      const mapped = volume.store.nextMapped(at);
      if (!mapped || mapped.offset >= end) return undefined;
      const offset = Math.max(at, mapped.offset);
      const length = Math.min(end, extentEnd(mapped)) - offset;
      scratch ??= new Uint8Array(PIECE_BYTES);
      const piece = scratch.subarray(0, length);
      await now(volume.store.read(offset, piece));
      at = offset + piece.length;
      if (!(await turn.next())) return undefined;
    }
    return undefined;
  });
}

/** What is mapped in the extent, in order and without gaps, rendered. */
export function mapQuery(volume: Volume, job: Job, plan: MapQuery): Done {
  try {
    return { outcome: GOOD, data: plan.render(mapOf(volume, plan)) };
  } catch (thrown) {
    return { outcome: volume.failure(job.nexus, "read", thrown) };
  }
}

function mapOf(
  volume: Volume,
  plan: MapQuery,
): { extent: Extent; mapped: boolean }[] {
  const found: { extent: Extent; mapped: boolean }[] = [];
  const end = extentEnd(plan.extent);
  const add = (from: number, to: number, mapped: boolean) => {
    if (to > from) {
      found.push({ extent: { offset: from, length: to - from }, mapped });
    }
  };
  for (
    let at = plan.extent.offset;
    at < end && found.length < plan.maxExtents;
  ) {
    const next = volume.store.nextMapped(at);
    const from = Math.min(end, next ? Math.max(at, next.offset) : end);
    const to = Math.min(end, next ? extentEnd(next) : end);
    add(at, from, false);
    add(from, to, true);
    at = to;
  }
  return found.slice(0, plan.maxExtents);
}

async function differs(
  volume: Volume,
  job: Job,
  plan: Compare,
): Promise<Refusal> {
  return await reading(volume, job, async (turn) => {
    const extent = { offset: plan.offset, length: plan.expected.length };
    const scratch = new Uint8Array(Math.min(extent.length, PIECE_BYTES));
    for (const { offset, length } of pieces(extent, PIECE_BYTES)) {
      const from = offset - plan.offset;
      const found = scratch.subarray(0, length);
      await now(volume.store.read(offset, found));
      const at = firstDifference(
        found,
        plan.expected.subarray(from, from + length),
      );
      if (at !== undefined) return plan.miscompare(from + at);
      if (!(await turn.next())) return ABANDONED;
    }
    return undefined;
  });
}

/** Stands for a command that nobody waits for any more: it must not go on to write. Never sent. */
const ABANDONED: Outcome = { status: Status.TASK_ABORTED };

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return undefined;
}

async function unmapPieces(
  volume: Volume,
  job: Job,
  { turn, extent }: { readonly turn: Turn; readonly extent: Extent },
): Promise<void> {
  let size = PIECE_BYTES;
  const end = extentEnd(extent);
  for (let offset = extent.offset; offset < end;) {
    const length = Math.min(size, end - offset);
    const began = volume.clock.monotonic();
    await now(volume.change(job.nexus).unmap({ offset, length }));
    const tookMs = volume.clock.monotonic() - began;
    if (tookMs < TURN_MS / 2) size = Math.min(2 * size, UNMAP_PIECE_MAX_BYTES);
    else if (tookMs > TURN_MS) size = Math.max(size / 2, PIECE_BYTES);
    offset += length;
    if (!(await turn.next())) return;
  }
}

async function changing(
  volume: Volume,
  job: Job,
  fua: boolean,
  work: (turn: Turn) => Promise<void>,
): Promise<Refusal> {
  try {
    await work(new Turn(volume, job));
  } catch (thrown) {
    return volume.failure(job.nexus, "write", thrown);
  }
  return fua ? await flush(volume, job.nexus) : undefined;
}

async function reading(
  volume: Volume,
  job: Job,
  work: (turn: Turn) => Promise<Refusal>,
): Promise<Refusal> {
  try {
    return await work(new Turn(volume, job));
  } catch (thrown) {
    return volume.failure(job.nexus, "read", thrown);
  }
}

/** The share of time that a command in pieces takes before it lets others run. */
export class Turn {
  readonly #volume: Volume;
  readonly #job: Job;
  #began: number;

  constructor(volume: Volume, job: Job) {
    this.#volume = volume;
    this.#job = job;
    this.#began = volume.clock.monotonic();
  }

  /** False once nobody waits for the command any more. */
  async next(): Promise<boolean> {
    const { clock } = this.#volume;
    if (clock.monotonic() - this.#began >= TURN_MS) {
      await clock.sleep(0);
      this.#began = clock.monotonic();
    }
    return !this.#job.aborted;
  }
}

function* pieces(extent: Extent, sizeBytes: number): Generator<Extent> {
  const end = extentEnd(extent);
  for (let offset = extent.offset; offset < end; offset += sizeBytes) {
    yield { offset, length: Math.min(sizeBytes, end - offset) };
  }
}

/** At least one pattern, and as many as fit into `maxBytes`. */
export function repeated(pattern: Uint8Array, maxBytes: number): Uint8Array {
  const count = Math.floor(maxBytes / pattern.length);
  if (count <= 1) return pattern;
  const piece = new Uint8Array(count * pattern.length);
  for (let i = 0; i < count; i++) piece.set(pattern, i * pattern.length);
  return piece;
}

/** For what a store may do at once or later. */
export async function now(pending: Maybe): Promise<void> {
  if (pending) await pending;
}
