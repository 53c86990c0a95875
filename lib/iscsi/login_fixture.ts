/** What the tests of the login share: PDUs as a framer gives them, and primitives that repeat themselves. */

import type { Primitives } from "../base/primitives.ts";
import { Framer, type Pdu } from "./framer.ts";
import { NO_DIGESTS, pduLength, sealPdu } from "./layout.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import { encodeLoginRequest, type LoginRequest } from "./pdu/login_request.ts";
import { renderText } from "./text.ts";

/** The one PDU that the bytes are. */
export function pduOf(bytes: Uint8Array): Pdu {
  const framer = new Framer({ maxDataSegmentBytes: 2 ** 24 });
  framer.push(bytes);
  const pdu = framer.next();
  if (pdu === undefined) throw new Error("Not a whole PDU");
  return pdu;
}

export const ISID = Uint8Array.of(0x80, 1, 2, 3, 0, 1);

/** A Login Request with the given header fields and text, by default the first of the operational stage with T. */
export function loginPdu(
  text: Record<string, string> | Uint8Array,
  fields: Partial<LoginRequest> = {},
): Pdu {
  const data = text instanceof Uint8Array
    ? text
    : renderText(Object.entries(text).map(([key, value]) => ({ key, value })));
  const bytes = new Uint8Array(pduLength(data.length, NO_DIGESTS));
  encodeLoginRequest(
    {
      transit: true,
      continue: false,
      csg: 1,
      nsg: 3,
      versionMax: 0,
      versionMin: 0,
      isid: ISID,
      tsih: 0,
      initiatorTaskTag: 7,
      cid: 1,
      cmdSn: 100,
      expStatSn: 0,
      ...fields,
      dataSegmentLength: data.length,
    },
    bytes,
    0,
  );
  bytes.set(data, BHS_BYTES);
  sealPdu(bytes, 0, { dataLength: data.length, digests: NO_DIGESTS });
  return pduOf(bytes);
}

/** Primitives whose random bytes count upwards: every run is the same, no two draws are. */
export function countingPrimitives(
  real: Primitives,
): Pick<Primitives, "hash" | "random" | "equal"> {
  let next = 0;
  return {
    hash: (name, ...parts) => real.hash(name, ...parts),
    equal: (a, b) => real.equal(a, b),
    random: (length) => Uint8Array.from({ length }, () => next++),
  };
}
