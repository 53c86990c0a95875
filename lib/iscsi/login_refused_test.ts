import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { InvariantError } from "../base/errors.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Pdu } from "./framer.ts";
import {
  INITIATOR,
  loginPdu,
  NAMES,
  refusalOf,
  TARGET,
  targetLogin,
} from "./login_fixture.ts";
import * as status from "./pdu/login_response.ts";

/** Requests that end a login at once, one after the other, and with what. */
const REFUSED: readonly [string, Pdu[], number][] = [
  [
    "no such target",
    [loginPdu({ ...NAMES, TargetName: "iqn.2024-01.example:other" })],
    status.NOT_FOUND,
  ],
  [
    "no initiator's name",
    [loginPdu({ TargetName: TARGET })],
    status.MISSING_PARAMETER,
  ],
  [
    "no target's name",
    [loginPdu({ InitiatorName: INITIATOR })],
    status.MISSING_PARAMETER,
  ],
  ["no text", [loginPdu({})], status.MISSING_PARAMETER],
  [
    "an unknown session type",
    [loginPdu({ ...NAMES, SessionType: "Other" })],
    status.SESSION_TYPE_NOT_SUPPORTED,
  ],
  [
    "a name with a comma",
    [loginPdu({ ...NAMES, InitiatorName: "iqn,i,0x0" })],
    status.INITIATOR_ERROR,
  ],
  [
    "a name of 224 characters",
    [loginPdu({ ...NAMES, InitiatorName: "i".repeat(224) })],
    status.INITIATOR_ERROR,
  ],
  [
    "a later version",
    [loginPdu(NAMES, { versionMin: 1, versionMax: 1 })],
    status.UNSUPPORTED_VERSION,
  ],
  [
    "a session that is not there",
    [loginPdu(NAMES, { tsih: 4 })],
    status.SESSION_DOES_NOT_EXIST,
  ],
  [
    "a second connection",
    [loginPdu(NAMES, { tsih: 5 })],
    status.TOO_MANY_CONNECTIONS,
  ],
  ["stage 2", [loginPdu(NAMES, { csg: 2 })], status.INITIATOR_ERROR],
  ["stage 3", [loginPdu(NAMES, { csg: 3 })], status.INITIATOR_ERROR],
  ["to stage 2", [loginPdu(NAMES, { nsg: 2 })], status.INITIATOR_ERROR],
  ["to the same stage", [loginPdu(NAMES, { nsg: 1 })], status.INITIATOR_ERROR],
  ["T and C", [loginPdu(NAMES, { continue: true })], status.INITIATOR_ERROR],
  [
    "a stage back",
    [
      loginPdu(NAMES, { csg: 0, nsg: 1 }),
      loginPdu({}, { csg: 0, nsg: 1 }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "another ISID",
    [
      loginPdu(NAMES, { transit: false }),
      loginPdu({}, { isid: new Uint8Array(6) }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "another task tag",
    [
      loginPdu(NAMES, { transit: false }),
      loginPdu({}, { initiatorTaskTag: 8 }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "another CID",
    [loginPdu(NAMES, { transit: false }), loginPdu({}, { cid: 2 })],
    status.INITIATOR_ERROR,
  ],
  [
    "a key negotiated again",
    [
      loginPdu({ ...NAMES, InitialR2T: "No" }, { transit: false }),
      loginPdu({ InitialR2T: "Yes" }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "a key twice in one text",
    [loginPdu(utf8("InitialR2T=No\0InitialR2T=No\0"))],
    status.INITIATOR_ERROR,
  ],
  [
    "another initiator in the middle",
    [
      loginPdu(NAMES, { transit: false }),
      loginPdu({ InitiatorName: `${INITIATOR}2` }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "another target in the middle",
    [
      loginPdu(NAMES, { transit: false }),
      loginPdu({ TargetName: `${TARGET}2` }),
    ],
    status.INITIATOR_ERROR,
  ],
  [
    "another session type in the middle",
    [
      loginPdu(NAMES, { transit: false }),
      loginPdu({ SessionType: "Discovery" }),
    ],
    status.INITIATOR_ERROR,
  ],
  ["no NUL at the end", [loginPdu(utf8("A=b"))], status.INITIATOR_ERROR],
  [
    "security keys in the operational stage",
    [loginPdu({ ...NAMES, AuthMethod: "None" })],
    status.INITIATOR_ERROR,
  ],
  [
    "only CHAP, where nobody could be proven",
    [loginPdu({ ...NAMES, AuthMethod: "CHAP" }, { csg: 0, nsg: 1 })],
    status.AUTHENTICATION_FAILURE,
  ],
];

for (const [name, requests, code] of REFUSED) {
  Deno.test(`login: refused: ${name}`, () => {
    const login = targetLogin(systemPrimitives);
    const last = requests.pop()!;
    for (const request of requests) {
      expect(login.receive(request).kind).toBe("continue");
    }
    expect(refusalOf(login.receive(last))).toBe(code);
    expect(() => login.receive(last)).toThrow(InvariantError);
    requests.push(last);
  });
}
