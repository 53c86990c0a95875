/**
 * A link: the one loop that awaits. It reads the connection; the receiver opens records and hands their frames to the mux, and the
 * sender takes what the mux has to say.
 *
 *     wire ──► Receiver (opens records, gives frames) ──► Mux ──► channels
 *     wire ◄── Sender (Outbox: frames, records, seals) ◄───┘
 *
 *             connection cut, or silent                        resume window over
 *      up ────────────────────────────────► paused ──────────────────────────────► ended
 *       ◄──── resume: another connection ─────┘
 *       └── goodbye, tampering, violation, abort ───────────────────────────────► ended
 *
 * What a link is made of (mux, sealer, opener, what the peer has not acknowledged) outlives a connection. `resume.ts` is how the two
 * ends prove to each other over a new one that they are the same link. Without a resume window a link ends with its connection.
 */

import type { Clock } from "../lib/base/clock.ts";
import { toHex } from "../lib/base/bytes.ts";
import {
  ConnectionLost,
  invariant,
  messageOf,
  PeerError,
} from "../lib/base/errors.ts";
import type { Channel, ChannelRequest, IncomingChannel } from "./channel.ts";
import { FrameType } from "./frame.ts";
import { encodeGoodbye } from "./goodbye.ts";
import { IncomingQueue } from "./incoming_queue.ts";
import { Keepalive } from "./keepalive.ts";
import type {
  Link,
  LinkEnd,
  LinkEndKind,
  LinkPeer,
  LinkState,
  LinkStats,
} from "./link.ts";
import { Mux } from "./mux.ts";
import { Receiver } from "./receiver.ts";
import type { LinkOptions, ResumeOptions } from "./link_options.ts";
import { TamperedError } from "./record.ts";
import { Sender, type Wire } from "./sender.ts";

/** How long a goodbye may take to be answered, after all that was written before it. */
const GOODBYE_MS = 10_000;
/** How long the connection stays for last words to get out. */
const LAST_WORDS_MS = 250;

export class LinkPump implements Link {
  readonly id: string;
  readonly linkId: Uint8Array;
  readonly sinceMs: number;
  readonly closed: Promise<LinkEnd>;
  /** Undefined where the link cannot be resumed. */
  readonly resumption: ResumeOptions | undefined;
  #peer: LinkPeer;
  /** Undefined while the link is paused. */
  #wire: Wire | undefined;
  readonly #clock: Clock;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #mux: Mux;
  #keepalive: Keepalive;
  readonly #incoming = new IncomingQueue();
  #setClosed: (end: LinkEnd) => void = () => {};
  #ended: LinkEnd | undefined;
  /** This end has said goodbye and waits for the other's. */
  #leaving = false;
  #macFailures = 0;
  #cancelWindow = () => {};
  readonly #watchers: ((state: LinkState, reason: string) => void)[] = [];

