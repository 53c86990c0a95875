/**
 * A stream of bytes in, whole PDUs out, however the bytes were split.
 *
 *     push(chunk) ─► next() … next() ─► undefined ─► push(chunk) …
 *
 * Invariants: between pushes at most one PDU's beginning is kept, never more than the limits allow; a PDU that lies whole in a
 * chunk is a view of it; one that straddles chunks is put together in one of two buffers, of which the other may still be
 * lent out.
 */

import { u24 } from "../base/bytes.ts";
import { InvariantError, PeerError } from "../base/errors.ts";
import { crc32c } from "../base/crc32c.ts";
import { DIGEST_BYTES, digestAt, type Digests, NO_DIGESTS } from "./layout.ts";
import {
  BHS_BYTES,
  DATA_SEGMENT_LENGTH_AT,
  padded,
  TOTAL_AHS_LENGTH_AT,
} from "./pdu/bhs.ts";
import { OPCODE_MASK } from "./pdu/opcode.ts";

/** The most that TotalAHSLength can say, in bytes: 255 words. */
const MAX_AHS_BYTES = 255 * 4;
/** Room for an extended CDB of 260 bytes and a bidirectional read length: nothing else goes there. */
export const DEFAULT_MAX_AHS_BYTES = 260;
/** A straddling PDU's buffer begins with this, and doubles as bytes come. */
const FIRST_BUFFER_BYTES = 1024;

/** One whole PDU. All views are lent until the framer's next `push`. */
export class Pdu {
  /** The PDU as it came, from its header to its last padding or digest byte. */
  readonly bytes: Uint8Array;
  /** False where the data segment does not match its digest: answer Reject (RFC 7143 section 7.8). */
  readonly dataDigestOk: boolean;
  readonly #dataAt: number;

  constructor(bytes: Uint8Array, dataAt: number, dataDigestOk: boolean) {
    this.bytes = bytes;
    this.#dataAt = dataAt;
    this.dataDigestOk = dataDigestOk;
  }

  /** The basic header. Decoders take `bytes` as well, and save a view. */
  get bhs(): Uint8Array {
    return this.bytes.subarray(0, BHS_BYTES);
  }

  /** The additional header segments, mostly empty. */
  get ahs(): Uint8Array {
    return this.bytes.subarray(
      BHS_BYTES,
      BHS_BYTES + this.bytes[TOTAL_AHS_LENGTH_AT]! * 4,
    );
  }

  /** DataSegmentLength. */
  get dataLength(): number {
    return u24(this.bytes, DATA_SEGMENT_LENGTH_AT);
  }

