/** A layer for tests that goes wrong when told to. It keeps the contract: after a failed write or flush it stays failed. */

import type { Extent } from "../base/extent.ts";
import { Failure, readError } from "./failure.ts";
import type { Health, Maybe, Store } from "./store.ts";

/** An operation about to be carried out. `index` counts the operations of its kind from 0. */
export interface Operation {
  readonly kind: "read" | "write" | "unmap" | "flush";
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

/** What becomes of an operation. The operation is carried out after `delay`, unless it fails `before`. */
export interface Fault {
  /** Wait for this first. The operation is then a promise. */
  readonly delay?: Promise<void>;
  /** Fails and does nothing. */
  readonly before?: Error;
  /** Does all of it, then fails: the reply was lost, not the work. */
  readonly after?: Error;
  /** Writes this many bytes only, then fails with `after`. */
  readonly tornAtBytes?: number;
}

/** Says what goes wrong; undefined: nothing. */
export type Schedule = (operation: Operation) => Fault | undefined;

export class FaultStore implements Store {
  readonly #inner: Store;
  readonly #schedule: Schedule;
  readonly #failure = new Failure();
  readonly #counts = { read: 0, write: 0, unmap: 0, flush: 0 };

  constructor(inner: Store, schedule: Schedule) {
    this.#inner = inner;
    this.#schedule = schedule;
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  get readOnly(): boolean {
    return this.#inner.readOnly;
  }

  get health(): Health {
    return this.#failure.health.state === "failed"
      ? this.#failure.health
      : this.#inner.health;
  }

  read(offset: number, into: Uint8Array): Maybe {
    const fault = this.#next("read", offset, into.length);
    return carryOut(fault, {
      act: () => this.#inner.read(offset, into),
      blame: readError,
    });
  }

  write(offset: number, from: Uint8Array): Maybe {
    this.#failure.refuse();
    const fault = this.#next("write", offset, from.length);
    const torn = fault?.tornAtBytes;
    return carryOut(fault, {
      act: () => this.#inner.write(offset, from.subarray(0, torn)),
      blame: (thrown) => this.#failure.ofWrite(thrown),
    });
  }

  unmap(extent: Extent): Maybe {
    this.#failure.refuse();
    const fault = this.#next("unmap", extent.offset, extent.length);
    return carryOut(fault, {
      act: () => this.#inner.unmap(extent),
      blame: (thrown) => this.#failure.ofWrite(thrown),
    });
  }

  async flush(): Promise<void> {
    this.#failure.refuse();
    const fault = this.#next("flush", 0, this.sizeBytes);
    await carryOut(fault, {
      act: () => this.#inner.flush(),
      blame: (thrown) => this.#failure.ofSync(thrown),
    });
  }

  nextMapped(offset: number): Extent | undefined {
    return this.#inner.nextMapped(offset);
  }

  allocatedBytes(): number {
    return this.#inner.allocatedBytes();
  }

  async resize(sizeBytes: number): Promise<void> {
    this.#failure.refuse();
    await this.#inner.resize(sizeBytes);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #next(
    kind: Operation["kind"],
    offset: number,
    length: number,
  ): Fault | undefined {
    const index = this.#counts[kind]++;
    return this.#schedule({ kind, index, offset, length });
  }
}

interface Work {
  readonly act: () => Maybe;
  /** The error that the caller gets for an injected one. */
  readonly blame: (injected: Error) => Error;
}

function carryOut(fault: Fault | undefined, work: Work): Maybe {
  if (!fault) return work.act();
  if (fault.delay) {
    const { delay, ...rest } = fault;
    return delay.then(() => carryOut(rest, work));
  }
  if (fault.before) throw work.blame(fault.before);
  const pending = work.act();
  const { after } = fault;
  if (!after) return pending;
  if (!pending) throw work.blame(after);
  return pending.then(() => {
    throw work.blame(after);
  });
}
