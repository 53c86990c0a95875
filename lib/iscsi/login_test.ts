import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { InvariantError, PeerError } from "../base/errors.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Pdu } from "./framer.ts";
import {
  type Login,
  type LoginStep,
  MAX_LOGIN_REQUESTS,
  TargetLogin,
  type TargetLoginOptions,
} from "./login.ts";
import { countingPrimitives, loginPdu, pduOf } from "./login_fixture.ts";
import type { ChapPolicy } from "./login_security.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import * as status from "./pdu/login_response.ts";
import { decodeLoginResponse } from "./pdu/login_response.ts";
import { encodeNopOut } from "./pdu/nop_out.ts";
import { parseText } from "./text.ts";

const TARGET = "iqn.2024-01.example:photos";
const INITIATOR = "iqn.1994-05.example:laptop";
const NAMES = { InitiatorName: INITIATOR, TargetName: TARGET };

type Target = { name: string; chap?: ChapPolicy };

function targetLogin(
  options: Partial<TargetLoginOptions<Target>> & { chap?: ChapPolicy } = {},
): TargetLogin<Target> {
  const { chap } = options;
  return new TargetLogin<Target>({
    lookup: (name) =>
      name === TARGET ? { name, ...(chap && { chap }) } : undefined,
    hasSession: (tsih) => tsih === 5,
    newTsih: () => 9,
    primitives: countingPrimitives(systemPrimitives),
    windowCommands: 32,
    ...options,
  });
}

/** The response's text as an object. */
function textOf(step: LoginStep<Target>): Record<string, string> {
  return Object.fromEntries(
    parseText(pduOf(step.response).data).map(({ key, value }) => [key, value]),
  );
}

function header(step: LoginStep<Target>) {
  return decodeLoginResponse(step.response);
}

function completed(step: LoginStep<Target>): Login<Target> {
  if (step.kind !== "complete") throw new Error(`The login is ${step.kind}`);
  return step.login;
}

function expectRefused(step: LoginStep<Target>, code: number) {
  expect(step.kind).toBe("refused");
  expect(header(step).status).toBe(code);
  expect(header(step).transit).toBe(false);
  expect(step).toMatchObject({ status: code });
}

Deno.test("login: one request in the operational stage is enough without CHAP", () => {
  const step = targetLogin().receive(loginPdu({
    ...NAMES,
    SessionType: "Normal",
    HeaderDigest: "CRC32C,None",
    InitialR2T: "No",
    MaxRecvDataSegmentLength: "65536",
    MaxBurstLength: "16776192",
    OFMarker: "No",
    "X-com.example.key": "1",
  }));
  expect(header(step)).toMatchObject({
    transit: true,
    csg: 1,
    nsg: 3,
    tsih: 9,
    statSn: 1,
    expCmdSn: 100,
    maxCmdSn: 131,
    status: 0,
    initiatorTaskTag: 7,
  });
  expect(textOf(step)).toEqual({
    TargetPortalGroupTag: "1",
    HeaderDigest: "CRC32C",
    InitialR2T: "No",
    MaxBurstLength: "1048576",
    OFMarker: "No",
    "X-com.example.key": "NotUnderstood",
    MaxRecvDataSegmentLength: "262144",
  });
  const login = completed(step);
  expect(login).toMatchObject({
    sessionType: "Normal",
    initiatorName: INITIATOR,
    targetName: TARGET,
    tsih: 9,
    cid: 1,
    cmdSn: 100,
    statSn: 2,
    chapUser: undefined,
    target: { name: TARGET },
  });
  expect(login.parameters).toMatchObject({
    headerDigest: true,
    dataDigest: false,
    initialR2T: false,
    maxBurstLength: 1048576,
    firstBurstLength: 65536,
    maxRecvDataSegmentLength: 65536,
    ourMaxRecvDataSegmentLength: 262144,
  });
});

Deno.test("login: through both stages, with None", () => {
  const login = targetLogin();
  const first = login.receive(
    loginPdu({ ...NAMES, AuthMethod: "CHAP,None" }, { csg: 0, nsg: 1 }),
  );
  expect(textOf(first)).toEqual({
    TargetPortalGroupTag: "1",
    AuthMethod: "None",
  });
  expect(header(first)).toMatchObject({
    transit: true,
    csg: 0,
    nsg: 1,
    tsih: 0,
  });
  // The initiator wants another round in the operational stage.
  const second = login.receive(
    loginPdu({ ErrorRecoveryLevel: "2" }, { transit: false }),
  );
  expect(textOf(second)).toEqual({
    ErrorRecoveryLevel: "0",
    MaxRecvDataSegmentLength: "262144",
  });
  expect(header(second)).toMatchObject({ transit: false, csg: 1, statSn: 2 });
  const third = login.receive(loginPdu({}));
  expect(textOf(third)).toEqual({});
  expect(completed(third).statSn).toBe(4);
});

Deno.test("login: from security straight to full feature leaves all defaults", () => {
  const step = targetLogin().receive(loginPdu(NAMES, { csg: 0, nsg: 3 }));
  expect(completed(step).parameters).toMatchObject({
    ourMaxRecvDataSegmentLength: 8192,
    initialR2T: true,
  });
});

