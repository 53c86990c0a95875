/**
 * What discovery tells an initiator behind a tunnel: a target that is reached through `serve --forward` names the address at which
 * it listens on its own machine, and the initiator has to be told the portal's instead (RFC 7143 appendix C).
 */

import { fromUtf8, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import type { Pdu } from "../iscsi/framer.ts";
import {
  dataStart,
  type Digests,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import { opcodeOf } from "../iscsi/pdu/bhs.ts";
import { TEXT_RESPONSE } from "../iscsi/pdu/opcode.ts";
import {
  decodeTextResponse,
  encodeTextResponse,
} from "../iscsi/pdu/text_response.ts";

export interface OwnAddress {
  /** The one target that the channel is for. */
  readonly iqn: string;
  /** HOST:PORT of the portal. */
  readonly portal: string;
}

/**
 * A rewriter for `relay`: a Text Response that lists targets lists the one of the channel at the portal's address; everything else
 * passes unchanged.
 *
 * @throws {PeerError} for a list that is continued in another PDU: some hundred targets
 */
export function ownAddress(
  own: OwnAddress,
): (pdu: Pdu, digests: Digests) => Uint8Array | undefined {
  return (pdu, digests) => {
    if (opcodeOf(pdu.bytes) !== TEXT_RESPONSE) return undefined;
    const text = fromUtf8(pdu.data) ?? "";
    if (!text.includes("TargetName=")) return undefined;
    const response = decodeTextResponse(pdu.bytes);
    if (response.continue || !response.final) {
      throw new PeerError("Expected a list of targets that fits into one PDU");
    }
    const data = utf8(listing(text, own));
    const bytes = new Uint8Array(pduLength(data.length, digests));
    encodeTextResponse(
      { ...response, dataSegmentLength: data.length },
      bytes,
      0,
    );
    bytes.set(data, dataStart(digests));
    sealPdu(bytes, 0, { dataLength: data.length, digests });
    return bytes;
  };
}

/** The channel's target alone, and its first portal group at the portal's address: there is one way to it from here. */
function listing(text: string, own: OwnAddress): string {
  const name = `TargetName=${own.iqn}`;
  let ours = false;
  let listed = "";
  for (const pair of text.split("\0")) {
    if (pair.startsWith("TargetName=")) {
      ours = pair === name && listed === "";
      if (ours) listed = `${name}\0`;
    } else if (ours && pair.startsWith("TargetAddress=")) {
      listed += `TargetAddress=${own.portal},${portalGroupTag(pair)}\0`;
      ours = false;
    }
  }
  return listed;
}

/** What follows the comma of `TargetAddress=HOST:PORT,TAG`. */
function portalGroupTag(pair: string): string {
  const comma = pair.lastIndexOf(",");
  return comma < 0 ? "1" : pair.slice(comma + 1);
}
