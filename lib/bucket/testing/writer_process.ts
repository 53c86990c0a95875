/** A process that writes to a place: it can be stopped, go on, and be killed. What it has sent goes its way all the same. */

import type { Clock } from "../../base/clock.ts";
import type { ReplaceableBucket } from "../bucket.ts";

export class WriterProcess {
  readonly clock: Clock;
  isAlive = true;
  /** It was told to end in good order. */
  isEnding = false;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(clock: Clock) {
    const heard = (then: () => void) => void this.#turn().then(then);
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        await this.#turn();
      },
      after: (ms, then) => clock.after(ms, () => heard(then)),
    };
  }

  /** SIGSTOP. */
  stop(): void {
    this.#stopped ??= Promise.withResolvers();
  }

  /** SIGCONT. */
  goOn(): void {
    this.#stopped?.resolve();
    this.#stopped = undefined;
  }

  end(): void {
    this.isEnding = true;
  }

  /** SIGKILL: nothing of it goes on. */
  kill(): void {
    this.isAlive = false;
  }

  /** Rejects with what `work` does; never settles when it is killed. */
  async run(work: () => Promise<void>): Promise<void> {
    await work();
    this.isAlive = false;
  }

  /** What it asks for is sent, and its answers are heard by it while it runs. */
  reaches(place: ReplaceableBucket): ReplaceableBucket {
    const heard = async <T>(asked: Promise<T>): Promise<T> => {
      try {
        return await asked;
      } finally {
        await this.#turn();
      }
    };
    return {
      create: (name, bytes) => heard(place.create(name, bytes)),
      replace: (name, bytes, signal) =>
        heard(place.replace(name, bytes, signal)),
      get: (name, range) => heard(place.get(name, range)),
      list: (prefix, startAfter) => heard(place.list(prefix, startAfter)),
      delete: (names) => heard(place.delete(names)),
      close: () => heard(place.close()),
    };
  }

  async #turn(): Promise<void> {
    await this.#stopped?.promise;
    if (!this.isAlive) await new Promise(() => {});
  }
}
