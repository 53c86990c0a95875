/**
 * What is sent on a link: frames, put into records as they come, sealed when they go, and kept until the peer has acknowledged them, so
 * that another connection of the same link can begin where the last one broke off.
 *
 *      block                    block                        block (the last one takes what comes)
 *     +-----------------------+ +------------------------+  +----------------+---------- - -
 *     | records, sent         | | sent        | not sent |  | not sent       | open record
 *     +-----------------------+ +------------------------+  +----------------+---------- - -
 *       freed once all of it is acknowledged
 *
 * Frames written in one turn share a record, and consecutive writes to one channel share a frame: at depth the cost of a record is
 * paid once for many small writes, and nothing ever waits for company. The bytes of a write are copied once, to the place from which
 * they are sent, and sent again: a record that is sent again is the same bytes as before (PROTOCOL.md section 5).
 */

import { u24, u32 } from "../lib/base/bytes.ts";
import { invariant, PeerError } from "../lib/base/errors.ts";
import { FRAME_HEADER_BYTES, FrameType, putFrameHeader } from "./frame.ts";
import { TAG_BYTES } from "./mac.ts";
import {
  LENGTH_AT,
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

/** Records are made in blocks of this size; one that is longer has a block of its own. */
const BLOCK_BYTES = 512 * 1024;
/** Blocks that are free and kept for later. */
const MAX_SPARE_BLOCKS = 4;

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the next byte goes. */
  end: number;
  /** Bytes before it have been taken to be sent. */
  sent: number;
  /** The number of its first record. */
  first: number;
  /** The number after that of its last sealed record. */
  next: number;
}

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
  /** In the order of their records; the last one takes what comes. */
  readonly #blocks: Block[] = [];
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #block: Block;
  /** Where the open record begins in the last block, or -1. Records before it are sealed. */
  #record = -1;
  /** Where the open record's last frame begins, if it is of data; or -1. */
  #dataFrame = -1;
  #dataChannel = 0;
  #waitingBytes = 0;
  #keptBytes = 0;
  /** How much of what waits is not of channels' bytes. */
  #controlBytes = 0;
  /** What is not of channels' bytes in records before number `#mark`, and in later ones. Those before it may be acknowledged in part. */
  #before = 0;
  #since = 0;
  #mark = 0;
  /** The number of the next record to be sealed. */
  #next = 0;
  /** The number of the first record that the peer has not acknowledged. */
  #acknowledged = 0;

  constructor(sealer: RecordSealer) {
    this.#sealer = sealer;
    this.#block = this.#newBlock(0);
  }

  /** Bytes that wait to be sent, with all that is around them. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Bytes that wait to be sent or to be acknowledged, rounded up to whole blocks of records. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** The number of the record that is sealed next. */
  get next(): number {
    return this.#next;
  }

  /** The number of the first record that is kept: those before it are acknowledged. */
  get first(): number {
    return this.#acknowledged;
  }

  /** What is kept and is not of channels' bytes, at most: frames that are not data, and what is around records. */
  get overheadBytes(): number {
    return this.#before + this.#since;
  }

  /** Frames that wait and are not data, in bytes: what a peer makes this end say is bounded by looking at it. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  /** Adds a frame of any kind but data. */
  frame(type: number, channel: number, body: Uint8Array): void {
    this.#dataFrame = -1;
    const at = this.#reserve(FRAME_HEADER_BYTES + body.length);
    const { bytes } = this.#block;
    putFrameHeader(bytes, at, { type, channel, length: body.length });
    bytes.set(body, at + FRAME_HEADER_BYTES);
    this.#controlBytes += FRAME_HEADER_BYTES + body.length;
    this.#since += FRAME_HEADER_BYTES + body.length;
    this.counts.frames++;
  }

  /** Adds bytes of a channel, at most {@linkcode MAX_FRAME_BODY_BYTES}, whole. */
  data(channel: number, bytes: Uint8Array): void {
    this.counts.bytes += bytes.length;
    if (this.#extend(channel, bytes)) return;
    const at = this.#reserve(FRAME_HEADER_BYTES + bytes.length);
    putFrameHeader(this.#block.bytes, at, {
      type: FrameType.DATA,
      channel,
      length: bytes.length,
    });
    this.#block.bytes.set(bytes, at + FRAME_HEADER_BYTES);
    this.#dataFrame = at;
    this.#dataChannel = channel;
    this.counts.frames++;
  }

  /** Adds a record of its own. */
  record(type: number, payload: Uint8Array): void {
    this.#seal();
    const size = payload.length + RECORD_OVERHEAD_BYTES;
    this.#grow(size);
    const { bytes, end } = this.#block;
    const record = bytes.subarray(end, end + size);
    record.set(payload, RECORD_HEADER_BYTES);
    this.#advance(size);
    this.#sealRecord(type, record);
  }

  /** All that waits, sealed, in order. The bytes stay what they are until they are acknowledged. */
  take(): Uint8Array[] {
    this.#seal();
    const taken: Uint8Array[] = [];
    for (const block of this.#blocks) {
      if (block.sent === block.end) continue;
      taken.push(block.bytes.subarray(block.sent, block.end));
      block.sent = block.end;
    }
    this.#waitingBytes = 0;
    this.#controlBytes = 0;
    return taken;
  }

  /**
   * The peer has all records before number `next`: they are forgotten. One that says less than was known before is old: it was sent again
   * after another connection had told more.
   *
   * @throws {PeerError} where it cannot have them
   */
  acknowledge(next: number): void {
    if (next > this.#next) {
      throw new PeerError(
        `Records up to ${next} are acknowledged: ${this.#next} were sent`,
      );
    }
    if (next < this.#acknowledged) return;
    this.#acknowledged = next;
    if (next >= this.#mark) {
      this.#before = this.#since;
      this.#since = 0;
      this.#mark = this.#record < 0 ? this.#next : this.#next + 1;
    }
    let first = this.#blocks[0]!;
    while (first !== this.#block && first.next <= next) {
      this.#blocks.shift();
      this.#keptBytes -= first.end;
      this.#reuse(first.bytes);
      first = this.#blocks[0]!;
    }
    const isIdle = first === this.#block && first.next <= next &&
      this.#record < 0 && first.sent === first.end;
    if (!isIdle) return;
    this.#keptBytes -= first.end;
    first.end = first.sent = 0;
    first.first = this.#next;
  }

  /**
   * Another connection goes on where the peer has all records before number `next`: those that follow wait to be sent again.
   *
   * @throws {PeerError} where it cannot have them, or has acknowledged more
   */
  rewind(next: number): void {
    if (next < this.#acknowledged) {
      throw new PeerError(
        `Record ${next} is expected again: those before ${this.#acknowledged} are acknowledged`,
      );
    }
    this.acknowledge(next);
    this.#waitingBytes = 0;
    for (const block of this.#blocks) {
      block.sent = 0;
      for (let number = block.first; number < Math.min(next, block.next);) {
        block.sent += u32(block.bytes, block.sent + LENGTH_AT) +
          RECORD_OVERHEAD_BYTES;
        number++;
      }
      this.#waitingBytes += block.end - block.sent;
    }
  }

  /** Adds to the open record's last frame, where that is one of the same channel. */
  #extend(channel: number, bytes: Uint8Array): boolean {
    if (this.#dataFrame < 0 || channel !== this.#dataChannel) return false;
    const room = RECORD_TARGET_BYTES - (this.#block.end - this.#record);
    if (bytes.length > room) return false;
    this.#grow(bytes.length);
    // Growing may have moved the record.
    const at = this.#dataFrame;
    const block = this.#block;
    block.bytes.set(bytes, block.end);
    this.#advance(bytes.length);
    const length = u24(block.bytes, at + 1) + bytes.length;
    putFrameHeader(block.bytes, at, { type: FrameType.DATA, channel, length });
    return true;
  }

  /** Makes room for `size` bytes of frame in a record that is open; where they begin. */
  #reserve(size: number): number {
    invariant(
      size <= MAX_RECORD_PAYLOAD_BYTES,
      `a frame of ${size} bytes does not fit a record`,
    );
    const open = this.#record >= 0;
    if (open && this.#block.end - this.#record + size > RECORD_TARGET_BYTES) {
      this.#seal();
    }
    if (this.#record < 0) this.#begin(size);
    else this.#grow(size);
    const at = this.#block.end;
    this.#advance(size);
    return at;
  }

  /** Opens a record, with room for `size` bytes of payload. */
  #begin(size: number): void {
    if (this.#sealer.renewalDue) {
      this.record(RecordType.KEY_UPDATE, new Uint8Array(0));
      this.counts.keyUpdates++;
    }
    this.#grow(RECORD_HEADER_BYTES + size);
    this.#record = this.#block.end;
    this.#advance(RECORD_HEADER_BYTES);
  }

  #seal(): void {
    if (this.#record < 0) return;
    const begin = this.#record;
    this.#record = -1;
    this.#dataFrame = -1;
    this.#advance(TAG_BYTES);
    const { bytes, end } = this.#block;
    this.#sealRecord(RecordType.FRAMES, bytes.subarray(begin, end));
  }

  #sealRecord(type: number, record: Uint8Array): void {
    this.#sealer.seal(type, record);
    this.#block.next = ++this.#next;
    this.#since += RECORD_OVERHEAD_BYTES;
    this.counts.records++;
  }

  #advance(bytes: number): void {
    this.#block.end += bytes;
    this.#waitingBytes += bytes;
    this.#keptBytes += bytes;
  }

  /** Makes room for `more` bytes and the tag that ends the record: in the last block, or in a new one, to which the open record moves. */
  #grow(more: number): void {
    const block = this.#block;
    if (block.end + more + TAG_BYTES <= block.bytes.length) return;
    const begin = this.#record < 0 ? block.end : this.#record;
    const open = block.bytes.subarray(begin, block.end);
    const larger = this.#newBlock(open.length + more + TAG_BYTES);
    larger.bytes.set(open);
    larger.end = open.length;
    block.end = begin;
    this.#block = larger;
    if (this.#record < 0) return;
    this.#record = 0;
    if (this.#dataFrame >= 0) this.#dataFrame -= begin;
  }

  #newBlock(sizeBytes: number): Block {
    const bytes = (sizeBytes <= BLOCK_BYTES && this.#spare.pop()) ||
      new Uint8Array(Math.max(BLOCK_BYTES, sizeBytes));
    const block = {
      bytes,
      end: 0,
      sent: 0,
      first: this.#next,
      next: this.#next,
    };
    this.#blocks.push(block);
    return block;
  }

  #reuse(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length > BLOCK_BYTES || this.#spare.length >= MAX_SPARE_BLOCKS) {
      return;
    }
    this.#spare.push(bytes);
  }
}
