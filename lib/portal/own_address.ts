/**
 * What discovery tells an initiator behind a tunnel: a target that is reached through `serve --forward` names the address at which
 * it listens on its own machine, and the initiator has to be told the portal's instead (RFC 7143 appendix C).
 */

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
import {
  type DiscoveredTarget,
  parseAddress,
  parseTargets,
  renderTargets,
} from "../iscsi/send_targets.ts";
import { parseText, renderText } from "../iscsi/text.ts";

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
    const response = decodeTextResponse(pdu.bytes);
    if (response.continue) {
      throw new PeerError("Expected a list of targets that fits into one PDU");
    }
    const pairs = parseText(pdu.data);
    if (!pairs.some(({ key }) => key === "TargetName")) return undefined;
    const data = renderText(renderTargets(ownTarget(parseTargets(pairs), own)));
    const bytes = new Uint8Array(pduLength(data.length, digests));
    const dataSegmentLength = data.length;
    encodeTextResponse({ ...response, dataSegmentLength }, bytes, 0);
    bytes.set(data, dataStart(digests));
    sealPdu(bytes, 0, { dataLength: data.length, digests });
    return bytes;
  };
}

/** The channel's target alone, and its first portal group at the portal's address: there is one way to it from here. */
function ownTarget(
  targets: readonly DiscoveredTarget[],
  { iqn, portal }: OwnAddress,
): DiscoveredTarget[] {
  const { hostname, port } = parseAddress(portal);
  return targets.filter(({ name }) => name === iqn).slice(0, 1)
    .map(({ name, addresses }) => ({
      name,
      addresses: addresses.slice(0, 1).map(({ tag }) => ({
        hostname,
        port,
        tag,
      })),
    }));
}
