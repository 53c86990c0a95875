/**
 * An attachment's end of its lease: asks for it over the first link, and says over each later one that it holds it still.
 *
 *     asking ──granted──► held ──released──────────────────────────────────► over
 *       └──refused─► over   │ ▲ └──the node says that it is lost──► fenced ─► over
 *                           └─┘ the link, or the channel, ends: asked for again
 */

import type { Clock } from "../base/clock.ts";
import { toHex } from "../base/bytes.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Mode } from "../lease/holder.ts";
import type { Link } from "../../tunnel/link.ts";
import {
  type DeviceLine,
  MAX_LINE_BYTES,
  NodeLine,
  said,
} from "./lease_lines.ts";
import { leaseRefusal } from "./lease_refusal.ts";
import { LineTalk } from "./line_talk.ts";

/** How long a node may take for its first answer, beyond what a take-over may take. */
const ANSWER_MS = 5 * 60_000;
/** How long it may take to confirm a release: what was written is made stable before. */
export const RELEASE_MS = 10_000;
/** How soon a channel that has ended under a link that has not is opened again. */
const AGAIN_MS = 5000;

export type Fenced = Omit<NodeLine & { readonly kind: "fenced" }, "kind">;

/** Told what becomes of the lease. */
export interface LeaseListener {
  /** Another device wants it. */
  readonly wanted: (ask: { by: string; boundMs: number }) => void;
  /** It does not want it any more. */
  readonly unwanted: () => void;
  /** The volume was taken. Called once. */
  readonly fenced: (how: Fenced) => void;
}

export interface HeldLeaseOptions {
  readonly volume: string;
  readonly mode: Mode;
  /** Which snapshot is looked at, where it is to be one. */
  readonly snapshot?: string | undefined;
  readonly takeOver:
    | { readonly boundMs: number; readonly now: boolean }
    | undefined;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  /** How the take-over of others goes on. */
  readonly progress: (text: string) => void;
}

/** What the node gave. */
export type Grant = Omit<NodeLine & { readonly kind: "granted" }, "kind">;

type Talk = LineTalk<NodeLine, DeviceLine>;

