/**
 * A map's extents, one after the other, as a checkpoint takes them. Of millions of them none is an object of its own: each is the one before,
 * with other numbers in it. What a walk leaves behind would otherwise be collected hundreds of times, while others write.
 */

import type { MapExtent } from "../../segments/checkpoint.ts";
import type { ExtentLeaf } from "../extent_leaf.ts";

const END = { done: true, value: undefined } as const;

/** In order; each is lent until the next. The leaves must not be changed meanwhile. */
export class MapWalk implements Iterator<MapExtent, undefined> {
  readonly #leaves: readonly ExtentLeaf[];
  readonly #extent = { sector: 0, sectors: 0, segment: 0, at: 0 };
  readonly #step = { done: false, value: this.#extent } as const;
  #leaf = 0;
  #index = 0;

  /** Of a map. */
  constructor(leaves: readonly ExtentLeaf[]) {
    this.#leaves = leaves;
  }

  next(): IteratorResult<MapExtent, undefined> {
    let leaf = this.#leaves[this.#leaf];
    if (leaf && this.#index === leaf.count) {
      leaf = this.#leaves[++this.#leaf];
      this.#index = 0;
    }
    if (!leaf) return END;
    leaf.tell(this.#index++, this.#extent);
    return this.#step;
  }
}
