/**
 * The layer that asks again, and finds out what an answer that says nothing means.
 *
 * A create whose answer is uncertain (time-out, reset, 409, 5xx) may have made the object, may make it later, or never. Because objects
 * are never replaced, asking again does no harm, and looking tells whose object is there:
 *
 * | answer                            | what is there     | then                              |
 * | --------------------------------- | ----------------- | --------------------------------- |
 * | created                           |                   | created                           |
 * | exists, or uncertain in the end   | the bytes sent    | created: by an earlier try of ours |
 * | exists, or uncertain in the end   | other bytes       | exists                            |
 * | exists, or uncertain in the end   | nothing           | try again                         |
 *
 * Invariants: `created` is said of no object but one with the bytes sent; a name for which two callers sent different bytes is `created`
 * for one of them at most.
 */

import { equalBytes, u32 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import type { Primitives } from "../base/primitives.ts";
import {
  type Bucket,
  BucketError,
  type Created,
  MAX_READ_BYTES,
  type ObjectPage,
} from "./bucket.ts";

/** How often one operation is tried. With the pauses between, and no time-outs, that is half a minute. */
export const MAX_TRIES = 8;
/** The pause after the first try; each further one is twice as long, up to the longest. Half of each is left to chance. */
export const FIRST_PAUSE_MS = 300;
export const LONGEST_PAUSE_MS = 15_000;

export interface RetryOptions {
  readonly clock: Clock;
  /** Spreads the tries of many over time. */
  readonly primitives: Pick<Primitives, "random">;
  /** Told of each try that failed and is followed by another. */
  readonly onRetry?: (error: BucketError) => void;
}

interface Closing {
  /** Of one that it is closed with. */
  readonly closing?: AbortController;
}

export class RetryingBucket implements Bucket {
  readonly #inner: Bucket;
  readonly #options: RetryOptions;
  readonly #closing: AbortController;

  constructor(inner: Bucket, options: RetryOptions & Closing) {
    this.#inner = inner;
    this.#options = options;
    this.#closing = options.closing ?? new AbortController();
  }

  /** The same of another place of the store. It gives up when this one is closed. */
  beside(inner: Bucket): Bucket {
    return new RetryingBucket(inner, {
      ...this.#options,
      closing: this.#closing,
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    if (bytes.length >= MAX_READ_BYTES) {
      throw new RangeError(`${bytes.length} bytes are more than can be read`);
    }
    let inDoubt = false;
    return await this.#try(`create "${name}"`, async () => {
      if (inDoubt) {
        const found = await this.#look(name, bytes);
        if (found !== undefined) return found;
      }
      inDoubt = true;
      if (await this.#inner.create(name, bytes) === "created") return "created";
      const found = await this.#look(name, bytes);
      if (found !== undefined) return found;
      throw new BucketError("uncertain", "it exists and cannot be found");
    });
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#try(`read "${name}"`, () => this.#inner.get(name, range));
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.#try(
      `list "${prefix}"`,
      () => this.#inner.list(prefix, startAfter),
    );
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#try(
      `delete "${names[0] ?? ""}"`,
      () => this.#inner.delete(names),
    );
  }

  close(): Promise<void> {
    this.#closing.abort(closed());
    return this.#inner.close();
  }

  /** Whose object is there; undefined: none. One byte more than was sent is asked for, so that a longer one is seen and not read. */
  async #look(name: string, sent: Uint8Array): Promise<Created | undefined> {
    const range = { offset: 0, length: sent.length + 1 };
    const found = await this.#inner.get(name, range);
    if (found === undefined) return undefined;
    return equalBytes(found, sent) ? "created" : "exists";
  }

  async #try<T>(what: string, act: () => Promise<T>): Promise<T> {
    const { clock, onRetry } = this.#options;
    for (let tries = 1;; tries++) {
      if (this.#closing.signal.aborted) throw closed();
      try {
        return await act();
      } catch (thrown) {
        if (!(thrown instanceof BucketError)) throw thrown;
        if (this.#closing.signal.aborted) throw closed();
        if (thrown.fault === "held") throw thrown;
        if (thrown.fault !== "uncertain" || tries === MAX_TRIES) {
          throw failed(what, thrown);
        }
        onRetry?.(thrown);
      }
      await clock.sleep(this.#pauseMs(tries), this.#closing.signal);
    }
  }

  #pauseMs(tries: number): number {
    const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
    const chance = u32(this.#options.primitives.random(4), 0) / 2 ** 32;
    return full / 2 + full / 2 * chance;
  }
}

function failed(what: string, cause: BucketError): BucketError {
  const message = `Cannot ${what} in the bucket: ${messageOf(cause)}`;
  const hint = cause.hint;
  return new BucketError(
    cause.fault,
    message,
    hint === undefined ? { cause } : { cause, hint },
  );
}

function closed(): BucketError {
  return new BucketError("uncertain", "The bucket was closed");
}