export class HeldLease {
  /** Unlike any other attachment's. */
  readonly attachment: string;
  readonly #options: HeldLeaseOptions;
  #grant: Grant | undefined;
  #listener: LeaseListener | undefined;
  #talk: Talk | undefined;
  /** Over which it was granted, until somebody listens. */
  #first: { readonly link: Link; readonly talk: Talk } | undefined;
  #link: Link | undefined;
  #over = false;
  #lost = false;
  #released = false;
  /** Called when the channel that stands has ended. */
  #channelOver = () => {};

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    this.attachment = toHex(options.primitives.random(16));
  }

  get grant(): Grant {
    if (!this.#grant) throw new VaultError("The volume is not held yet");
    return this.#grant;
  }

  /** Asks for it. @throws {VaultError} where it is refused, {ConnectionLost} where the link ends first */
  async take(link: Link): Promise<Grant> {
    const { takeOver, volume, clock } = this.#options;
    const talk = await this.#open(link, takeOver ? { takeOver } : {});
    const cancel = clock.after(
      ANSWER_MS + (takeOver?.boundMs ?? 0),
      () => talk.abort("The node does not answer"),
    );
    try {
      for (let line; (line = await talk.receive());) {
        if (line.kind === "progress") this.#options.progress(line.text);
        if (line.kind === "refused") {
          throw leaseRefusal(line, { volume, nowMs: clock.now() });
        }
        if (line.kind === "fenced") {
          throw new VaultError(`Cannot attach volume "${volume}": ${line.why}`);
        }
        if (line.kind !== "granted") continue;
        this.#grant = line;
        this.#first = { link, talk };
        return line;
      }
    } catch (thrown) {
      talk.abort("It was not granted");
      throw thrown;
    } finally {
      cancel();
    }
    throw new ConnectionLost("The node has ended the conversation");
  }

  /** From now on `listener` is told what the node says. */
  start(listener?: LeaseListener): void {
    this.#listener = listener;
    const first = this.#first;
    this.#first = undefined;
    // Where another link has taken its place by now, that was said there.
    if (first && !this.#link) void this.#hold(first.link, first.talk);
  }

  /** Another link is up: the node is told who holds the volume. */
  linkBegan(link: Link): void {
    if (this.#grant && !this.#over) void this.#hold(link, undefined);
  }

  /** A step of its hand-over. */
  progress(text: string): void {
    this.#talk?.mention({ kind: "progress", text: said(text) });
  }

  /** The node is to ask initiators to log out. False where there is nobody to say so. */
  requestLogout(): boolean {
    this.#talk?.say({ kind: "log-out" });
    return this.#talk !== undefined;
  }

  /** Gives it back. True where the node has confirmed that; it cannot where the link is paused or down. */
  async release(): Promise<boolean> {
    if (this.#over) return false;
    this.#over = true;
    const talk = this.#talk;
    if (!talk || this.#link?.state !== "up") {
      talk?.abort("The volume was detached");
      return false;
    }
    const confirmed = Promise.withResolvers<void>();
    this.#channelOver = confirmed.resolve;
    talk.say({ kind: "released" });
    const cancel = this.#options.clock.after(
      RELEASE_MS,
      () => talk.abort("The node does not confirm it"),
    );
    await confirmed.promise;
    cancel();
    return this.#released;
  }

  async #open(
    link: Link,
    more: { takeOver?: object; generation?: number },
  ): Promise<Talk> {
    const { volume, mode, snapshot } = this.#options;
    const { attachment } = this;
    const view = this.#grant?.view !== undefined;
    const channel = await link.open({
      kind: "lease",
      ...{ volume, mode, attachment, view },
      ...(snapshot === undefined ? {} : { snapshot }),
      ...more,
    });
    return new LineTalk(channel, {
      schema: NodeLine,
      maxLineBytes: MAX_LINE_BYTES,
    });
  }

  /** Holds it for as long as the link is there. `granted` is the channel over which that was said already. */
  async #hold(link: Link, granted: Talk | undefined): Promise<void> {
    this.#link = link;
    let linkOver = false;
    const over = new AbortController();
    void link.closed.then(() => {
      linkOver = true;
      over.abort();
    });
    for (let talk = granted; !linkOver && !this.#over; talk = undefined) {
      try {
        const { generation } = this.grant;
        talk ??= await this.#open(link, { generation });
        await this.#listen(talk);
      } catch (thrown) {
        if (linkOver || this.#over) break;
        this.#options.log.warn(
          `The lease is not heard of: ${messageOf(thrown)}`,
        );
      }
      const { clock } = this.#options;
      if (!this.#over) await clock.sleep(AGAIN_MS, over.signal).catch(() => {});
    }
  }

  /** Until the node has nothing more to say. */
  async #listen(talk: Talk): Promise<void> {
    this.#talk = talk;
    try {
      for (let line; (line = await talk.receive());) this.#take(line);
      // It has heard what was said here.
      this.#released = this.#over && !this.#lost;
      await talk.end();
    } catch (thrown) {
      talk.abort("It was ended");
      throw thrown;
    } finally {
      if (this.#talk === talk) this.#talk = undefined;
      this.#channelOver();
    }
  }

  #take(line: NodeLine): void {
    switch (line.kind) {
      case "granted":
        // Over a later link: it says what holds already.
        return;
      case "progress":
        return this.#options.progress(line.text);
      case "handover-wanted":
        return this.#listener?.wanted(line);
      case "handover-off":
        return this.#listener?.unwanted();
      case "refused":
        return this.#options.log.warn(
          `The node refuses the lease: ${line.reason}`,
        );
      case "fenced": {
        this.#lost = true;
        if (this.#over) return;
        this.#over = true;
        const { kind: _, ...how } = line;
        return this.#listener?.fenced(how);
      }
    }
  }
}
