/**
 * The marks of a volume, of which the last says how far the row goes at least, whatever a listing shows or hides.
 *
 *     checkpoint 7 written ──▶ mark n + 1: "checkpoint 7, up to segment 4711" ──▶ only now what it stands for is deleted
 *
 * Who has nothing of a volume but its key finds the checkpoints by a listing, and some show the newest objects late. Where such a one hides the
 * last checkpoints, and those before are deleted, the row would seem to end at the first segment that was deleted since: it would be claimed
 * there, and all behind it would be lost.
 *
 * Invariants: marks are numbered from 1 without gaps. None goes less far than the one before it: whoever makes one has read that. So a writer
 * that was left behind finds that out here at the latest.
 */

import { VaultError } from "../../base/errors.ts";
import { encodeMark, type Mark, openMark } from "../../segments/mark.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { ChainOptions } from "./chain.ts";
import { Fenced } from "./fenced.ts";

/** So many are asked for at once, and so much further it is looked each time. */
const FAN = 16;

/** How often one is made where others make some, too. */
export const MAX_MARK_TRIES = 64;

/** One that is there. */
export interface KnownMark extends Mark {
  readonly number: number;
}

export class Marks {
  #options: ChainOptions;
  readonly #skips: boolean;
  #last: KnownMark | undefined;
  /** Of the last one that is there, whether it can be read or not. */
  #number = 0;

  /** One that cannot be read is gone on behind where it `skips` what is damaged. */
  constructor(options: ChainOptions, { skips = false } = {}) {
    this.#options = options;
    this.#skips = skips;
  }

  /** They are reached that way from now on. */
  reachedBy(options: ChainOptions): void {
    this.#options = options;
  }

  /** Whether there ever was one. */
  get any(): boolean {
    return this.#number > 0;
  }

  /** The last one that is known. */
  get last(): KnownMark | undefined {
    return this.#last;
  }

  /** The last one there is; undefined where there is none. @throws {SealError} where it is not what was written */
  async find(): Promise<KnownMark | undefined> {
    const known = this.#number;
    let [low, high] = [known, known + 1];
    for (let step = 1; await this.#has(high); step *= FAN) {
      low = high;
      high += step;
    }
    while (high - low > 1) {
      const step = Math.ceil((high - low) / FAN);
      const numbers: number[] = [];
      for (let at = low + step; at < high; at += step) numbers.push(at);
      const there = await Promise.all(numbers.map((one) => this.#has(one)));
      const missing = there.indexOf(false);
      if (missing >= 0) high = numbers[missing]!;
      const last = missing >= 0 ? missing - 1 : numbers.length - 1;
      low = numbers[last] ?? low;
    }
    if (low > known) await this.#learn(low);
    return this.#last;
  }

  /** Makes one behind the last. @throws {Fenced} where another goes further; {VaultError} `conflict` where others make them again and again */
  async make(mark: Mark): Promise<void> {
    const { bucket, keys, volumeId } = this.#options;
    for (let tries = 0; tries < MAX_MARK_TRIES; tries++) {
      const last = this.#last;
      if (last && last.nextSegment > mark.nextSegment) {
        throw new Fenced(last.timeMs);
      }
      const number = this.#number + 1;
      const name = keys.nameOf("mark", number);
      const bytes = encodeMark(keys, { ...mark, volumeId, number });
      if (await bucket.create(name, bytes) === "created") {
        this.#last = { ...mark, number };
        this.#number = number;
        return;
      }
      // Another's; or ours, and nobody heard of it: then one more does no harm.
      await this.#learn(number);
    }
    throw new VaultError("Another node writes to this volume again and again", {
      kind: "conflict",
      hint: "Stop it there. One volume in a bucket is served by one node.",
    });
  }

  async #has(number: number): Promise<boolean> {
    const { bucket, keys } = this.#options;
    const range = { offset: 0, length: 1 };
    return await bucket.get(keys.nameOf("mark", number), range) !== undefined;
  }

  async #learn(number: number): Promise<void> {
    try {
      this.#last = await this.#read(number);
    } catch (thrown) {
      if (!this.#skips || !(thrown instanceof SealError)) throw thrown;
    }
    this.#number = number;
  }

  async #read(number: number): Promise<KnownMark> {
    const { bucket, keys, volumeId } = this.#options;
    const bytes = await bucket.get(keys.nameOf("mark", number));
    if (!bytes) throw new SealError(`Mark ${number} is missing`);
    return { ...openMark(keys, { volumeId, number, bytes }), number };
  }
}
