/**
 * Records: what crosses a link, authenticated one by one.
 *
 *      0        1        2                 4
 *     +--------+--------+-----------------+-----------------------------------+
 *     | type   | direc- | generation of   | length of the payload in bytes    |
 *     |        | tion   | the keys        |                                   |
 *     +--------+--------+-----------------+-----------------------------------+
 *     |  8                 sequence number, 64 bits                           |
 *     +-----------------------------------------------------------------------+
 *     | 16                                                                    |
 *     +                    link id, 128 bits                                  +
 *     |                                                                       |
 *     +-----------------------------------------------------------------------+
 *     | 32                 payload                                            |
 *     +-----------------------------------------------------------------------+
 *     |                    tag, 128 bits, over everything above               |
 *     +-----------------------------------------------------------------------+
 *
 * Everything that the tag has to cover stands in the record itself, so that it is one run of bytes. The receiver knows what each
 * field but type, length and payload must be; a field that is otherwise ends the link even where the tag is right.
 */

import {
  equalBytes,
  putU16,
  putU32,
  putU64,
  u16,
  u32,
  u64,
} from "../lib/base/bytes.ts";
import { invariant, PeerError } from "../lib/base/errors.ts";
import { MAX_PDU_BYTES } from "../lib/base/limits.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { type Direction, LINK_ID_BYTES } from "./keys.ts";
import { RecordMac, TAG_BYTES } from "./mac.ts";
import { MAX_SEQUENCE, SequenceCheck } from "./replay.ts";

export const RECORD_HEADER_BYTES = 32;
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + TAG_BYTES;

/** One whole PDU of the longest kind in its frame. */
export const MAX_RECORD_PAYLOAD_BYTES = MAX_PDU_BYTES + FRAME_HEADER_BYTES;

export const RecordType = {
  /** Frames of channels, one or more. */
  FRAMES: 0x01,
  /** The records after this one are sealed with the next generation of the sender's keys. No payload. */
  KEY_UPDATE: 0x02,
  /** The sender's last record. */
  GOODBYE: 0x03,
} as const;

/** Keys are renewed after so many records or bytes, whichever comes first. */
export interface RenewalLimits {
  readonly records: number;
  readonly bytes: number;
}

/** Far below what ChaCha20-Poly1305 would bear; it bounds what one key that leaks would be worth. */
export const RENEWAL_LIMITS: RenewalLimits = {
  records: 2 ** 22,
  bytes: 2 ** 36,
};

/** The header counts generations in 16 bits; at 64 GiB each that is 4 EiB. */
const MAX_GENERATION = 0xffff;

const TYPE_AT = 0;
const DIRECTION_AT = 1;
const GENERATION_AT = 2;
/** Where a record tells the length of its payload, u32. */
export const LENGTH_AT = 4;
const SEQUENCE_AT = 8;
const LINK_AT = 16;

/** One direction of one link, as both of its ends know it. */
export interface RecordDirection {
  readonly direction: Direction;
  readonly linkId: Uint8Array;
  /** Generation 0 of the key schedule. */
  readonly secret: Uint8Array;
}

/** A record whose tag held. */
export interface OpenedRecord {
  readonly type: number;
  /** A view of what was received, lent for the call. */
  readonly payload: Uint8Array;
}

/** A record's tag, number or place was wrong: the bytes are not those that the peer sent, or not in that order. */
export class TamperedError extends PeerError {}

/** Seals records in place, in order. */
export class RecordSealer {
  readonly #direction: RecordDirection;
  readonly #limits: RenewalLimits;
  readonly #mac: RecordMac;
  #sequence = 0;
  #sealedRecords = 0;
  #sealedBytes = 0;

  constructor(
    primitives: Primitives,
    options: RecordDirection & { renewal?: RenewalLimits },
  ) {
    invariant(
      options.linkId.length === LINK_ID_BYTES,
      "a link id has 16 bytes",
    );
    this.#direction = options;
    this.#limits = options.renewal ?? RENEWAL_LIMITS;
    this.#mac = new RecordMac(primitives, options);
  }

  get generation(): number {
    return this.#mac.generation;
  }

  /** Whether a key update is to be sent before the next record. */
  get renewalDue(): boolean {
    return this.#sealedRecords >= this.#limits.records ||
      this.#sealedBytes >= this.#limits.bytes;
  }

