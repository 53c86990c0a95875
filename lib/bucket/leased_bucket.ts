/**
 * The layer for stores that replace objects whatever they are asked: whoever has the lease of the place (bucket_lease.ts) makes objects there
 * by looking and putting, and nobody else does. Who only reads needs no lease.
 *
 *     create ──▶ held ──▶ nothing is in doubt under that name ──▶ nothing is there ──▶ put ──▶ held all the time, or read back ──▶ created
 *
 * A put of which nobody knows whether it was done is in doubt: it may be done yet, and then replaces what was put there since. So until
 * {@linkcode LANDING_MS} are over, nothing but the same bytes is put under that name.
 *
 * What this rests on, and a store that keeps If-None-Match does not: that what was sent arrives within LANDING_MS after its writer's time, or
 * never. It is given up when that time ends. A process that is stopped between looking and sending is beyond it.
 */

import { equalBytes } from "../base/bytes.ts";
import type { Extent } from "../base/extent.ts";
import {
  type Bucket,
  BucketError,
  checkName,
  type Created,
  type ObjectPage,
  type ReplaceableBucket,
} from "./bucket.ts";
import { BucketLease, LANDING_MS, type LeaseOptions } from "./bucket_lease.ts";
import { LEASE_NAME } from "./lease_object.ts";

/** What may arrive under a name yet. */
interface Doubt {
  /** SHA-256 of the bytes. */
  readonly digest: Uint8Array;
  readonly untilMs: number;
}

export class LeasedBucket implements Bucket {
  readonly #inner: ReplaceableBucket;
  readonly #options: LeaseOptions;
  readonly #lease: BucketLease;
  readonly #closing = new AbortController();
  readonly #doubts = new Map<string, Doubt>();
  /** The last under each name: one is made after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #underWay = 0;
  #closed: Promise<void> | undefined;

  constructor(inner: ReplaceableBucket, options: LeaseOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#lease = new BucketLease(inner, options);
  }

  /** Why nothing is written any more; undefined as long as it may be. */
  get lost(): BucketError | undefined {
    return this.#lease.lost;
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    expectNotLease(name);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#counted(this.#create(name, bytes)));
    const over = turn.catch(() => {});
    this.#turns.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === over) this.#turns.delete(name);
    }
  }

  async get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    expectNotLease(name);
    const bytes = await this.#inner.get(name, range);
    this.#forget();
    // Whoever asks what became of it takes it for good.
    if (this.#doubts.has(name)) await this.#lease.hold();
    return bytes;
  }

  async list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    const page = await this.#inner.list(prefix, startAfter);
    const objects = page.objects.filter(({ name }) => name !== LEASE_NAME);
    if (objects.length > 0 || !page.more || page.objects.length === 0) {
      return { objects, more: page.more };
    }
    return await this.#inner.list(prefix, LEASE_NAME);
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(expectNotLease);
    if (names.length === 0) return;
    await this.#counted(this.#delete(names));
  }

  /** Whoever opens the place next has to wait where anything is under way or in doubt. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Deletes the lease, with which nothing is left of what is kept here. Nothing is written afterwards. */
  removeLease(): Promise<void> {
    return this.#lease.remove();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new BucketError("uncertain", "The bucket was closed"));
    this.#forget();
    const isIdle = this.#underWay === 0 && this.#doubts.size === 0;
    await this.#lease.close({ isIdle });
    await this.#inner.close();
  }

  async #counted<T>(work: Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work;
    } finally {
      this.#underWay--;
    }
  }

  async #delete(names: readonly string[]): Promise<void> {
    await this.#lease.hold();
    await this.#inner.delete(names);
  }

  async #create(name: string, bytes: Uint8Array): Promise<Created> {
    for (;;) {
      const term = await this.#lease.hold();
      if (await this.#waits(name, bytes)) continue;
      if (await this.#isThere(name)) return "exists";
      // What was seen is true as long as nobody else can put anything there.
      if (!this.#lease.isUnbroken(term)) continue;
      await this.#put(name, bytes, term);
      return "created";
    }
  }

  async #put(
    name: string,
    bytes: Uint8Array,
    term: AbortSignal,
  ): Promise<void> {
    const { clock, primitives } = this.#options;
    try {
      await this.#inner.replace(name, bytes, term);
      if (!this.#lease.isUnbroken(term)) await this.#lease.expectOurs();
    } catch (thrown) {
      if (thrown instanceof BucketError && thrown.fault === "uncertain") {
        this.#forget();
        const digest = primitives.hash("sha256", bytes);
        const untilMs = clock.monotonic() + LANDING_MS;
        this.#doubts.set(name, { digest, untilMs });
      }
      throw thrown;
    }
  }

  /** Whether it had to be waited, because what is in doubt there is something else. */
  async #waits(name: string, bytes: Uint8Array): Promise<boolean> {
    const { clock, primitives } = this.#options;
    this.#forget();
    const doubt = this.#doubts.get(name);
    if (!doubt) return false;
    const isSame = equalBytes(doubt.digest, primitives.hash("sha256", bytes));
    if (isSame) return false;
    const ms = doubt.untilMs - clock.monotonic();
    await clock.sleep(Math.max(1, ms), this.#closing.signal);
    return true;
  }

  async #isThere(name: string): Promise<boolean> {
    const first = { offset: 0, length: 1 };
    return await this.#inner.get(name, first) !== undefined;
  }

  /** What can arrive no more. */
  #forget(): void {
    const now = this.#options.clock.monotonic();
    for (const [name, { untilMs }] of this.#doubts) {
      if (untilMs <= now) this.#doubts.delete(name);
    }
  }
}

function expectNotLease(name: string): void {
  checkName(name);
  if (name !== LEASE_NAME) return;
  throw new RangeError(`"${name}" is the lease's own name`);
}
