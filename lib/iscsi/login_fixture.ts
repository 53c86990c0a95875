/** What the tests of the login share: PDUs as a framer gives them, and primitives that repeat themselves. */

import type { Primitives } from "../base/primitives.ts";
import { Framer, type Pdu } from "./framer.ts";
import { NO_DIGESTS, pduLength, sealPdu } from "./layout.ts";
import {
  type Login,
  type LoginStep,
  TargetLogin,
  type TargetLoginOptions,
} from "./login.ts";
import type { ChapPolicy } from "./login_security.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import { encodeLoginRequest, type LoginRequest } from "./pdu/login_request.ts";
import {
  decodeLoginResponse,
  type LoginResponse,
} from "./pdu/login_response.ts";
import { parseText, renderText } from "./text.ts";

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

export const TARGET = "iqn.2024-01.example:photos";
export const INITIATOR = "iqn.1994-05.example:laptop";
export const NAMES = { InitiatorName: INITIATOR, TargetName: TARGET };

export type FixtureTarget = { name: string; chap?: ChapPolicy };

/** A login to a node that has one target, {@linkcode TARGET}, and one session, 5. */
export function targetLogin(
  primitives: Primitives,
  options: Partial<TargetLoginOptions<FixtureTarget>> = {},
): TargetLogin<FixtureTarget> {
  return new TargetLogin<FixtureTarget>({
    lookup: (name) => name === TARGET ? { name } : undefined,
    hasSession: (tsih) => tsih === 5,
    newTsih: () => 9,
    primitives: countingPrimitives(primitives),
    windowCommands: 32,
    ...options,
  });
}

/** The response's text as an object. */
export function textOf(step: LoginStep<FixtureTarget>): Record<string, string> {
  return Object.fromEntries(
    parseText(pduOf(step.response).data).map(({ key, value }) => [key, value]),
  );
}

export function headerOf(step: LoginStep<FixtureTarget>): LoginResponse {
  return decodeLoginResponse(step.response);
}

/** What a step that must be the last and good one has given. */
export function completed(
  step: LoginStep<FixtureTarget>,
): Login<FixtureTarget> {
  if (step.kind !== "complete") throw new Error(`The login is ${step.kind}`);
  return step.login;
}

/** The status of a step that must be a refusal, in its response and beside it. */
export function refusalOf(step: LoginStep<FixtureTarget>): number {
  const { status, transit } = headerOf(step);
  if (step.kind !== "refused" || step.status !== status || transit) {
    throw new Error(`The login is ${step.kind}, its response ${status}`);
  }
  return status;
}
