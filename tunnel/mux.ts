/**
 * The channels of a link: a synchronous machine. Frames come in by `receive`; what has to be sent goes out by the carrier.
 *
 * | frame  | on a channel that is                                        | what happens                     |
 * |--------|-------------------------------------------------------------|----------------------------------|
 * | OPEN   | new: the peer's parity, a higher number than any before     | offered to `accept`              |
 * | ACCEPT | asked for by this end                                       | open                             |
 * | REFUSE | asked for by this end                                       | gone, with a reason              |
 * | DATA, CREDIT, END | open                                             | see channel_end.ts               |
 * | RESET  | open or offered                                             | gone                             |
 * | DATA, CREDIT, END, RESET | gone at this end: they may have crossed   | nothing                          |
 *
 * Anything else is a PeerError, which ends the link. Numbers are never used twice in a link; the device's are odd, the node's even.
 */

import { u32, u64, utf8 } from "../lib/base/bytes.ts";
import {
  ConnectionLost,
  type ErrorKind,
  PeerError,
  VaultError,
} from "../lib/base/errors.ts";
import type { ChannelRequest, IncomingChannel, Refusal } from "./channel.ts";
import { type Carrier, ChannelEnd } from "./channel_end.ts";
import {
  ACK_BYTES,
  CREDIT_BYTES,
  FrameType,
  MAX_REQUEST_BYTES,
  PING_BYTES,
  readJson,
} from "./frame.ts";
import { sentence } from "./sentence.ts";

/** Channels of one link, open, offered and asked for together. Times WINDOW_BYTES, this bounds what a link can hold. */
export const MAX_CHANNELS = 32;

const MAX_CHANNEL_NUMBER = 0xffff_ffff;
const ERROR_KINDS: readonly string[] = [
  "usage",
  "not-found",
  "refused",
  "unreachable",
  "conflict",
];

interface Asked {
  readonly request: ChannelRequest;
  resolve(channel: ChannelEnd): void;
  reject(reason: Error): void;
}

/** What the machine tells its pump. */
export interface MuxEvents {
  /** The peer asks for a channel. */
  offered(channel: IncomingChannel): void;
  /** The answer to a ping of this end: its body. */
  ponged(body: Uint8Array): void;
  /** The peer has all records before that number. @throws {PeerError} where it cannot */
  acknowledged(next: number): void;
}

export class Mux {
  /** Frames received. */
  frames = 0;
  /** Bytes of channels received. */
  bytes = 0;
  readonly #carrier: Carrier;
  readonly #events: MuxEvents;
  readonly #open = new Map<number, ChannelEnd>();
  readonly #asked = new Map<number, Asked>();
  readonly #offered = new Set<number>();
  /** The next channel that this end asks for. */
  #next: number;
  /** The highest number that the peer has used. */
  #peerHighest: number;
  #ended: Error | undefined;

