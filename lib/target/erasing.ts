/**
 * FORMAT UNIT and SANITIZE: the whole medium is erased, pass by pass, while nothing else reaches it. The command that asked for it may end
 * before; what it began goes on until it is over, or until the volume is served no more.
 */

import { extentEnd } from "../base/extent.ts";
import { messageOf } from "../base/errors.ts";
import type { Erase, Erasure, Pass } from "../scsi/plan.ts";
import { inTurn, type Refusal } from "./access.ts";
import type { Job } from "./job.ts";
import { now, PIECE_BYTES, repeated } from "./long_work.ts";
import type { Volume } from "./volume.ts";

/**
 * Bytes that overwriting may write a second: the rest of the machine's disk is for the other volumes.
 */
export const OVERWRITE_BYTES_PER_SECOND = 64 * 1024 * 1024;

/** Without data to write it moves on in steps of this many bytes. */
const UNMAP_PIECE_BYTES = 1024 * 1024 * 1024;

/**
 * Begins it; GOOD is for whoever does not wait. The lease of whoever asks is proved at the beginning and not again: half an erasure helps
 * nobody, and a medium that is to be erased is not given to the next holder with a rest of it.
 */
export function erase(
  volume: Volume,
  job: Job,
  { erasure, immediate }: Erase,
): Refusal | Promise<Refusal> {
  try {
    volume.change(job.nexus);
  } catch (thrown) {
    return volume.failure(job.nexus, "write", thrown);
  }
  try {
    erasure.begin();
  } catch (thrown) {
    volume.log.error(`Erasing could not begin: ${messageOf(thrown)}`);
    return erasure.failure();
  }
  const over = volume.erase(erasure);
  if (immediate) return undefined;
  job.detached = true;
  return over.then((done) => done ? undefined : erasure.failure());
}

/**
 * Carries out what has begun. True when the medium may be used again; false where it failed, or `stopped` said so: it is begun again when
 * the volume is served the next time.
 */
export async function carryOut(
  volume: Volume,
  erasure: Erasure,
  stopped: () => boolean,
): Promise<boolean> {
  const whole = { offset: 0, length: volume.sizeBytes };
  try {
    // What is under way ends before; what comes later is refused.
    return await inTurn(
      volume,
      { extent: whole, company: "alone" },
      async () => {
        const work = new Work(volume, erasure, stopped);
        if (!await work.done()) return false;
        erasure.finished();
        return true;
      },
    );
  } catch (thrown) {
    volume.log.error(`Erasing failed: ${messageOf(thrown)}`);
    erasure.failed();
    return false;
  }
}

class Work {
  readonly #volume: Volume;
  readonly #erasure: Erasure;
  readonly #stopped: () => boolean;
  #passesDone = 0;

  constructor(volume: Volume, erasure: Erasure, stopped: () => boolean) {
    this.#volume = volume;
    this.#erasure = erasure;
    this.#stopped = stopped;
  }

  async done(): Promise<boolean> {
    const { store } = this.#volume;
    for (const pass of this.#erasure.passes) {
      if (!await this.#pass(pass)) return false;
      // One pass is on the medium before the next takes its place.
      await store.flush();
      await store.drain?.();
      this.#passesDone++;
    }
    await store.scrub?.();
    return true;
  }

  #pass(pass: Pass): Promise<boolean> {
    return pass.kind === "unmap"
      ? this.#unmap()
      : this.#overwrite(pass.pattern, pass.everywhere);
  }

  async #unmap(): Promise<boolean> {
    const { store, sizeBytes } = this.#volume;
    for (let offset = 0; offset < sizeBytes;) {
      const length = Math.min(UNMAP_PIECE_BYTES, sizeBytes - offset);
      await now(store.unmap({ offset, length }));
      offset += length;
      if (!await this.#goesOn(offset)) return false;
    }
    return true;
  }

  async #overwrite(
    pattern: Uint8Array,
    everywhere: boolean,
  ): Promise<boolean> {
    const { store, sizeBytes, clock } = this.#volume;
    const piece = repeated(pattern, PIECE_BYTES);
    const began = clock.monotonic();
    let written = 0;
    for (let at = 0; at < sizeBytes;) {
      const place = everywhere
        ? { offset: at, length: sizeBytes - at }
        : store.nextMapped(at);
      if (!place || place.offset >= sizeBytes) break;
      // From the beginning of a block on: the pattern is one block long.
      const offset = Math.max(
        at,
        place.offset - place.offset % pattern.length,
      );
      const end = Math.min(sizeBytes, extentEnd(place));
      const rest = Math.ceil((end - offset) / pattern.length) * pattern.length;
      const length = Math.min(piece.length, rest, sizeBytes - offset);
      await now(store.write(offset, piece.subarray(0, length)));
      at = offset + length;
      written += length;
      const dueMs = written / OVERWRITE_BYTES_PER_SECOND * 1000;
      await clock.sleep(Math.max(0, dueMs - (clock.monotonic() - began)));
      if (!await this.#goesOn(at)) return false;
    }
    return true;
  }

  /** Tells how far it is, and lets others run. */
  async #goesOn(at: number): Promise<boolean> {
    const { passes } = this.#erasure;
    const share = at / this.#volume.sizeBytes;
    this.#erasure.progressed((this.#passesDone + share) / passes.length);
    await this.#volume.clock.sleep(0);
    return !this.#stopped();
  }
}
