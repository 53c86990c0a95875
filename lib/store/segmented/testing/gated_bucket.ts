/** A bucket whose operations can be held up on their way, for tests. */

import type { Extent } from "../../../base/extent.ts";
import type { Bucket, Created, ObjectPage } from "../../../bucket/bucket.ts";

type Kind = "create" | "get" | "list" | "delete";

/** Which operations are held up, and whether before they are carried out or before they are answered. */
export interface Gate {
  readonly kind: Kind;
  /** Of the name of the object, or of the first one. */
  readonly prefix?: string;
  readonly side: "before" | "after";
}

interface Closed {
  readonly gate: Gate;
  readonly arrived: PromiseWithResolvers<void>;
  readonly open: PromiseWithResolvers<void>;
}

export class GatedBucket implements Bucket {
  readonly #inner: Bucket;
  #closed: Closed | undefined;

  constructor(inner: Bucket) {
    this.#inner = inner;
  }

  /** Holds up the next of such operations, and only that. */
  holdNext(gate: Gate): {
    /** Resolves when there is one. */
    readonly arrived: Promise<void>;
    readonly open: () => void;
  } {
    const arrived = Promise.withResolvers<void>();
    const open = Promise.withResolvers<void>();
    this.#closed = { gate, arrived, open };
    return { arrived: arrived.promise, open: open.resolve };
  }

  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.#pass("create", name, () => this.#inner.create(name, bytes));
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#pass("get", name, () => this.#inner.get(name, range));
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.#pass(
      "list",
      prefix,
      () => this.#inner.list(prefix, startAfter),
    );
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#pass(
      "delete",
      names[0] ?? "",
      () => this.#inner.delete(names),
    );
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #pass<T>(kind: Kind, name: string, act: () => Promise<T>): Promise<T> {
    const closed = this.#closed;
    if (
      !closed || closed.gate.kind !== kind ||
      !name.startsWith(closed.gate.prefix ?? "")
    ) return await act();
    this.#closed = undefined;
    const { side } = closed.gate;
    const answer = side === "after" ? await act() : undefined;
    closed.arrived.resolve();
    await closed.open.promise;
    return side === "after" ? answer as T : await act();
  }
}
