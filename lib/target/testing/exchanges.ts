/** Exchanges of several PDUs that more than one test has with a target. */

import { u32, utf8 } from "../../base/bytes.ts";
import { RESERVED_TAG } from "../../iscsi/pdu/bhs.ts";
import { encodeLogoutRequest } from "../../iscsi/pdu/logout_request.ts";
import { decodeLogoutResponse } from "../../iscsi/pdu/logout_response.ts";
import { encodeTextRequest } from "../../iscsi/pdu/text_request.ts";
import { decodeTextResponse } from "../../iscsi/pdu/text_response.ts";
import { parseText, renderText } from "../../iscsi/text.ts";
import type { RawInitiator } from "./raw_initiator.ts";

const LUN_0 = new Uint8Array(8);

/** Asks for a logout; gives the response code. */
export async function logout(
  initiator: RawInitiator,
  reasonCode: number,
  cid = 0,
): Promise<number> {
  await initiator.send((into, at) =>
    encodeLogoutRequest(
      {
        immediate: true,
        reasonCode,
        initiatorTaskTag: 77,
        cid,
        cmdSn: initiator.cmdSn,
        expStatSn: 0,
      },
      into,
      at,
    )
  );
  return decodeLogoutResponse((await initiator.receive()).bytes).response;
}

/** One text negotiation to its end; gives the answer. */
export async function text(
  initiator: RawInitiator,
  pairs: Record<string, string>,
): Promise<{ key: string; value: string }[]> {
  const data = renderText(
    Object.entries(pairs).map(([key, value]) => ({ key, value })),
  );
  let whole = "";
  let ttt = RESERVED_TAG;
  for (let first = true;; first = false) {
    await initiator.send((into, at) =>
      encodeTextRequest(
        {
          immediate: true,
          final: true,
          continue: false,
          dataSegmentLength: first ? data.length : 0,
          lun: LUN_0,
          initiatorTaskTag: 55,
          targetTransferTag: ttt,
          cmdSn: initiator.cmdSn,
          expStatSn: 0,
        },
        into,
        at,
      ), first ? data : new Uint8Array(0));
    const pdu = await initiator.receive();
    const response = decodeTextResponse(pdu.bytes);
    whole += new TextDecoder().decode(pdu.data);
    ttt = u32(pdu.bytes, 20);
    if (response.final) return parseText(utf8(whole));
    if (!response.continue || ttt === RESERVED_TAG) {
      throw new Error("The answer goes on, but does not say so");
    }
  }
}