  constructor(
    options: { side: "node" | "device"; carrier: Carrier; events: MuxEvents },
  ) {
    this.#events = options.events;
    this.#next = options.side === "device" ? 1 : 2;
    this.#peerHighest = options.side === "device" ? 0 : -1;
    const { carrier } = options;
    this.#carrier = {
      data: (channel, bytes) => carrier.data(channel, bytes),
      frame: (type, channel, body) => carrier.frame(type, channel, body),
      room: () => carrier.room(),
      get pauses() {
        return carrier.pauses;
      },
      forget: (channel) => {
        this.#open.delete(channel);
        carrier.forget(channel);
      },
    };
  }

  /** Channels that are open, offered or asked for. */
  get size(): number {
    return this.#open.size + this.#asked.size + this.#offered.size;
  }

  /** Asks the peer for a channel. */
  async ask(request: ChannelRequest): Promise<ChannelEnd> {
    if (this.#ended) throw this.#ended;
    const body = jsonBytes(request);
    if (this.size >= MAX_CHANNELS || this.#next > MAX_CHANNEL_NUMBER) {
      throw new VaultError(`A link has at most ${MAX_CHANNELS} channels`, {
        kind: "conflict",
      });
    }
    const id = this.#next;
    this.#next += 2;
    this.#carrier.frame(FrameType.OPEN, id, body);
    return await new Promise((resolve, reject) =>
      this.#asked.set(id, { request, resolve, reject })
    );
  }

  /** One frame, in order. @throws {PeerError} where the peer may not send it */
  receive(type: number, channel: number, body: Uint8Array): void {
    this.frames++;
    // This end has said goodbye: what the peer sent before it heard so is of no interest.
    if (this.#ended) return;
    if (type === FrameType.DATA) {
      this.bytes += body.length;
      const end = this.#open.get(channel);
      return end ? end.received(body) : this.#checkGone(channel);
    }
    switch (type) {
      case FrameType.CREDIT: {
        const bytes = exactly(body, CREDIT_BYTES);
        const end = this.#open.get(channel);
        return end ? end.credited(u32(bytes, 0)) : this.#checkGone(channel);
      }
      case FrameType.END: {
        exactly(body, 0);
        const end = this.#open.get(channel);
        return end ? end.ended() : this.#checkGone(channel);
      }
      case FrameType.RESET:
        return this.#reset(channel, body);
      case FrameType.OPEN:
        return this.#offer(channel, body);
      case FrameType.ACCEPT:
        return this.#accepted(channel, body);
      case FrameType.REFUSE:
        return this.#refused(channel, body);
      case FrameType.PING:
        linkOnly(channel);
        return this.#carrier.frame(
          FrameType.PONG,
          0,
          exactly(body, PING_BYTES),
        );
      case FrameType.PONG:
        linkOnly(channel);
        return this.#events.ponged(exactly(body, PING_BYTES));
      case FrameType.ACK:
        linkOnly(channel);
        return this.#events.acknowledged(u64(exactly(body, ACK_BYTES), 0));
      default:
        throw new PeerError(`A frame of unknown type ${type}`);
    }
  }

  /** The link is over: so are its channels. */
  end(reason: Error, clean: boolean): void {
    if (this.#ended) return;
    this.#ended = reason;
    for (const end of this.#open.values()) {
      if (clean) end.linkEnded(reason);
      else end.fail(reason);
    }
    for (const asked of this.#asked.values()) asked.reject(reason);
    this.#open.clear();
    this.#asked.clear();
    this.#offered.clear();
  }

  #offer(id: number, body: Uint8Array): void {
    if (id <= this.#peerHighest || (id - this.#peerHighest) % 2 !== 0) {
      throw new PeerError(`Channel ${id} cannot be opened by the peer`);
    }
    this.#peerHighest = id;
    const request = readJson(body);
    if (this.size >= MAX_CHANNELS) {
      return this.#refuse(id, {
        reason: `A link has at most ${MAX_CHANNELS} channels`,
        kind: "conflict",
      });
    }
    this.#offered.add(id);
    this.#events.offered({
      request,
      accept: (answer = {}) => this.#accept(id, request, answer),
      refuse: (refusal) => {
        if (!this.#offered.delete(id)) return;
        this.#refuse(
          id,
          typeof refusal === "string" ? { reason: refusal } : refusal,
        );
      },
    });
  }

  #accept(
    id: number,
    request: ChannelRequest,
    answer: ChannelRequest,
  ): ChannelEnd {
    const body = jsonBytes(answer);
    const end = new ChannelEnd(this.#carrier, { id, request, answer });
    if (!this.#offered.delete(id)) {
      end.fail(this.#ended ?? new ConnectionLost("The channel is gone"));
      return end;
    }
    this.#open.set(id, end);
    this.#carrier.frame(FrameType.ACCEPT, id, body);
    return end;
  }

  #refuse(id: number, refusal: Refusal): void {
    const { reason, hint, kind } = refusal;
    const short = {
      reason: reason.slice(0, MAX_TEXT_LETTERS),
      ...(hint === undefined ? {} : { hint: hint.slice(0, MAX_TEXT_LETTERS) }),
      ...(kind === undefined ? {} : { kind }),
    };
    this.#carrier.frame(FrameType.REFUSE, id, utf8(JSON.stringify(short)));
  }

  #accepted(id: number, body: Uint8Array): void {
    const answer = readJson(body);
    const asked = this.#take(id);
    const end = new ChannelEnd(this.#carrier, {
      id,
      request: asked.request,
      answer,
    });
    this.#open.set(id, end);
    asked.resolve(end);
  }

  #refused(id: number, body: Uint8Array): void {
    const { reason, hint, kind } = readJson(body);
    this.#take(id).reject(
      new VaultError(
        typeof reason === "string" ? sentence(reason) : "The other end refused",
        {
          ...(typeof hint === "string" ? { hint: sentence(hint) } : {}),
          kind: ERROR_KINDS.includes(String(kind))
            ? kind as ErrorKind
            : "refused",
        },
      ),
    );
  }

  #take(id: number): Asked {
    const asked = this.#asked.get(id);
    if (!asked) throw new PeerError(`Channel ${id} was not asked for`);
    this.#asked.delete(id);
    return asked;
  }

  #reset(id: number, body: Uint8Array): void {
    const end = this.#open.get(id);
    if (end) {
      this.#open.delete(id);
      end.reset(body);
    } else if (!this.#offered.delete(id)) this.#checkGone(id);
  }

  /** A frame for a channel that is not open is right where the channel was, and is gone. */
  #checkGone(id: number): void {
    const mine = (id - this.#next) % 2 === 0;
    const was = mine ? id < this.#next : id <= this.#peerHighest;
    if (id === 0 || !was || this.#asked.has(id) || this.#offered.has(id)) {
      throw new PeerError(`A frame for channel ${id}, which is not open`);
    }
  }
}

/** Of 4 bytes at most in UTF-8, 6 in JSON: two such texts and their names fit a request. */
const MAX_TEXT_LETTERS = 300;

function jsonBytes(value: ChannelRequest): Uint8Array {
  const bytes = utf8(JSON.stringify(value));
  if (bytes.length <= MAX_REQUEST_BYTES) return bytes;
  throw new VaultError(
    `A channel's request of ${bytes.length} bytes is too long`,
    { kind: "usage" },
  );
}

function exactly(body: Uint8Array, bytes: number): Uint8Array {
  if (body.length === bytes) return body;
  throw new PeerError(
    `Expected a frame of ${bytes} bytes, got one of ${body.length}`,
  );
}

function linkOnly(channel: number): void {
  if (channel !== 0) throw new PeerError("A frame of the link on a channel");
}
