/**
 * What waits to be sent on a link: frames, put into records as they come, sealed when they go.
 *
 * Frames written in one turn share a record, and consecutive writes to one channel share a frame: at depth the cost of a record is
 * paid once for many small writes, and nothing ever waits for company. The bytes of a write are copied once, to the place from which
 * they are sent.
 */

import { u24 } from "../lib/base/bytes.ts";
import { invariant } from "../lib/base/errors.ts";
import { FRAME_HEADER_BYTES, FrameType, putFrameHeader } from "./frame.ts";
import { TAG_BYTES } from "./mac.ts";
import {
  MAX_RECORD_PAYLOAD_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  type RecordSealer,
  RecordType,
} from "./record.ts";

/** A record takes no further frame once it would be longer than this: the peer can begin with it while the next one is made. */
export const RECORD_TARGET_BYTES = 128 * 1024;

/** The longest body of a frame that a record holds. */
export const MAX_FRAME_BODY_BYTES = MAX_RECORD_PAYLOAD_BYTES -
  FRAME_HEADER_BYTES;

const FIRST_CAPACITY_BYTES = 256 * 1024;
/** Larger buffers than this are not kept for the next batch. */
const KEEP_CAPACITY_BYTES = 4 * 1024 * 1024;

/** One direction's counters. */
export interface OutboxCounts {
  bytes: number;
  records: number;
  frames: number;
  keyUpdates: number;
}

export class Outbox {
  readonly counts: OutboxCounts = {
    bytes: 0,
    records: 0,
    frames: 0,
    keyUpdates: 0,
  };
  readonly #sealer: RecordSealer;
  #buffer = new Uint8Array(FIRST_CAPACITY_BYTES);
  /** A buffer that was sent and came back. */
  #spare: Uint8Array<ArrayBuffer> | undefined;
  /** Where the next byte goes. */
  #end = 0;
  /** Where the open record begins, or -1. Records before it are sealed. */
  #record = -1;
  /** Where the open record's last frame begins, if it is of data; or -1. */
  #dataFrame = -1;
  #dataChannel = 0;
  /** How much of what waits is not of channels' bytes. */
  #controlBytes = 0;

  constructor(sealer: RecordSealer) {
    this.#sealer = sealer;
  }

  /** Bytes that wait, with all that is around them. */
  get sizeBytes(): number {
    return this.#end;
  }

  /** Frames that wait and are not data, in bytes: what a peer makes this end say is bounded by looking at it. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  /** Adds a frame of any kind but data. */
  frame(type: number, channel: number, body: Uint8Array): void {
    this.#dataFrame = -1;
    const at = this.#reserve(FRAME_HEADER_BYTES + body.length);
    putFrameHeader(this.#buffer, at, { type, channel, length: body.length });
    this.#buffer.set(body, at + FRAME_HEADER_BYTES);
    this.#controlBytes += FRAME_HEADER_BYTES + body.length;
    this.counts.frames++;
  }

  /** Adds bytes of a channel, at most {@linkcode MAX_FRAME_BODY_BYTES}, whole. */
  data(channel: number, bytes: Uint8Array): void {
    this.counts.bytes += bytes.length;
    if (this.#extend(channel, bytes)) return;
    const at = this.#reserve(FRAME_HEADER_BYTES + bytes.length);
    putFrameHeader(this.#buffer, at, {
      type: FrameType.DATA,
      channel,
      length: bytes.length,
    });
    this.#buffer.set(bytes, at + FRAME_HEADER_BYTES);
    this.#dataFrame = at;
    this.#dataChannel = channel;
    this.counts.frames++;
  }

  /** Adds a record of its own. */
  record(type: number, payload: Uint8Array): void {
    this.#seal();
    const size = payload.length + RECORD_OVERHEAD_BYTES;
    this.#grow(size);
    const record = this.#buffer.subarray(this.#end, this.#end + size);
    record.set(payload, RECORD_HEADER_BYTES);
    this.#end += size;
    this.#sealer.seal(type, record);
    this.counts.records++;
  }

  /**
   * All that waits, sealed; the outbox is empty then. The bytes are the caller's until it gives them back with `recycle`.
   *
   * Here is the seam for surviving an outage: what this returns would be kept, numbered, until the peer has acknowledged it, and
   * sent again on the next connection of the same link.
   */
  take(): Uint8Array<ArrayBuffer> {
    this.#seal();
    const taken = this.#buffer.subarray(0, this.#end);
    this.#buffer = this.#spare ?? new Uint8Array(FIRST_CAPACITY_BYTES);
    this.#spare = undefined;
    this.#end = 0;
    this.#controlBytes = 0;
    return taken;
  }

  /** Takes back the memory of what `take` gave. */
  recycle(taken: Uint8Array<ArrayBuffer>): void {
    if (taken.buffer.byteLength > KEEP_CAPACITY_BYTES) return;
    this.#spare ??= new Uint8Array(taken.buffer);
  }

  /** Adds to the open record's last frame, where that is one of the same channel. */
  #extend(channel: number, bytes: Uint8Array): boolean {
    const at = this.#dataFrame;
    if (at < 0 || channel !== this.#dataChannel) return false;
    const room = RECORD_TARGET_BYTES - (this.#end - this.#record);
    if (bytes.length > room) return false;
    this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
    const length = u24(this.#buffer, at + 1) + bytes.length;
    putFrameHeader(this.#buffer, at, { type: FrameType.DATA, channel, length });
    return true;
  }

  /** Makes room for `size` bytes of frame in a record that is open; where they begin. */
  #reserve(size: number): number {
    invariant(
      size <= MAX_RECORD_PAYLOAD_BYTES,
      `a frame of ${size} bytes does not fit a record`,
    );
    const open = this.#record >= 0;
    if (open && this.#end - this.#record + size > RECORD_TARGET_BYTES) {
      this.#seal();
    }
    if (this.#record < 0) this.#begin();
    this.#grow(size);
    const at = this.#end;
    this.#end += size;
    return at;
  }

  #begin(): void {
    if (this.#sealer.renewalDue) {
      this.record(RecordType.KEY_UPDATE, new Uint8Array(0));
      this.counts.keyUpdates++;
    }
    this.#grow(RECORD_HEADER_BYTES);
    this.#record = this.#end;
    this.#end += RECORD_HEADER_BYTES;
  }

  #seal(): void {
    if (this.#record < 0) return;
    const begin = this.#record;
    this.#record = -1;
    this.#dataFrame = -1;
    this.#end += TAG_BYTES;
    this.#sealer.seal(
      RecordType.FRAMES,
      this.#buffer.subarray(begin, this.#end),
    );
    this.counts.records++;
  }

  /** Makes room for `more` bytes and the tag that ends the record. */
  #grow(more: number): void {
    const needed = this.#end + more + TAG_BYTES;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
  }
}
