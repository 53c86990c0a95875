/**
 * The receiving half of a link's pump: bytes of a connection in, frames of authentic records out, and now and then the word to the peer that
 * it need not keep them any longer.
 */

import { putU64 } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import { ACK_BYTES, eachFrame } from "./frame.ts";
import { decodeGoodbye } from "./goodbye.ts";
import type { LinkEnd } from "./link.ts";
import {
  type OpenedRecord,
  type RecordDirection,
  RecordOpener,
  RecordType,
} from "./record.ts";

/** What has come is acknowledged after so many bytes or records, and with every ping. */
const ACK_AFTER_BYTES = 256 * 1024;
const ACK_AFTER_RECORDS = 256;

export interface ReceiverEvents {
  /** One frame; `body` is lent for the call. @throws {PeerError} */
  frame(type: number, channel: number, body: Uint8Array): void;
  /** The peer's last record. */
  told(end: LinkEnd): void;
  /** The body of an ACK that is to be sent. */
  acknowledge(body: Uint8Array): void;
  /** Whether what still comes is of no interest. */
  isOver(): boolean;
}

export class Receiver {
  /** Records received. */
  records = 0;
  readonly #opener: RecordOpener;
  readonly #events: ReceiverEvents;
  readonly #frame: ReceiverEvents["frame"];
  /** Received since the peer was last told. */
  #owedBytes = 0;
  #toldNext = 0;

  constructor(
    options: {
      primitives: Primitives;
      direction: RecordDirection;
      events: ReceiverEvents;
    },
  ) {
    this.#opener = new RecordOpener(options.primitives, options.direction);
    this.#events = options.events;
    this.#frame = (type, channel, body) =>
      this.#events.frame(type, channel, body);
  }

  /** The number of the next record that is expected. */
  get next(): number {
    return this.#opener.next;
  }

  /** Of the peer's keys. */
  get generation(): number {
    return this.#opener.generation;
  }

  /** Whether the bytes so far end in the middle of a record. */
  get midRecord(): boolean {
    return this.#opener.midRecord;
  }

  /** Bytes as they come. @throws {TamperedError} {PeerError} */
  receive(bytes: Uint8Array): void {
    this.#opener.receive(bytes, this.#opened);
    this.#owedBytes += bytes.length;
    const records = this.#opener.next - this.#toldNext;
    if (this.#owedBytes >= ACK_AFTER_BYTES || records >= ACK_AFTER_RECORDS) {
      this.acknowledge();
    }
  }

  /** Lets the peer forget what has come, where it does not know yet. Whether it keeps anything is its own affair, and not known here. */
  acknowledge(): void {
    if (this.#opener.next === this.#toldNext) return;
    this.#owedBytes = 0;
    this.#toldNext = this.#opener.next;
    const body = new Uint8Array(ACK_BYTES);
    putU64(body, 0, this.#toldNext);
    this.#events.acknowledge(body);
  }

  /** Another connection begins. */
  restart(): void {
    this.#opener.restart();
  }

  readonly #opened = ({ type, payload }: OpenedRecord): void => {
    // What follows a goodbye is not looked at.
    if (this.#events.isOver()) return;
    this.records++;
    switch (type) {
      case RecordType.FRAMES:
        return eachFrame(payload, this.#frame);
      case RecordType.KEY_UPDATE:
        return;
      case RecordType.GOODBYE:
        return this.#events.told(decodeGoodbye(payload));
      default:
        throw new PeerError(`A record of unknown type ${type}`);
    }
  };
}
