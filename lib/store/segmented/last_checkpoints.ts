/** The checkpoints of a volume that go furthest: whoever opens it begins with one of them, so what they need stays. */

import type { Checkpoint } from "../../segments/checkpoint.ts";

/** How many are kept: the one before the last is of use as long as somebody is reading it. */
export const KEPT_CHECKPOINTS = 2;

/** One that is in the bucket. */
interface Known {
  readonly number: number;
  readonly nextSegment: number;
  /** Segments that it needs. */
  readonly needs: ReadonlySet<number>;
  readonly objectBytes: number;
}

export class LastCheckpoints {
  /** The last one last. */
  readonly #known: Known[] = [];

  /** There is another. Gives those that it stands for from now on. */
  add(
    number: number,
    objectBytes: number,
    { nextSegment, segments }: Pick<Checkpoint, "nextSegment" | "segments">,
  ): readonly Pick<Known, "number" | "objectBytes">[] {
    const needs = new Set(wanted({ segments }));
    this.#known.push({ number, nextSegment, needs, objectBytes });
    return this.#known
      .splice(0, Math.max(0, this.#known.length - KEPT_CHECKPOINTS));
  }

  has(number: number): boolean {
    return this.#known.some((known) => known.number === number);
  }

  /** Whether whoever opens the volume from one of them reads it. */
  need(segment: number): boolean {
    return this.#known.length < KEPT_CHECKPOINTS ||
      this.#known.some(({ nextSegment, needs }) =>
        segment >= nextSegment || needs.has(segment)
      );
  }

  /** Whether all but the last one let it go. */
  freeNext(segment: number): boolean {
    const last = this.#known.at(-1);
    return last !== undefined && this.need(segment) &&
      segment < last.nextSegment && !last.needs.has(segment);
  }

  /** How far the first of them goes; 0 where there is none. */
  get first(): number {
    return this.#known[0]?.nextSegment ?? 0;
  }

  /** How far the last one goes; 0 where there is none. */
  get last(): number {
    return this.#known.at(-1)?.nextSegment ?? 0;
  }

  /** What is said of segments below is said by all of them; 0 where there are fewer than should be. */
  get covered(): number {
    return this.#known.length < KEPT_CHECKPOINTS
      ? 0
      : Math.min(...this.#known.map(({ nextSegment }) => nextSegment));
  }

  /** What the last one takes in the bucket. */
  get lastBytes(): number {
    return this.#known.at(-1)?.objectBytes ?? 0;
  }

  get objectBytes(): number {
    return this.#known.reduce((sum, { objectBytes }) => sum + objectBytes, 0);
  }
}

/** The segments that a checkpoint's map needs. */
export function wanted({ segments }: Pick<Checkpoint, "segments">): number[] {
  return segments.filter(({ liveBytes }) => liveBytes > 0)
    .map(({ number }) => number);
}