  /**
   * Makes a record of `record`: fills in its first 32 bytes and its last 16 around the payload that stands between. After a key update
   * the keys are the next generation's.
   */
  seal(type: number, record: Uint8Array): void {
    const payloadBytes = record.length - RECORD_OVERHEAD_BYTES;
    invariant(
      payloadBytes >= 0 && payloadBytes <= MAX_RECORD_PAYLOAD_BYTES,
      `a record's payload has ${payloadBytes} bytes`,
    );
    invariant(this.#sequence < MAX_SEQUENCE, "a link ran out of numbers");
    record[TYPE_AT] = type;
    record[DIRECTION_AT] = this.#direction.direction;
    putU16(record, GENERATION_AT, this.#mac.generation);
    putU32(record, LENGTH_AT, payloadBytes);
    putU64(record, SEQUENCE_AT, this.#sequence++);
    record.set(this.#direction.linkId, LINK_AT);
    this.#mac.seal(record);
    this.#sealedRecords++;
    this.#sealedBytes += record.length;
    if (type === RecordType.KEY_UPDATE) {
      invariant(
        this.#mac.generation < MAX_GENERATION,
        "a link ran out of keys",
      );
      this.#mac.renew();
      this.#sealedRecords = 0;
      this.#sealedBytes = 0;
    }
  }
}

/**
 * Cuts a stream of bytes into records and opens them. However the bytes were split on their way, the same records come out.
 * At most one record is held, and nothing of it is given away before its tag has held.
 */
export class RecordOpener {
  readonly #direction: RecordDirection;
  readonly #mac: RecordMac;
  readonly #sequence = new SequenceCheck();
  /** Holds the beginning of a record that has not arrived whole, `#heldBytes` of it, and grows to the longest that came. */
  #held: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #heldBytes = 0;

  constructor(primitives: Primitives, options: RecordDirection) {
    this.#direction = options;
    this.#mac = new RecordMac(primitives, options);
  }

  get generation(): number {
    return this.#mac.generation;
  }

  /** The number of the next record: all before it have come. */
  get next(): number {
    return this.#sequence.next;
  }

  /** Another connection begins: of a record that had not arrived whole nothing is kept, since it comes again. */
  restart(): void {
    this.#heldBytes = 0;
  }

  /** Whether the bytes so far end in the middle of a record. */
  get midRecord(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * Calls `opened` for each record that is whole by now. Payloads are lent for the call.
   *
   * @throws {TamperedError} where a record is not the next one that the peer sealed
   */
  receive(bytes: Uint8Array, opened: (record: OpenedRecord) => void): void {
    let at = this.#heldBytes > 0 ? this.#complete(bytes, opened) : 0;
    while (at < bytes.length) {
      const left = bytes.length - at;
      const size = left >= RECORD_HEADER_BYTES
        ? recordSize(bytes, at)
        : left + 1;
      if (left < size) {
        this.#hold(bytes.subarray(at), size);
        return;
      }
      opened(this.#open(bytes.subarray(at, at + size)));
      at += size;
    }
  }

  /** Adds to the held record; how many of `bytes` that took. */
  #complete(bytes: Uint8Array, opened: (record: OpenedRecord) => void): number {
    let at = 0;
    if (this.#heldBytes < RECORD_HEADER_BYTES) {
      at = this.#fill(bytes, 0, RECORD_HEADER_BYTES);
      if (this.#heldBytes < RECORD_HEADER_BYTES) return at;
    }
    const size = recordSize(this.#held, 0);
    at += this.#fill(bytes, at, size);
    if (this.#heldBytes < size) return at;
    this.#heldBytes = 0;
    opened(this.#open(this.#held.subarray(0, size)));
    return at;
  }

  #hold(bytes: Uint8Array, size: number): void {
    this.#fill(bytes, 0, Math.max(size, RECORD_HEADER_BYTES));
  }

  /** Copies from `bytes` until `size` are held; how many that took. */
  #fill(bytes: Uint8Array, from: number, size: number): number {
    if (this.#held.length < size) {
      const larger = new Uint8Array(size);
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    const count = Math.min(size - this.#heldBytes, bytes.length - from);
    this.#held.set(bytes.subarray(from, from + count), this.#heldBytes);
    this.#heldBytes += count;
    return count;
  }

  #open(record: Uint8Array): OpenedRecord {
    // The tag first: before it holds, nothing here is the peer's word.
    if (!this.#mac.holds(record)) {
      throw new TamperedError(
        `A record's MAC is wrong: expected record ${this.#sequence.next}, and it calls itself ${
          u64(record, SEQUENCE_AT)
        }`,
      );
    }
    const sequence = u64(record, SEQUENCE_AT);
    try {
      this.#sequence.accept(sequence);
    } catch (thrown) {
      if (thrown instanceof PeerError) throw new TamperedError(thrown.message);
      throw thrown;
    }
    this.#checkPlace(record);
    const type = record[TYPE_AT]!;
    const payload = record.subarray(
      RECORD_HEADER_BYTES,
      record.length - TAG_BYTES,
    );
    if (type === RecordType.KEY_UPDATE) {
      if (payload.length > 0) throw new PeerError("A key update has a payload");
      this.#mac.renew();
    }
    return { type, payload };
  }

  /** Keys are those of this link, direction and generation, so this holds of all that a right peer seals: a second lock. */
  #checkPlace(record: Uint8Array): void {
    const { direction, linkId } = this.#direction;
    if (record[DIRECTION_AT] !== direction) {
      throw new TamperedError("A record is of the other direction");
    }
    if (u16(record, GENERATION_AT) !== this.#mac.generation) {
      throw new TamperedError("A record is of another generation of keys");
    }
    if (!equalBytes(record.subarray(LINK_AT, RECORD_HEADER_BYTES), linkId)) {
      throw new TamperedError("A record is of another link");
    }
  }
}

/** The size of the record that begins at `at`. @throws {TamperedError} where it is too long to be waited for */
function recordSize(bytes: Uint8Array, at: number): number {
  const payloadBytes = u32(bytes, at + LENGTH_AT);
  if (payloadBytes > MAX_RECORD_PAYLOAD_BYTES) {
    throw new TamperedError(
      `A record claims ${payloadBytes} bytes: at most ${MAX_RECORD_PAYLOAD_BYTES} are allowed`,
    );
  }
  return payloadBytes + RECORD_OVERHEAD_BYTES;
}
