import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Pdu } from "./framer.ts";
import { MAX_LOGIN_REQUESTS } from "./login.ts";
import {
  completed,
  headerOf,
  INITIATOR,
  loginPdu,
  NAMES,
  pduOf,
  refusalOf,
  TARGET,
  targetLogin,
  textOf,
} from "./login_fixture.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import * as status from "./pdu/login_response.ts";
import { encodeNopOut } from "./pdu/nop_out.ts";
import { parseText } from "./text.ts";

Deno.test("login: one request in the operational stage is enough without CHAP", () => {
  const step = targetLogin(systemPrimitives).receive(loginPdu({
    ...NAMES,
    SessionType: "Normal",
    HeaderDigest: "CRC32C,None",
    InitialR2T: "No",
    MaxRecvDataSegmentLength: "65536",
    MaxBurstLength: "16776192",
    OFMarker: "No",
    "X-com.example.key": "1",
  }));
  expect(headerOf(step)).toMatchObject({
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
  const login = targetLogin(systemPrimitives);
  const first = login.receive(
    loginPdu({ ...NAMES, AuthMethod: "CHAP,None" }, { csg: 0, nsg: 1 }),
  );
  expect(textOf(first)).toEqual({
    TargetPortalGroupTag: "1",
    AuthMethod: "None",
  });
  expect(headerOf(first)).toMatchObject({
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
  expect(headerOf(second)).toMatchObject({ transit: false, csg: 1, statSn: 2 });
  const third = login.receive(loginPdu({}));
  expect(textOf(third)).toEqual({});
  expect(completed(third).statSn).toBe(4);
});

Deno.test("login: from security straight to full feature leaves all defaults", () => {
  const step = targetLogin(systemPrimitives).receive(
    loginPdu(NAMES, { csg: 0, nsg: 3 }),
  );
  expect(completed(step).parameters).toMatchObject({
    ourMaxRecvDataSegmentLength: 8192,
    initialR2T: true,
  });
});

Deno.test("login: a discovery session needs no target", () => {
  const step = targetLogin(systemPrimitives).receive(loginPdu({
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
  expect(
    refusalOf(
      targetLogin(systemPrimitives, { discoveryChap }).receive(loginPdu(text)),
    ),
  ).toBe(status.AUTHENTICATION_FAILURE);
});

Deno.test("login: text goes on over several requests, split anywhere", () => {
  const text = utf8(
    `InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0ImmediateData=No\0`,
  );
  for (let cut = 0; cut <= text.length; cut++) {
    const login = targetLogin(systemPrimitives);
    const first = login.receive(
      loginPdu(text.subarray(0, cut), { transit: false, continue: true }),
    );
    expect(first.kind).toBe("continue");
    expect(headerOf(first)).toMatchObject({
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
  const login = targetLogin(systemPrimitives);
  const keys: Record<string, string> = {};
  for (let i = 0; i < 400; i++) keys[`X-com.example.long-name-${i}`] = "1";
  let step = login.receive(loginPdu({ ...NAMES, ...keys }));
  const parts = [pduOf(step.response).data];
  while (headerOf(step).continue) {
    expect(headerOf(step).transit).toBe(false);
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
  const login = targetLogin(systemPrimitives);
  const keys: Record<string, string> = {};
  for (let i = 0; i < 400; i++) keys[`X-com.example.long-name-${i}`] = "1";
  expect(headerOf(login.receive(loginPdu({ ...NAMES, ...keys }))).continue)
    .toBe(true);
  expect(refusalOf(login.receive(loginPdu({ HeaderDigest: "None" })))).toBe(
    status.INITIATOR_ERROR,
  );
});

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
  expect(() => targetLogin(systemPrimitives).receive(nopPdu())).toThrow(
    PeerError,
  );
  const login = targetLogin(systemPrimitives);
  login.receive(loginPdu(NAMES, { transit: false }));
  expect(refusalOf(login.receive(nopPdu()))).toBe(status.INVALID_DURING_LOGIN);
});

Deno.test("login: requests are counted", () => {
  const login = targetLogin(systemPrimitives);
  login.receive(loginPdu(NAMES, { transit: false }));
  for (let i = 1; i < MAX_LOGIN_REQUESTS; i++) {
    expect(login.receive(loginPdu({}, { transit: false })).kind).toBe(
      "continue",
    );
  }
  expect(refusalOf(login.receive(loginPdu({}, { transit: false })))).toBe(
    status.INITIATOR_ERROR,
  );
});

Deno.test("login: text is bounded", () => {
  const login = targetLogin(systemPrimitives);
  const part = new Uint8Array(8192).fill(0x41);
  for (let i = 0; i < 8; i++) {
    const step = login.receive(
      loginPdu(part, { transit: false, continue: true }),
    );
    expect(step.kind).toBe("continue");
  }
  expect(
    refusalOf(
      login.receive(loginPdu(part, { transit: false, continue: true })),
    ),
  ).toBe(status.INITIATOR_ERROR);
});
