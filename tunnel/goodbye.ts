/** The last record of a direction: why the link ends. One byte of code, then a sentence in UTF-8. */

import { concat, fromUtf8 } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";
import { reasonBytes } from "./channel_end.ts";
import { MAX_REASON_BYTES } from "./frame.ts";
import type { LinkEnd, LinkEndKind } from "./link.ts";
import { sentence } from "./sentence.ts";

const CODES: Partial<Record<LinkEndKind, number>> = {
  goodbye: 0x00,
  refused: 0x01,
  tampered: 0x02,
  violation: 0x03,
  aborted: 0x04,
};

/** The payload that tells the peer of `end`, or undefined where the peer cannot be told. */
export function encodeGoodbye(end: LinkEnd): Uint8Array | undefined {
  const code = CODES[end.kind];
  if (code === undefined) return undefined;
  return concat([Uint8Array.of(code), reasonBytes(end.reason)]);
}

/** @throws {PeerError} for what is not a goodbye */
export function decodeGoodbye(payload: Uint8Array): LinkEnd {
  const code = payload[0];
  const kind = (Object.keys(CODES) as LinkEndKind[]).find((kind) =>
    CODES[kind] === code
  );
  const reason = fromUtf8(payload.subarray(1));
  if (!kind || reason === undefined || payload.length > 1 + MAX_REASON_BYTES) {
    throw new PeerError("Expected a goodbye");
  }
  return { kind, reason: sentence(reason) };
}
