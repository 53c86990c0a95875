/** What one node writes to a volume in a bucket from one opening to the next, and what a beginning of that leaves. */

import { type BucketNode, type Cells, SECTORS } from "./bucket_node.ts";

export interface Write {
  readonly number: number;
  readonly sector: number;
  readonly sectors: number;
}

export class Tenure {
  readonly node: BucketNode;
  readonly epoch: number;
  /** All that was written, in order; the last may have been refused. */
  readonly line: Write[];
  /** Those that wait for room, by their place in the line: no flush covers one that is not answered. */
  readonly waiting = new Set<number>();
  /** So many are stable, on the node's disk or in the bucket. */
  flushed: number;
  /** Somebody has found so many in the bucket. */
  seen: number;
  /** Another has tried to take it. Unless somebody does, it is never lost. */
  disturbed: boolean;

  constructor(
    node: BucketNode,
    begun: {
      readonly epoch: number;
      readonly line: readonly Write[];
      readonly seen: number;
      readonly disturbed: boolean;
    },
  ) {
    this.node = node;
    this.epoch = begun.epoch;
    this.line = [...begun.line];
    this.flushed = this.line.length;
    this.seen = begun.seen;
    this.disturbed = begun.disturbed;
  }

  /** How many, from the first on, were answered. */
  get answered(): number {
    return Math.min(this.line.length, ...this.waiting);
  }
}

/** How much of a line has left that; undefined where no beginning of it has. */
export function lengthOf(
  line: readonly Write[],
  cells: Cells,
): number | undefined {
  const state = new Array<number>(SECTORS).fill(0);
  let found = state.every((one, n) => one === cells[n]) ? 0 : undefined;
  for (const [n, { number, sector, sectors }] of line.entries()) {
    state.fill(number, sector, sector + sectors);
    if (state.every((one, n) => one === cells[n])) found = n + 1;
  }
  return found;
}
