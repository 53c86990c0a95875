/**
 * The sending half of a link's pump: what is written in one turn goes out as one write, and what is written during a write goes out
 * together after it. While the link has no connection, it takes what there is room for, and nothing is sent.
 */

import { PeerError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { Carrier } from "./channel_end.ts";
import { Outbox, type OutboxCounts } from "./outbox.ts";
import {
  type RecordDirection,
  RecordSealer,
  RecordType,
  type RenewalLimits,
} from "./record.ts";

/** The connection below: a Duplex, but for `write`, whose bytes stay the writer's to keep unchanged until it resolves. */
export interface Wire {
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(reason?: Error): void;
}

/** Writers wait while more than this waits to be sent. */
export const ROOM_BYTES = 1024 * 1024;
/** They wait, too, while more than this waits to be sent or acknowledged: what a link keeps to send it again. */
export const KEPT_BYTES = 8 * 1024 * 1024;
/** Nothing is read while more than this waits to be sent that is not data: a peer that asks and does not listen stops itself. */
export const MAX_CONTROL_BYTES = 256 * 1024;
/**
 * A peer that leaves more than this unacknowledged besides data breaks the protocol: it asks and listens, and would have every answer kept.
 * What is around KEPT_BYTES of the smallest writes is less.
 */
export const MAX_OVERHEAD_BYTES = 2 * KEPT_BYTES;

/** A promise and what resolves it. */
interface Gate {
  readonly promise: Promise<void>;
  open(): void;
}

export class Sender implements Carrier {
  /** Undefined while the link has no connection. */
  #wire: Wire | undefined;
  readonly #outbox: Outbox;
  readonly #keeps: boolean;
  readonly #failed: (thrown: unknown) => void;
  #pauses = 0;
  #writing = false;
  #flushQueued = false;
  #stopped = false;
  #room: Gate | undefined;
  #drained: Gate | undefined;

  constructor(
    options: {
      wire: Wire;
      direction: RecordDirection;
      primitives: Primitives;
      renewal?: RenewalLimits | undefined;
      /** What was sent is kept until the peer acknowledges it; else it is forgotten once it is written. */
      keeps: boolean;
      /** The connection was lost while writing. */
      failed: (thrown: unknown) => void;
    },
  ) {
    const { direction, renewal } = options;
    this.#wire = options.wire;
    this.#failed = options.failed;
    this.#keeps = options.keeps;
    this.#outbox = new Outbox(
      new RecordSealer(options.primitives, {
        ...direction,
        ...(renewal ? { renewal } : {}),
      }),
    );
  }

  get counts(): OutboxCounts {
    return this.#outbox.counts;
  }

  get pauses(): number {
    return this.#pauses;
  }

  get keptBytes(): number {
    return this.#outbox.keptBytes;
  }

  data(channel: number, bytes: Uint8Array): void {
    if (this.#stopped) return;
    this.#outbox.data(channel, bytes);
    this.#flushSoon();
  }

  frame(type: number, channel: number, body: Uint8Array): void {
    if (this.#stopped) return;
    this.#outbox.frame(type, channel, body);
    this.#flushSoon();
  }

  room(): Promise<void> | undefined {
    if (this.#stopped || this.#hasRoom()) return undefined;
    this.#room ??= gate();
    return this.#room.promise;
  }

  /** The peer has all records before number `next`. @throws {PeerError} where it cannot have them */
  acknowledged(next: number): void {
    this.#outbox.acknowledge(next);
    this.#giveRoom();
  }

  /** The number of the first record that the peer has not acknowledged. */
  get first(): number {
    return this.#outbox.first;
  }

  /** @throws {PeerError} where the peer makes this end keep more and more */
  expectAcknowledgements(): void {
    if (!this.#keeps || this.#outbox.overheadBytes <= MAX_OVERHEAD_BYTES) {
      return;
    }
    throw new PeerError("Records are not acknowledged");
  }

  /** The connection is lost: what comes waits for another. */
  pause(): void {
    this.#pauses++;
    this.#wire = undefined;
    this.#writing = false;
    this.#giveRoom();
  }

  /** Goes on over another connection with record number `next`, from which on the peer has none. @throws {PeerError} where it cannot be so */
  resume(wire: Wire, next: number): void {
    this.#outbox.rewind(next);
    this.#pauses++;
    this.#wire = wire;
    this.#flush();
    this.#giveRoom();
  }

  forget(): void {}

  /** Undefined while the peer's questions wait for few enough answers, else a promise of that. */
  drained(): Promise<void> | undefined {
    if (this.#outbox.controlBytes <= MAX_CONTROL_BYTES || this.#stopped) {
      return undefined;
    }
    this.#drained ??= gate();
    return this.#drained.promise;
  }

  /** Sends `goodbye` after all that waits, and takes nothing more. */
  finish(goodbye: Uint8Array): void {
    if (this.#stopped) return;
    this.#outbox.record(RecordType.GOODBYE, goodbye);
    this.stop();
    // Also while another write is under way: the connection keeps their order, and nobody is left to send it later.
    for (const bytes of this.#outbox.take()) {
      this.#wire?.write(bytes).catch((thrown) => this.#failed(thrown));
    }
  }

  /** Whether a goodbye could be sent now without anything before it. */
  get idle(): boolean {
    return this.#outbox.waitingBytes === 0;
  }

  /** Takes and sends nothing more; whoever waits is let go. */
  stop(): void {
    this.#stopped = true;
    this.#room?.open();
    this.#drained?.open();
  }

  #flushSoon(): void {
    if (this.#flushQueued || this.#writing) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    const wire = this.#wire;
    if (!wire || this.#writing || this.#stopped) return;
    if (this.#outbox.waitingBytes === 0) return;
    this.#writing = true;
    const taken = this.#outbox.take();
    const { next } = this.#outbox;
    this.#drained?.open();
    this.#drained = undefined;
    // Mostly one; several are written in order all the same.
    const written = taken.map((bytes) => wire.write(bytes));
    (written.length === 1 ? written[0]! : Promise.all(written)).then(
      () => {
        // The link has gone on without this connection.
        if (this.#wire !== wire) return;
        this.#writing = false;
        if (!this.#keeps) this.#outbox.acknowledge(next);
        this.#flush();
        this.#giveRoom();
      },
      (thrown) => {
        if (this.#wire === wire) this.#failed(thrown);
      },
    );
  }

  #hasRoom(): boolean {
    // Without a connection all waits, and only what may be kept is the limit.
    const waitingBytes = this.#wire ? this.#outbox.waitingBytes : 0;
    return waitingBytes < ROOM_BYTES && this.#outbox.keptBytes < KEPT_BYTES;
  }

  #giveRoom(): void {
    if (!this.#room || !this.#hasRoom()) return;
    this.#room.open();
    this.#room = undefined;
  }
}

function gate(): Gate {
  let open = () => {};
  const promise = new Promise<void>((resolve) => open = resolve);
  return { promise, open };
}