Deno.test("login: a discovery session needs no target", () => {
  const step = targetLogin().receive(loginPdu({
    InitiatorName: INITIATOR,
    SessionType: "Discovery",
    InitialR2T: "No",
  }));
  expect(textOf(step)).toEqual({
    InitialR2T: "Irrelevant",
    MaxRecvDataSegmentLength: "262144",
  });
  expect(completed(step)).toMatchObject({
    sessionType: "Discovery",
    target: undefined,
    targetName: undefined,
  });
});

Deno.test("login: a discovery session proves itself where that is asked", () => {
  const discoveryChap = {
    users: [{ user: "u", secret: utf8("x".repeat(12)) }],
  };
  const text = { InitiatorName: INITIATOR, SessionType: "Discovery" };
  expectRefused(
    targetLogin({ discoveryChap }).receive(loginPdu(text)),
    status.AUTHENTICATION_FAILURE,
  );
});

Deno.test("login: text goes on over several requests, split anywhere", () => {
  const text = utf8(
    `InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0ImmediateData=No\0`,
  );
  for (let cut = 0; cut <= text.length; cut++) {
    const login = targetLogin();
    const first = login.receive(
      loginPdu(text.subarray(0, cut), { transit: false, continue: true }),
    );
    expect(first.kind).toBe("continue");
    expect(header(first)).toMatchObject({
      transit: false,
      continue: false,
      dataSegmentLength: 0,
      statSn: 1,
    });
    const last = login.receive(loginPdu(text.subarray(cut)));
    expect(completed(last).parameters.immediateData).toBe(false);
    expect(textOf(last).ImmediateData).toBe("No");
  }
});

Deno.test("login: an answer too long for one response comes in several", () => {
  const login = targetLogin();
  const keys: Record<string, string> = {};
  for (let i = 0; i < 400; i++) keys[`X-com.example.long-name-${i}`] = "1";
  let step = login.receive(loginPdu({ ...NAMES, ...keys }));
  const parts = [pduOf(step.response).data];
  while (header(step).continue) {
    expect(header(step).transit).toBe(false);
    expect(parts.at(-1)!.length).toBe(8192);
    step = login.receive(loginPdu({}));
    parts.push(pduOf(step.response).data);
  }
  expect(step.kind).toBe("complete");
  expect(parts.length).toBeGreaterThan(1);
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  const answered = parseText(whole).filter(({ value }) =>
    value === "NotUnderstood"
  );
  expect(answered.length).toBe(400);
});

Deno.test("login: text out of turn, while an answer is still going out", () => {
  const login = targetLogin();
  const keys: Record<string, string> = {};
  for (let i = 0; i < 400; i++) keys[`X-com.example.long-name-${i}`] = "1";
  expect(header(login.receive(loginPdu({ ...NAMES, ...keys }))).continue)
    .toBe(true);
  expectRefused(
    login.receive(loginPdu({ HeaderDigest: "None" })),
    status.INITIATOR_ERROR,
  );
});

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
    const login = targetLogin();
    const last = requests.pop()!;
    for (const request of requests) {
      expect(login.receive(request).kind).toBe("continue");
    }
    expectRefused(login.receive(last), code);
    expect(() => login.receive(last)).toThrow(InvariantError);
    requests.push(last);
  });
}

function nopPdu(): Pdu {
  const bytes = new Uint8Array(BHS_BYTES);
  encodeNopOut(
    {
      immediate: true,
      dataSegmentLength: 0,
      lun: new Uint8Array(8),
      initiatorTaskTag: 1,
      targetTransferTag: 0xffffffff,
      cmdSn: 0,
      expStatSn: 0,
    },
    bytes,
    0,
  );
  return pduOf(bytes);
}

Deno.test("login: anything else first is no login at all, and later ends it", () => {
  expect(() => targetLogin().receive(nopPdu())).toThrow(PeerError);
  const login = targetLogin();
  login.receive(loginPdu(NAMES, { transit: false }));
  expectRefused(login.receive(nopPdu()), status.INVALID_DURING_LOGIN);
});

Deno.test("login: requests are counted", () => {
  const login = targetLogin();
  login.receive(loginPdu(NAMES, { transit: false }));
  for (let i = 1; i < MAX_LOGIN_REQUESTS; i++) {
    expect(login.receive(loginPdu({}, { transit: false })).kind).toBe(
      "continue",
    );
  }
  expectRefused(
    login.receive(loginPdu({}, { transit: false })),
    status.INITIATOR_ERROR,
  );
});

Deno.test("login: text is bounded", () => {
  const login = targetLogin();
  const part = new Uint8Array(8192).fill(0x41);
  for (let i = 0; i < 8; i++) {
    const step = login.receive(
      loginPdu(part, { transit: false, continue: true }),
    );
    expect(step.kind).toBe("continue");
  }
  expectRefused(
    login.receive(loginPdu(part, { transit: false, continue: true })),
    status.INITIATOR_ERROR,
  );
});
