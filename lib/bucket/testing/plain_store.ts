/** A store that replaces objects whatever it is asked, as those do that keep no If-None-Match; and lines to it that take their time. */

import type { Clock } from "../../base/clock.ts";
import type { Extent } from "../../base/extent.ts";
import type { Created, ObjectPage, ReplaceableBucket } from "../bucket.ts";
import { MemoryBucket } from "../memory_bucket.ts";
import { uncertain } from "./faults.ts";

/** A put that has arrived. */
export interface Landed {
  readonly by: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** What becomes of a request: how long it and its answer take, or whether the answer is lost. */
export interface Fate {
  readonly thereMs?: number;
  readonly backMs?: number;
  /** No answer comes; the one who asks gives up after so long, whatever becomes of what was sent. */
  readonly givenUpMs?: number;
}

export interface Request {
  readonly kind: "put" | "get" | "list" | "delete";
  readonly name: string;
}

export class PlainStore {
  readonly objects: MemoryBucket = new MemoryBucket();
  /** All that were put, in the order in which they arrived. */
  readonly landed: Landed[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How one writer reaches it. */
  line(
    by: string,
    fate: (request: Request) => Fate = () => ({}),
  ): ReplaceableBucket {
    const clock = this.#clock;
    const objects = this.objects;
    const ask = async <T>(
      request: Request,
      act: () => Promise<T>,
    ): Promise<T> => {
      const { thereMs = 0, backMs = 0, givenUpMs } = fate(request);
      const arrive = async () => {
        if (thereMs > 0) await clock.sleep(thereMs);
        return await act();
      };
      const arriving = arrive();
      if (givenUpMs !== undefined) {
        await clock.sleep(givenUpMs);
        throw uncertain("no answer");
      }
      const result = await arriving;
      if (backMs > 0) await clock.sleep(backMs);
      return result;
    };
    const put = (name: string, bytes: Uint8Array) => {
      const sent = bytes.slice();
      return ask({ kind: "put", name }, async () => {
        await objects.replace(name, sent);
        this.landed.push({ by, name, bytes: sent, atMs: clock.monotonic() });
      });
    };
    return {
      create: async (name, bytes): Promise<Created> => {
        await put(name, bytes);
        return "created";
      },
      replace: put,
      get: (name: string, range?: Extent) =>
        ask({ kind: "get", name }, () => objects.get(name, range)),
      list: (prefix: string, startAfter?: string): Promise<ObjectPage> =>
        ask(
          { kind: "list", name: prefix },
          () => objects.list(prefix, startAfter),
        ),
      delete: (names: readonly string[]) =>
        ask(
          { kind: "delete", name: names[0] ?? "" },
          () => objects.delete(names),
        ),
      close: () => Promise.resolve(),
    };
  }
}
