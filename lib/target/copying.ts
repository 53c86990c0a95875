/**
 * EXTENDED COPY: bytes from one volume of the target to another, or to the same, in pieces between which others run. Each piece is read whole
 * before it is written, and where a segment moves bytes up inside of one volume it begins at its end: so what it overwrites was read before.
 */

import { invariant } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import type { LogicalUnit } from "../scsi/logical_unit.ts";
import type {
  Copy,
  CopyOperation,
  CopySegment,
  Outcome,
} from "../scsi/plan.ts";
import type { Maybe } from "../store/store.ts";
import { flush, inTurn, type Refusal } from "./access.ts";
import { GOOD, type Job } from "./job.ts";
import { PIECE_BYTES, Turn } from "./long_work.ts";
import type { Volume } from "./volume.ts";

/** Carries the copy out; `volume` is that of the unit that was asked. */
export async function copy(
  volume: Volume,
  job: Job,
  { operation }: Copy,
): Promise<Refusal> {
  const refusal = operation.begin();
  if (refusal) return refusal;
  let outcome: Outcome | undefined;
  try {
    outcome = await new Copier(volume, job, operation).run() ?? GOOD;
    return outcome;
  } finally {
    operation.end(job.aborted ? undefined : outcome);
  }
}

/** A part of a segment, counted from its beginning. */
interface Piece {
  readonly from: number;
  readonly length: number;
}

class Copier {
  readonly #volume: Volume;
  readonly #job: Job;
  readonly #operation: CopyOperation;
  readonly #turn: Turn;
  /** Those that cache no writes. */
  readonly #toFlush = new Set<Volume>();
  #buffer: Uint8Array | undefined;

  constructor(volume: Volume, job: Job, operation: CopyOperation) {
    this.#volume = volume;
    this.#job = job;
    this.#operation = operation;
    this.#turn = new Turn(volume, job);
  }

  async run(): Promise<Refusal> {
    for (let i = 0; i < this.#operation.segments; i++) {
      const segment = this.#operation.segment(i);
      if ("status" in segment) return segment;
      const refusal = await this.#copy(segment);
      if (refusal || this.#job.aborted) return refusal;
      this.#operation.segmentDone();
    }
    for (const volume of this.#toFlush) {
      const refusal = await flush(volume, this.#job.nexus);
      if (refusal) return this.#operation.failed("destination", refusal);
    }
    return undefined;
  }

  async #copy(segment: CopySegment): Promise<Refusal> {
    if (segment.length === 0) return undefined;
    const source = this.#volumeOf(segment.source.unit);
    const destination = this.#volumeOf(segment.destination.unit);
    if (!source || !destination) return this.#operation.objection();
    if (segment.fua) this.#toFlush.add(destination);
    for (const piece of piecesOf(segment)) {
      const bytes = this.#bytes(piece.length);
      const refusal = await this.#read(source, segment, { ...piece, bytes }) ??
        await this.#write(destination, segment, { ...piece, bytes });
      if (refusal) return refusal;
      if (!(await this.#turn.next())) return undefined;
    }
    return undefined;
  }

  #read(
    volume: Volume,
    { source, length }: CopySegment,
    piece: Piece & { readonly bytes: Uint8Array },
  ): Promise<Refusal> {
    // What lies behind the segment's bytes is filled up with zeros. That is less than a block, and never a piece of its own.
    const real = Math.min(piece.length, length - piece.from);
    piece.bytes.fill(0, real);
    const offset = source.offset + piece.from;
    return this.#access(volume, "source", {
      extent: { offset, length: real },
      run: () => volume.store.read(offset, piece.bytes.subarray(0, real)),
    });
  }

  #write(
    volume: Volume,
    { destination }: CopySegment,
    piece: Piece & { readonly bytes: Uint8Array },
  ): Promise<Refusal> {
    const offset = destination.offset + piece.from;
    return this.#access(volume, "destination", {
      extent: { offset, length: piece.length },
      run: () => volume.change(this.#job.nexus).write(offset, piece.bytes),
      done: () => this.#operation.written(piece.length),
    });
  }

  /** Whether it may still be done is looked at in its turn, when nothing can come in between any more. */
  #access(
    volume: Volume,
    side: "source" | "destination",
    step: {
      readonly extent: Extent;
      readonly run: () => Maybe;
      readonly done?: () => void;
    },
  ): Promise<Refusal> {
    // Whoever erases the medium is not waited for.
    const gone = this.#operation.objection();
    if (gone) return Promise.resolve(gone);
    const place = { extent: step.extent, company: "shared" as const };
    return inTurn(volume, place, async () => {
      if (this.#job.aborted) return undefined;
      const objection = this.#operation.objection();
      if (objection) return objection;
      try {
        const pending = step.run();
        if (pending) await pending;
        step.done?.();
        return undefined;
      } catch (thrown) {
        const during = side === "source" ? "read" : "write";
        const outcome = volume.failure(this.#job.nexus, during, thrown);
        return this.#operation.failed(side, outcome);
      }
    });
  }

  #volumeOf(unit: LogicalUnit): Volume | undefined {
    for (const volume of this.#volume.beside.values()) {
      if (volume.unit === unit) return volume;
    }
    return undefined;
  }

  #bytes(length: number): Uint8Array {
    this.#buffer ??= new Uint8Array(PIECE_BYTES);
    invariant(length <= PIECE_BYTES, "A piece is longer than its buffer");
    return this.#buffer.subarray(0, length);
  }
}

/** All of the segment, padding included, in the order in which nothing is overwritten before it was read. */
function piecesOf(segment: CopySegment): readonly Piece[] {
  const { source, destination, length, padBytes } = segment;
  const whole = length + padBytes;
  const pieces: Piece[] = [];
  for (let from = 0; from < whole; from += PIECE_BYTES) {
    pieces.push({ from, length: Math.min(PIECE_BYTES, whole - from) });
  }
  const movesUp = source.unit === destination.unit &&
    destination.offset > source.offset &&
    destination.offset < source.offset + length;
  return movesUp ? pieces.reverse() : pieces;
}
