/**
 * Which commands of one volume may run beside each other.
 *
 * Commands on a store that answers at once never overlap: each is over before the next is looked at, and none of this is used.
 * What takes time holds a ticket for its extent meanwhile. Invariants:
 *
 * - a ticket "alone" (COMPARE AND WRITE) runs while no other ticket holds a byte of its extent;
 * - a ticket waits only for tickets that came before it, so nobody waits for ever.
 */

import { type Extent, overlaps } from "../base/extent.ts";

export type Company = "shared" | "alone";

/** Leave to run, once `ready` has resolved; undefined means at once. `leave` must be called exactly once, whatever happens. */
export interface Ticket {
  readonly ready: Promise<void> | undefined;
  leave(): void;
}

interface Holder {
  readonly extent: Extent;
  readonly company: Company;
  readonly left: Promise<void>;
}

export class Order {
  readonly #holders = new Set<Holder>();

  /** Nothing that takes time is under way: a command that ends at once needs no ticket. */
  get idle(): boolean {
    return this.#holders.size === 0;
  }

  /** Takes a place behind every conflicting ticket that was taken before. */
  enter(extent: Extent, company: Company): Ticket {
    const before = this.#conflicting(extent, company);
    let resolve = () => {};
    const left = new Promise<void>((done) => resolve = done);
    const holder: Holder = { extent, company, left };
    this.#holders.add(holder);
    return {
      ready: before.length === 0
        ? undefined
        : Promise.all(before).then(() => undefined),
      leave: () => {
        this.#holders.delete(holder);
        resolve();
      },
    };
  }

  /** Resolves once everything that holds a ticket now has left. */
  async settled(): Promise<void> {
    await Promise.all([...this.#holders].map((holder) => holder.left));
  }

  #conflicting(extent: Extent, company: Company): Promise<void>[] {
    const found: Promise<void>[] = [];
    for (const holder of this.#holders) {
      const exclusive = company === "alone" || holder.company === "alone";
      if (exclusive && overlaps(extent, holder.extent)) found.push(holder.left);
    }
    return found;
  }
}
