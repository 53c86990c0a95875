/** The layer that holds transfers to a number and to rates, and counts them. */

import type { Clock } from "../base/clock.ts";
import type { Extent } from "../base/extent.ts";
import {
  type Bucket,
  BucketError,
  type Created,
  type ObjectPage,
} from "./bucket.ts";
import { Pace } from "./pace.ts";
import { type RateSchedule, unlimited } from "./rate_schedule.ts";

/** Enough to keep a long line full, and few enough that their objects fit into memory. */
export const DEFAULT_MAX_TRANSFERS = 8;

export interface LimitOptions {
  readonly clock: Clock;
  /** Requests under way at once. */
  readonly maxTransfers?: number;
  readonly upload?: RateSchedule;
  readonly download?: RateSchedule;
}

/** What has happened so far, for status. Rates of it are taken by whoever looks twice. */
export interface BucketCounters {
  /** Bytes of objects, without those of requests. */
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  readonly requests: number;
  /** Requests that ended with an error. */
  readonly errors: number;
  /** Requests under way, and those that wait for their turn or for the rate. */
  readonly inFlight: number;
  readonly waiting: number;
  /** The limits of now in bytes a second; undefined: none. */
  readonly uploadLimit: number | undefined;
  readonly downloadLimit: number | undefined;
}

/** Each try counts, so it stands below the layer that tries again. Listings and deletions are not held to a rate. */
export class LimitedBucket implements Bucket {
  readonly #inner: Bucket;
  readonly #upload: Pace;
  readonly #download: Pace;
  readonly #maxTransfers: number;
  readonly #closing = new AbortController();
  /** Who waits for a place; the first has waited longest. */
  readonly #queue: (() => void)[] = [];
  #inFlight = 0;
  #pacing = 0;
  readonly #sums = {
    uploadedBytes: 0,
    downloadedBytes: 0,
    requests: 0,
    errors: 0,
  };

  constructor(inner: Bucket, options: LimitOptions) {
    const { clock, upload = unlimited, download = unlimited } = options;
    this.#inner = inner;
    this.#upload = new Pace(clock, upload);
    this.#download = new Pace(clock, download);
    this.#maxTransfers = options.maxTransfers ?? DEFAULT_MAX_TRANSFERS;
    if (!Number.isInteger(this.#maxTransfers) || this.#maxTransfers < 1) {
      throw new RangeError(`${this.#maxTransfers} transfers at once`);
    }
  }

  /** Holds transfers to these rates from now on; to none where there is none. */
  limit(to: Pick<LimitOptions, "upload" | "download">): void {
    this.#upload.change(to.upload ?? unlimited);
    this.#download.change(to.download ?? unlimited);
  }

  get counters(): BucketCounters {
    return {
      ...this.#sums,
      inFlight: this.#inFlight,
      waiting: this.#queue.length + this.#pacing,
      uploadLimit: this.#upload.bytesPerSecond,
      downloadLimit: this.#download.bytesPerSecond,
    };
  }

  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.#create(this.#inner, { name, bytes });
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#get(this.#inner, name, range);
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.#transfer(() => this.#inner.list(prefix, startAfter));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#transfer(() => this.#inner.delete(names));
  }

  /** Another place of the same store, within the same limits and counted with this one. It is closed with this one. */
  beside(inner: Bucket): Bucket {
    return {
      create: (name, bytes) => this.#create(inner, { name, bytes }),
      get: (name, range) => this.#get(inner, name, range),
      list: (prefix, startAfter) =>
        this.#transfer(() => inner.list(prefix, startAfter)),
      delete: (names) => this.#transfer(() => inner.delete(names)),
      close: () => Promise.resolve(),
    };
  }

  close(): Promise<void> {
    this.#closing.abort(new BucketError("uncertain", "The bucket was closed"));
    // They take a place to find out that there is nothing left to do with it.
    this.#inFlight += this.#queue.length;
    for (const go of this.#queue.splice(0)) go();
    return this.#inner.close();
  }

  async #create(
    inner: Bucket,
    { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<Created> {
    await this.#paced(this.#upload, bytes.length);
    return await this.#transfer(async () => {
      const answer = await inner.create(name, bytes);
      this.#sums.uploadedBytes += bytes.length;
      return answer;
    });
  }

  async #get(
    inner: Bucket,
    name: string,
    range: Extent | undefined,
  ): Promise<Uint8Array | undefined> {
    const expected = range?.length ?? 0;
    await this.#paced(this.#download, expected);
    return await this.#transfer(async () => {
      const bytes = await inner.get(name, range);
      const length = bytes?.length ?? 0;
      this.#sums.downloadedBytes += length;
      this.#download.bill(length - expected);
      return bytes;
    });
  }

  async #paced(pace: Pace, bytes: number): Promise<void> {
    this.#pacing++;
    try {
      await pace.take(bytes, this.#closing.signal);
    } finally {
      this.#pacing--;
    }
  }

  async #transfer<T>(act: () => Promise<T>): Promise<T> {
    // Whoever goes hands on its place, so the number is never passed by who comes in between.
    if (this.#inFlight < this.#maxTransfers) this.#inFlight++;
    else await new Promise<void>((go) => this.#queue.push(go));
    try {
      this.#closing.signal.throwIfAborted();
      this.#sums.requests++;
      return await act();
    } catch (thrown) {
      this.#sums.errors++;
      throw thrown;
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#inFlight--;
    }
  }
}
