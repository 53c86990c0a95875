/**
 * Segments on their way into the bucket, several at once: the next one is sealed while those before it are uploaded.
 *
 *     sealed, each behind the one before ──▶ uploaded, side by side ──▶ landed, in order ──▶ kept ──▶ its writer is told
 *               └ its data is in the cache, and not needed any more
 *                                               └ one was not created: none starts after that, and none behind it lands
 *
 * Invariant: a segment starts only when the one {@linkcode UPLOADS} before it, and all before that, are in the bucket. So what a writer leaves
 * when it dies lies less than that behind the end of the row, where whoever opens the volume looks for it, and no later writer's numbers are in
 * its way.
 */

import type { Clock } from "../../base/clock.ts";
import type { Created } from "../../bucket/bucket.ts";
import { chunkCount } from "../../segments/sealed.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import type { ChainEnd, ChainOptions } from "./chain.ts";
import { keepIn, released } from "./packing.ts";
import type { Rooms } from "../rooms.ts";
import { UPLOADS, type Waiting } from "./row_queue.ts";
import { sealBehind, type SealedBehind } from "./sealing.ts";

/** One that was answered, and what the bucket said. */
export interface Landing extends Omit<SealedBehind, "bytes"> {
  readonly said: Created;
}

interface UnderWay {
  readonly sealed: Omit<SealedBehind, "bytes">;
  readonly waiting: Waiting;
  answer: PromiseSettledResult<Created> | undefined;
  /** Resolves when there is one. */
  readonly over: Promise<void>;
}

export interface FlightOptions extends ChainOptions {
  readonly clock: Clock;
  /** Has what is under way, too: under numbers of which no map tells. */
  readonly cache: ChunkCache | undefined;
  /** What the segments lie in. */
  readonly rooms: Rooms;
  /** Told of each upload that was answered. */
  readonly uploaded: (bytes: number) => void;
  /** Takes one into the row. */
  readonly land: (landing: Landing) => Promise<void>;
  /** Keeps how far the row goes: those that were taken into it are told of next. */
  readonly keep: () => void;
}

/** Where others come from that go beside those that are under way. */
export interface Supply {
  /** Gives one, where one is to go now. */
  readonly more: () => Waiting | undefined;
  /** Resolves when it is worth asking again. */
  readonly another: () => Promise<void>;
  /** Called after some have landed. Others are on their way again, and none lands before it is over. */
  readonly between: () => Promise<void>;
}

export class Flight {
  readonly #options: FlightOptions;
  /** In the order of the row. */
  readonly #underWay: UnderWay[] = [];
  /** Of the row with all that have started. */
  #end: ChainEnd;
  #failed = false;

  /** Nobody else goes on with the row from there meanwhile. */
  constructor(from: ChainEnd, options: FlightOptions) {
    this.#end = from;
    this.#options = options;
  }

  /** Those that have started and were not told that they landed. */
  get rest(): readonly Waiting[] {
    return this.#underWay.map(({ waiting }) => waiting);
  }

  /**
   * Carries those that wait, and what is supplied meanwhile, until none is left. Each is taken out of `waiting` when it starts.
   *
   * @throws what went wrong first. What is then in {@linkcode rest} or waits is not in the row, and nothing is uploaded any more.
   */
  async carry(waiting: Waiting[], supply?: Supply): Promise<void> {
    try {
      for (;;) {
        const another = supply?.another();
        await this.#start(waiting, supply);
        const first = this.#underWay[0];
        if (!first) return;
        await (another ? Promise.race([first.over, another]) : first.over);
        if (!first.answer) continue;
        // The line is busy while others do their work.
        await this.#start(waiting, supply);
        await this.#land();
        await this.#start(waiting, supply);
        await supply?.between();
      }
    } finally {
      await Promise.all(this.#underWay.map(({ over }) => over));
      for (const { sealed: { number, head } } of this.#underWay) {
        this.#options.cache?.drop(number, chunkCount(head.dataBytes));
      }
    }
  }

  /** How many are behind the first that was not answered, with that. */
  get #unanswered(): number {
    const first = this.#underWay.findIndex(({ answer }) => !answer);
    return first < 0 ? 0 : this.#underWay.length - first;
  }

  /** As many as may be under way. */
  async #start(waiting: Waiting[], supply?: Supply): Promise<void> {
    const { clock } = this.#options;
    while (!this.#failed && this.#unanswered < UPLOADS) {
      const next = waiting[0] ?? supply?.more();
      if (!next) return;
      // Where it cannot be sealed, it waits.
      if (waiting.length === 0) waiting.push(next);
      this.#upload(next);
      waiting.shift();
      // Sealing takes its time: others have their turn.
      await clock.sleep(0);
    }
  }

  #upload(waiting: Waiting): void {
    const { packed } = waiting;
    const { bytes, ...sealed } = sealBehind(this.#end, packed, this.#options);
    this.#end = sealed.end;
    const { number } = sealed;
    // What was just written is likely to be read.
    if (!packed.cold) keepIn(this.#options.cache, number, packed.data);
    waiting.packed = released(packed);
    const one: UnderWay = {
      ...{ sealed: { ...sealed, packed: waiting.packed }, waiting },
      answer: undefined,
      over: this.#create(number, bytes)
        .then((answer) => void (one.answer = answer)),
    };
    this.#underWay.push(one);
  }

  async #create(
    number: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<PromiseSettledResult<Created>> {
    const { bucket, keys, rooms, uploaded } = this.#options;
    try {
      const name = keys.nameOf("segment", number);
      const value = await bucket.create(name, bytes);
      uploaded(bytes.length);
      // What failed or is in doubt may be read yet by a request that was given up.
      if (value === "created") rooms.giveBack(bytes);
      else this.#failed = true;
      return { status: "fulfilled", value };
    } catch (reason) {
      this.#failed = true;
      return { status: "rejected", reason };
    }
  }

  /** Those that are answered, in order, up to one that has not arrived. */
  async #land(): Promise<void> {
    let count = 0;
    try {
      for (const { answer, sealed } of this.#underWay) {
        if (!answer) break;
        if (answer.status === "rejected") throw answer.reason;
        await this.#options.land({ ...sealed, said: answer.value });
        count++;
      }
    } finally {
      if (count > 0) this.#options.keep();
      for (const { waiting } of this.#underWay.splice(0, count)) {
        waiting.resolve();
      }
    }
  }
}
