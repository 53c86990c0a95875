/** A layer for tests that goes wrong when told to, in the ways in which networks and object stores do. */

import type { Extent } from "../base/extent.ts";
import type { Bucket, Created, ObjectPage } from "./bucket.ts";

/** An operation about to be carried out. `index` counts the operations of its kind from 0. */
export interface Operation {
  readonly kind: "create" | "get" | "list" | "delete";
  readonly index: number;
  /** The object's, the prefix's, or the first of those to delete. */
  readonly name: string;
}

/** What becomes of an operation. It is carried out after `delay`, unless it fails `before`. */
export interface Fault {
  /** Wait for this first. */
  readonly delay?: Promise<void>;
  /** Fails and does nothing. */
  readonly before?: Error;
  /** Does all of it, then fails: the answer was lost, not the work. */
  readonly after?: Error;
  /** A create or a delete that fails at once, and is carried out when that many other operations have begun. */
  readonly late?: { readonly error: Error; readonly operations: number };
  /** A create that is carried out and says that the object was there: something on the way asked twice. */
  readonly saysExists?: true;
  /** A get that gives no more than so many bytes, as if there were no others. */
  readonly shortBytes?: number;
  /** A listing without the objects that were created last, so many of them. */
  readonly lagging?: number;
}

/** Says what goes wrong; undefined: nothing. */
export type Schedule = (operation: Operation) => Fault | undefined;

interface Late {
  remaining: number;
  readonly act: () => Promise<unknown>;
}

export class FaultBucket implements Bucket {
  readonly #inner: Bucket;
  readonly #schedule: Schedule;
  readonly #counts = { create: 0, get: 0, list: 0, delete: 0 };
  /** In the order in which they were created. */
  readonly #created: string[] = [];
  #late: Late[] = [];

  constructor(inner: Bucket, schedule: Schedule) {
    this.#inner = inner;
    this.#schedule = schedule;
  }

  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.#carryOut({ kind: "create", name }, async (fault) => {
      const answer = await this.#inner.create(name, bytes);
      if (answer === "created") this.#created.push(name);
      return fault.saysExists ? "exists" : answer;
      // What arrives late is what was sent, whatever the caller's buffer holds by then.
    }, () => this.#inner.create.bind(this.#inner, name, bytes.slice()));
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#carryOut({ kind: "get", name }, async ({ shortBytes }) => {
      const bytes = await this.#inner.get(name, range);
      return shortBytes === undefined ? bytes : bytes?.subarray(0, shortBytes);
    });
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    const operation = { kind: "list", name: prefix } as const;
    return this.#carryOut(operation, async ({ lagging = 0 }) => {
      const page = await this.#inner.list(prefix, startAfter);
      const hidden = lagging > 0 ? this.#created.slice(-lagging) : [];
      return {
        objects: page.objects.filter(({ name }) => !hidden.includes(name)),
        more: page.more,
      };
    });
  }

  delete(names: readonly string[]): Promise<void> {
    const operation = { kind: "delete", name: names[0] ?? "" } as const;
    const act = () => this.#inner.delete(names);
    return this.#carryOut(operation, act, () => act);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** How many are late yet. */
  get late(): number {
    return this.#late.length;
  }

  /** Carries out all that is late yet. */
  async settle(): Promise<void> {
    for (const late of this.#late.splice(0)) await late.act();
  }

  /** `later` gives what is carried out where the operation is late. */
  async #carryOut<T>(
    operation: Omit<Operation, "index">,
    act: (fault: Fault) => Promise<T>,
    later?: () => () => Promise<unknown>,
  ): Promise<T> {
    const index = this.#counts[operation.kind]++;
    const fault = this.#schedule({ ...operation, index }) ?? {};
    await this.#arrive();
    if (fault.late && later) {
      const { operations, error } = fault.late;
      this.#late.push({ remaining: operations, act: later() });
      throw error;
    }
    await fault.delay;
    if (fault.before) throw fault.before;
    const result = await act(fault);
    if (fault.after) throw fault.after;
    return result;
  }

  /** One more operation has begun: what was late for this long arrives now. */
  async #arrive(): Promise<void> {
    for (const late of this.#late) late.remaining--;
    const due = this.#late.filter(({ remaining }) => remaining < 0);
    this.#late = this.#late.filter(({ remaining }) => remaining >= 0);
    for (const { act } of due) await act();
  }
}
