/**
 * Frames: what a FRAMES record's payload is made of. A frame never crosses from one record into the next.
 *
 *      0        1                          4                                   8
 *     +--------+--------------------------+-----------------------------------+- - - - - -
 *     | type   | length of the body       | channel (0: the link itself)      | body
 *     +--------+--------------------------+-----------------------------------+- - - - - -
 */

import { fromUtf8, putU24, putU32, u24, u32 } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";

export const FRAME_HEADER_BYTES = 8;

export const FrameType = {
  /** Asks for a channel: the request in JSON. */
  OPEN: 0x01,
  /** Grants it: the answer in JSON. */
  ACCEPT: 0x02,
  /** Refuses it: the reason and what to do about it, in JSON. */
  REFUSE: 0x03,
  /** Bytes of the conversation. */
  DATA: 0x04,
  /** u32: so many more bytes may be sent. */
  CREDIT: 0x05,
  /** The sender's direction of the channel has ended. No body. */
  END: 0x06,
  /** The channel is cut, both ways: the reason in UTF-8. */
  RESET: 0x07,
  /** On channel 0: 8 bytes to be sent back. */
  PING: 0x08,
  PONG: 0x09,
  /** On channel 0: u64, the number of the next record that is expected. All before it have come, and need not be kept. */
  ACK: 0x0a,
} as const;

export const CREDIT_BYTES = 4;
export const PING_BYTES = 8;
export const ACK_BYTES = 8;
export const MAX_REQUEST_BYTES = 4096;
export const MAX_REASON_BYTES = 1024;

/** A frame, its body a view. */
export interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly body: Uint8Array;
}

/** Writes a frame's header at `at`. */
export function putFrameHeader(
  bytes: Uint8Array,
  at: number,
  frame: { type: number; channel: number; length: number },
): void {
  bytes[at] = frame.type;
  putU24(bytes, at + 1, frame.length);
  putU32(bytes, at + 4, frame.channel);
}

/** Calls `then` for each frame of a record's payload. @throws {PeerError} where the last one is not whole */
export function eachFrame(
  payload: Uint8Array,
  then: (type: number, channel: number, body: Uint8Array) => void,
): void {
  let at = 0;
  while (at < payload.length) {
    if (payload.length - at < FRAME_HEADER_BYTES) {
      throw new PeerError("A frame's header does not fit its record");
    }
    const type = payload[at]!;
    const length = u24(payload, at + 1);
    const channel = u32(payload, at + 4);
    at += FRAME_HEADER_BYTES;
    if (payload.length - at < length) {
      throw new PeerError(
        `A frame of ${length} bytes does not fit its record: ${
          payload.length - at
        } are left`,
      );
    }
    then(type, channel, payload.subarray(at, at + length));
    at += length;
  }
}

/** A JSON object in a frame's body. @throws {PeerError} for anything else */
export function readJson(body: Uint8Array): Readonly<Record<string, unknown>> {
  if (body.length > MAX_REQUEST_BYTES) {
    throw new PeerError(`A request of ${body.length} bytes is too long`);
  }
  try {
    const value: unknown = JSON.parse(fromUtf8(body) ?? "");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>;
    }
  } catch {
    // Answered below.
  }
  throw new PeerError("Expected a JSON object in a frame");
}