  /** The same, for longer than the buffer lives in which it came. */
  copy(): Pdu {
    return new Pdu(this.bytes.slice(), this.#dataAt, this.dataDigestOk);
  }

  /** The data segment without padding. */
  get data(): Uint8Array {
    return this.bytes.subarray(this.#dataAt, this.#dataAt + this.dataLength);
  }
}

export interface FramerOptions {
  /** The longest data segment let in, in bytes. */
  readonly maxDataSegmentBytes: number;
  readonly maxAhsBytes?: number;
  readonly digests?: Digests;
  /** False for a relay: digests are only passed over. True unless told otherwise. */
  readonly verify?: boolean;
}

export class Framer {
  #maxDataSegmentBytes: number;
  readonly #maxAhsBytes: number;
  readonly #verify: boolean;
  #digests: Digests;

  /** What is being read, and how far. */
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** The beginning of a PDU that straddles chunks: `#keptBytes` of `#buffer`. */
  #buffer: Uint8Array = EMPTY;
  #keptBytes = 0;
  /** The buffer whose PDU may be lent out until the next push. */
  #lent: Uint8Array = EMPTY;

  constructor(options: FramerOptions) {
    this.#maxDataSegmentBytes = options.maxDataSegmentBytes;
    this.#maxAhsBytes = options.maxAhsBytes ?? DEFAULT_MAX_AHS_BYTES;
    this.#verify = options.verify ?? true;
    this.#digests = options.digests ?? NO_DIGESTS;
  }

  /** From the next PDU on: what a finished login has agreed on. */
  set(
    options: {
      readonly digests?: Digests;
      readonly maxDataSegmentBytes?: number;
    },
  ): void {
    this.#digests = options.digests ?? this.#digests;
    this.#maxDataSegmentBytes = options.maxDataSegmentBytes ??
      this.#maxDataSegmentBytes;
  }

  /** Bytes of an unfinished PDU that are kept. 0 where the stream may end cleanly. */
  get pendingBytes(): number {
    return this.#keptBytes + this.#chunk.length - this.#at;
  }

  /** The next bytes of the stream, lent until `next` or `nextRun` has given undefined. Ends the life of all earlier views. */
  push(chunk: Uint8Array): void {
    if (this.#at !== this.#chunk.length) {
      throw new InvariantError("A chunk was pushed before the last was read");
    }
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next whole PDU, or undefined where more bytes are needed. @throws {PeerError} on a bad length or header digest */
  next(): Pdu | undefined {
    if (this.#keptBytes > 0) return this.#nextStraddling();
    const chunk = this.#chunk;
    const length = this.#lengthAt(chunk, this.#at);
    if (length === 0 || this.#at + length > chunk.length) {
      this.#keepRest();
      return undefined;
    }
    const bytes = chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    return this.#check(bytes);
  }

  /**
   * For a relay: as many of the next whole PDUs as lie in one piece and fit into `maxBytes` (one at least, whatever its
   * length), as one view; a PDU of the opcode `apart` is never in a view with others. Undefined where more bytes are needed. Digests are verified where the framer does that at all, and
   * a data digest that does not hold is then the relay's affair: it is not told.
   *
   * @throws {PeerError} as `next`
   */
  nextRun(maxBytes: number, apart = NOTHING): Uint8Array | undefined {
    if (this.#keptBytes > 0) return this.#nextStraddling()?.bytes;
    const chunk = this.#chunk;
    const start = this.#at;
    let end = start;
    for (;;) {
      const length = this.#lengthAt(chunk, end);
      if (length === 0 || end + length > chunk.length) break;
      const alone = (chunk[end]! & OPCODE_MASK) === apart;
      if (end > start && (alone || end + length - start > maxBytes)) break;
      if (this.#verify) this.#check(chunk.subarray(end, end + length));
      end += length;
      if (alone) break;
    }
    if (end === start) {
      this.#keepRest();
      return undefined;
    }
    this.#at = end;
    return chunk.subarray(start, end);
  }

  /** Puts the straddling PDU together as far as the chunk allows. */
  #nextStraddling(): Pdu | undefined {
    if (!this.#fill(BHS_BYTES)) return undefined;
    const length = this.#lengthAt(this.#buffer, 0, this.#keptBytes);
    if (!this.#fill(length)) return undefined;
    const whole = this.#buffer.subarray(0, length);
    const spare = this.#lent;
    this.#lent = this.#buffer;
    this.#buffer = spare;
    this.#keptBytes = 0;
    return this.#check(whole);
  }

  /** Copies bytes of the chunk until the buffer holds `wanted`; false where the chunk ends before. */
  #fill(wanted: number): boolean {
    const missing = wanted - this.#keptBytes;
    if (missing <= 0) return true;
    const available = Math.min(missing, this.#chunk.length - this.#at);
    this.#append(this.#chunk.subarray(this.#at, this.#at + available), wanted);
    this.#at += available;
    return available === missing;
  }

  #append(bytes: Uint8Array, wanted: number): void {
    const needed = this.#keptBytes + bytes.length;
    if (needed > this.#buffer.length) {
      // Grows with what has come, not with what was announced: an announcement costs its sender nothing.
      const doubled = Math.max(
        FIRST_BUFFER_BYTES,
        2 * this.#buffer.length,
        needed,
      );
      const larger = new Uint8Array(
        Math.max(needed, Math.min(doubled, Math.max(wanted, BHS_BYTES))),
      );
      larger.set(this.#buffer.subarray(0, this.#keptBytes));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#keptBytes);
    this.#keptBytes = needed;
  }

  /** Keeps the chunk's unfinished tail: the chunk itself is only lent. */
  #keepRest(): void {
    const rest = this.#chunk.subarray(this.#at);
    if (rest.length > 0) {
      const wanted = this.#lengthAt(this.#chunk, this.#at);
      this.#append(rest, wanted);
    }
    this.#chunk = EMPTY;
    this.#at = 0;
  }

  /** Length of the PDU at `at`, or 0 where its header has not come whole. @throws {PeerError} where it is over a limit */
  #lengthAt(bytes: Uint8Array, at: number, end = bytes.length): number {
    if (end - at < BHS_BYTES) return 0;
    const ahsBytes = bytes[at + TOTAL_AHS_LENGTH_AT]! * 4;
    if (ahsBytes > this.#maxAhsBytes) {
      throw new PeerError(
        `Additional header segments of ${ahsBytes} bytes, at most ${
          Math.min(this.#maxAhsBytes, MAX_AHS_BYTES)
        } are allowed`,
      );
    }
    const dataLength = u24(bytes, at + DATA_SEGMENT_LENGTH_AT);
    if (dataLength > this.#maxDataSegmentBytes) {
      throw new PeerError(
        `A data segment of ${dataLength} bytes, at most ${this.#maxDataSegmentBytes} are allowed`,
      );
    }
    return BHS_BYTES + ahsBytes + (this.#digests.header ? DIGEST_BYTES : 0) +
      padded(dataLength) +
      (this.#digests.data && dataLength > 0 ? DIGEST_BYTES : 0);
  }

  #check(bytes: Uint8Array): Pdu {
    const headerEnd = BHS_BYTES + bytes[TOTAL_AHS_LENGTH_AT]! * 4;
    const dataAt = headerEnd + (this.#digests.header ? DIGEST_BYTES : 0);
    if (!this.#verify) return new Pdu(bytes, dataAt, true);
    if (
      this.#digests.header &&
      crc32c(bytes, 0, headerEnd) !== digestAt(bytes, headerEnd)
    ) throw new PeerError("A header does not match its digest");
    if (!this.#digests.data || bytes.length === dataAt) {
      return new Pdu(bytes, dataAt, true);
    }
    const digest = bytes.length - DIGEST_BYTES;
    return new Pdu(
      bytes,
      dataAt,
      crc32c(bytes, dataAt, digest) === digestAt(bytes, digest),
    );
  }
}

const EMPTY = new Uint8Array(0);
/** No PDU has this opcode. */
const NOTHING = -1;
