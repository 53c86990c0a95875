/**
 * Opens a volume in a bucket, which takes the network, while everything else goes on.
 *
 *     opening ──▶ open
 *        ▲ │
 *        │ ├── the store is not reached: told once ──▶ later, again
 *        └─┴── anything else: told, and over
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { BucketError } from "../bucket/bucket.ts";
import type { BucketDisk, OpenDiskOptions } from "./bucket_disk.ts";
import { openBucketDisk } from "./bucket_disk.ts";

/** The pause after the first failure; each further one is twice as long, up to the longest. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

export interface OpeningOptions
  extends Omit<OpenDiskOptions, "signal" | "onRetry" | "onWait"> {
  readonly clock: Clock;
  readonly log: Log;
  /** Offers it. @throws what is in the way */
  readonly opened: (disk: BucketDisk) => void;
}

export class BucketOpening {
  /** Resolves when it is open; rejects with what has failed first. */
  readonly first: Promise<void>;
  readonly #options: OpeningOptions;
  readonly #ending = new AbortController();
  readonly #ended: Promise<void>;
  readonly #first = Promise.withResolvers<void>();
  #fault: VaultError;
  /** What the log was told last of the store. */
  #told: string | undefined;
  #isOpen = false;

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.first = this.#first.promise;
    // Who does not wait for it reads the fault.
    this.first.catch(() => {});
    this.#fault = new VaultError(`its store is being asked: ${this.#url}`);
    this.#ended = this.#run();
  }

  /** Why it is not open. */
  get fault(): VaultError {
    return this.#fault;
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.#ending.abort(new VaultError("It is opened no more"));
    await this.#ended;
  }

  get #url(): string {
    return this.#options.document.bucket.url;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted;) {
      try {
        await this.#open();
        return this.#first.resolve();
      } catch (thrown) {
        this.#first.reject(thrown);
        if (signal.aborted) return;
        if (!(thrown instanceof BucketError)) return this.#giveUp(thrown);
        this.#notReached(thrown);
      }
      await clock.sleep(pauseMs, signal).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  async #open(): Promise<void> {
    const { opened } = this.#options;
    const { signal } = this.#ending;
    const disk = await openBucketDisk({
      ...this.#options,
      signal,
      onRetry: (error) =>
        this.#isOpen ? this.#interrupted(error) : this.#notReached(error),
      onWait: (ms) => this.#waits(ms),
    });
    try {
      signal.throwIfAborted();
      opened(disk);
      this.#isOpen = true;
    } catch (thrown) {
      await disk.close();
      throw thrown;
    }
    if (this.#told !== undefined) {
      const { log, document } = this.#options;
      log.info(`Volume "${document.name}" is served: its store answers`);
    }
  }

  #waits(ms: number): void {
    const { log, document } = this.#options;
    const why =
      `it is made sure that no other node writes to it, which takes up to ${
        Math.round(ms / 1000)
      } s`;
    log.info(`Volume "${document.name}": ${why}`);
    this.#fault = new VaultError(why);
  }

  #interrupted(error: BucketError): void {
    const { log, document } = this.#options;
    const what = this.#notReachedBy(error);
    log.warn(
      `Volume "${document.name}": ${what}; what is written waits in its journal`,
    );
  }

  #notReachedBy(error: BucketError): string {
    return `its store ${this.#url} is not reached: ${messageOf(error)}`;
  }

  #notReached(error: BucketError): void {
    const { log, document } = this.#options;
    const hint = error.hint;
    const what = this.#notReachedBy(error);
    this.#fault = new VaultError(what, {
      ...{ kind: error.kind ?? "unreachable", cause: error },
      hint: hint ?? "It is tried again and again, every 30 s at least.",
    });
    if (this.#told === error.fault) return;
    this.#told = error.fault;
    log.warn(`Volume "${document.name}" is not served yet: ${what}`);
  }

  #giveUp(thrown: unknown): void {
    const { log, document } = this.#options;
    this.#fault = thrown instanceof VaultError
      ? thrown
      : new VaultError(messageOf(thrown), { cause: thrown });
    const { message, hint } = this.#fault;
    log.error(
      `Volume "${document.name}" is not served: ${message}`,
      hint === undefined ? {} : { hint },
    );
  }
}