  constructor(options: LinkOptions) {
    const { primitives, clock, wire } = options;
    this.linkId = options.linkId;
    this.id = toHex(options.linkId);
    this.#peer = options.peer;
    this.resumption = options.resume;
    this.sinceMs = clock.now();
    this.closed = new Promise((resolve) => this.#setClosed = resolve);
    this.#wire = wire;
    this.#clock = clock;
    const { intercept = () => false } = options;
    this.#receiver = new Receiver({
      primitives,
      direction: options.receive,
      events: {
        frame: (type, channel, body) => this.#mux.receive(type, channel, body),
        told: (end) => this.#told(end),
        acknowledge: (body) => this.#sender.frame(FrameType.ACK, 0, body),
        isOver: () => this.#ended !== undefined,
      },
    });
    this.#sender = new Sender({
      wire,
      direction: options.send,
      primitives,
      renewal: options.renewal,
      keeps: options.resume !== undefined,
      failed: (thrown) => this.#fault(thrown),
    });
    this.#mux = new Mux({
      side: options.side,
      carrier: this.#sender,
      events: {
        offered: (incoming) =>
          intercept(incoming) || this.#incoming.push(incoming),
        ponged: (body) => this.#keepalive.ponged(body),
        acknowledged: (next) => this.#sender.acknowledged(next),
      },
    });
    this.#keepalive = this.#listen();
    // Whoever makes a link has it in hand before its first event.
    queueMicrotask(() => void this.#run(wire, options.first));
  }

  get peer(): LinkPeer {
    return this.#peer;
  }

  get state(): LinkState {
    return this.#ended ? "ended" : this.#wire ? "up" : "paused";
  }

  watch(then: (state: LinkState, reason: string) => void): void {
    this.#watchers.push(then);
  }

  /** What waits to be sent or acknowledged, in bytes. */
  get keptBytes(): number {
    return this.#sender.keptBytes;
  }

  /** The number of the next record that this end expects. */
  get next(): number {
    return this.#receiver.next;
  }

  /** Whether it can be gone on with from record number `next` of this end on: an earlier one is kept no more. */
  keepsFrom(next: number): boolean {
    return next >= this.#sender.first;
  }

  /**
   * Has no connection from now on, and waits for another: nothing more is taken from the one that was. Ends where it waits for none, or
   * has said goodbye, which nobody would send again.
   */
  pause(reason: string): void {
    if (this.state === "up") this.#lose({ kind: "cut", reason });
  }

  /**
   * Goes on over another connection, whose other end has proved to be the same link, and expects record number `next`.
   *
   * @throws {PeerError} where the peer cannot expect that
   */
  resume(
    wire: Wire,
    from: { next: number; peer: LinkPeer; first?: Uint8Array },
  ): void {
    invariant(this.state === "paused", "only a paused link is resumed");
    this.#sender.resume(wire, from.next);
    this.#cancelWindow();
    this.#wire = wire;
    this.#peer = from.peer;
    this.#keepalive = this.#listen();
    for (const watcher of this.#watchers) {
      watcher("up", `goes on with ${from.peer.address}`);
    }
    queueMicrotask(() => void this.#run(wire, from.first));
  }

  get stats(): LinkStats {
    return {
      sent: this.#sender.counts,
      received: {
        bytes: this.#mux.bytes,
        frames: this.#mux.frames,
        records: this.#receiver.records,
        keyUpdates: this.#receiver.generation,
      },
      macFailures: this.#macFailures,
      rttMs: this.#keepalive.rttMs,
      channels: this.#mux.size,
    };
  }

  open(request: ChannelRequest): Promise<Channel> {
    return this.#mux.ask(request);
  }

  accept(): Promise<IncomingChannel | undefined> {
    return this.#incoming.next();
  }

  async close(): Promise<void> {
    // Nobody is there to be told; whoever comes for it later hears that there is no such link.
    if (this.state === "paused") {
      this.#end({ kind: "goodbye", reason: "closed" });
    }
    if (!this.#ended && !this.#leaving) {
      this.#leaving = true;
      const end: LinkEnd = { kind: "goodbye", reason: "closed" };
      this.#sender.finish(encodeGoodbye(end)!);
      this.#mux.end(new ConnectionLost("The link was closed"), true);
      const cancel = this.#clock.after(GOODBYE_MS, () => this.#end(end));
      void this.closed.then(cancel);
    }
    await this.closed;
  }

  abort(reason: string, kind: LinkEndKind = "aborted"): void {
    this.#end({ kind, reason });
  }

  #listen(): Keepalive {
    return new Keepalive(this.#clock, {
      ping: (body) => {
        this.#sender.frame(FrameType.PING, 0, body);
        this.#receiver.acknowledge();
      },
      silent: () =>
        this.#lose({ kind: "silent", reason: "the other end is silent" }),
    });
  }

  async #run(wire: Wire, first: Uint8Array | undefined): Promise<void> {
    try {
      // The link may have lost this connection by now, and what came with it in part would go before what comes with the next.
      if (first && first.length > 0 && this.#wire === wire) {
        this.#receiver.receive(first);
      }
      while (this.#wire === wire && !this.#ended) {
        const bytes = await wire.read();
        if (this.#wire !== wire || this.#ended) return;
        if (bytes === undefined) return this.#cut("without a goodbye");
        this.#keepalive.heard();
        this.#receiver.receive(bytes);
        this.#sender.expectAcknowledgements();
        const drained = this.#sender.drained();
        if (drained) await drained;
      }
    } catch (thrown) {
      if (this.#wire === wire) this.#fault(thrown);
    }
  }

  /** The peer's last record. */
  #told(end: LinkEnd): void {
    if (end.kind === "goodbye") {
      this.#end({ kind: "goodbye", reason: "closed by the other end" });
    } else {
      this.#end({
        kind: end.kind,
        reason: `the other end says: ${end.reason}`,
      });
    }
  }

  #fault(thrown: unknown): void {
    if (thrown instanceof TamperedError) {
      if (!this.#ended) this.#macFailures++;
      return this.#end({ kind: "tampered", reason: thrown.message });
    }
    if (thrown instanceof PeerError) {
      return this.#end({ kind: "violation", reason: thrown.message });
    }
    if (thrown instanceof ConnectionLost) return this.#cut(thrown.message);
    // Ours: the link cannot be trusted any more, the process can.
    this.#end({ kind: "aborted", reason: `defect: ${messageOf(thrown)}` });
  }

  #cut(how: string): void {
    const midway = this.#receiver.midRecord
      ? ", in the middle of a record"
      : "";
    this.#lose({ kind: "cut", reason: `the connection ended ${how}${midway}` });
  }

  /** The connection is of no use any more: the link waits for another where it can, and ends where not. */
  #lose(how: LinkEnd): void {
    if (this.resumption && !this.#leaving) this.#pause(how);
    else this.#end(how);
  }

  #pause(how: LinkEnd): void {
    const wire = this.#wire;
    if (this.#ended || !wire) return;
    const { windowMs } = this.resumption!;
    this.#keepalive.stop();
    this.#wire = undefined;
    this.#sender.pause();
    this.#receiver.restart();
    wire.abort(new ConnectionLost(`The link is paused: ${how.reason}`));
    this.#cancelWindow = this.#clock.after(windowMs, () => this.#end(how));
    for (const watcher of this.#watchers) watcher("paused", how.reason);
  }

  /** Ends the link here and now; the peer is told where it can be. */
  #end(end: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = end;
    this.#keepalive.stop();
    this.#cancelWindow();
    const wire = this.#wire;
    const told = wire && this.#sayLastWords(end);
    this.#sender.stop();
    const lost = new ConnectionLost(`The link ended: ${end.reason}`);
    this.#mux.end(lost, end.kind === "goodbye");
    this.#incoming.end();
    if (told) {
      this.#clock.after(LAST_WORDS_MS, () => wire.abort(lost));
      wire.close().catch(() => wire.abort(lost));
    } else wire?.abort(lost);
    this.#setClosed(end);
  }

  /** Whether the peer is being told. A goodbye goes after all that was written before; bad news only where nothing waits, else it cuts. */
  #sayLastWords(end: LinkEnd): boolean {
    if (this.#leaving) return end.kind === "goodbye";
    const payload = encodeGoodbye(end);
    if (!payload || (end.kind !== "goodbye" && !this.#sender.idle)) {
      return false;
    }
    this.#sender.finish(payload);
    return true;
  }
}
