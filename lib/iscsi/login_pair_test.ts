/** Both sides of a login against each other, with and without proof, and with one side that cheats. */

import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  type InitiatorChap,
  InitiatorLogin,
  type InitiatorLoginResult,
} from "./initiator_login.ts";
import { type Login, TargetLogin } from "./login.ts";
import { countingPrimitives, ISID, loginPdu, pduOf } from "./login_fixture.ts";
import { LoginFailure } from "./login_failure.ts";
import type { ChapPolicy } from "./login_security.ts";
import { INITIATOR_OFFER, type Offer, TARGET_OFFER } from "./offer.ts";
import { AUTHENTICATION_FAILURE } from "./pdu/login_response.ts";
import { parseText } from "./text.ts";

const NAMES = {
  initiatorName: "iqn.1994-05.example:laptop",
  targetName: "iqn.2024-01.example:photos",
};
const ANNA = { user: "anna", secret: utf8("annas-secret") };
const BERT = { user: "bert", secret: utf8("berts-secret") };
const TARGET = { user: "photos", secret: utf8("targets-secret") };

type Pair = { login: Login<object>; result: InitiatorLoginResult };

interface Sides {
  readonly policy?: ChapPolicy;
  readonly chap?: InitiatorChap;
  readonly targetOffer?: Partial<Offer>;
  readonly initiatorOffer?: Partial<Offer>;
  readonly discovery?: boolean;
}

function sides(how: Sides) {
  const primitives = countingPrimitives(systemPrimitives);
  const target = new TargetLogin({
    lookup: () => ({ ...(how.policy && { chap: how.policy }) }),
    hasSession: () => false,
    newTsih: () => 1,
    primitives,
    windowCommands: 16,
    offer: { ...TARGET_OFFER, ...how.targetOffer },
  });
  const initiator = new InitiatorLogin({
    initiatorName: NAMES.initiatorName,
    ...(!how.discovery && { targetName: NAMES.targetName }),
    isid: ISID,
    primitives,
    ...(how.chap && { chap: how.chap }),
    offer: { ...INITIATOR_OFFER, ...how.initiatorOffer },
  });
  return { target, initiator };
}

function logIn(how: Sides): Pair {
  const { target, initiator } = sides(how);
  let request = initiator.start();
  for (;;) {
    const step = target.receive(pduOf(request));
    const next = initiator.receive(pduOf(step.response));
    if (next.kind === "complete") {
      if (step.kind !== "complete") throw new Error("Only one side is done");
      return { login: step.login, result: next.login };
    }
    request = next.request;
  }
}

function refusal(how: Sides): number {
  try {
    logIn(how);
  } catch (thrown) {
    if (thrown instanceof LoginFailure) return thrown.status;
    throw thrown;
  }
  throw new Error("The login was let in");
}

Deno.test("login pair: both sides end with the same parameters", () => {
  const { login, result } = logIn({
    initiatorOffer: {
      headerDigest: ["CRC32C", "None"],
      firstBurstLength: 8192,
    },
    targetOffer: { maxBurstLength: 65536, maxRecvDataSegmentLength: 4096 },
  });
  expect(login.parameters).toMatchObject({
    headerDigest: true,
    dataDigest: false,
    initialR2T: false,
    immediateData: true,
    firstBurstLength: 8192,
    maxBurstLength: 65536,
    maxRecvDataSegmentLength: 262144,
    ourMaxRecvDataSegmentLength: 4096,
  });
  expect(result.parameters).toEqual({
    ...login.parameters,
    maxRecvDataSegmentLength: 4096,
    ourMaxRecvDataSegmentLength: 262144,
  });
  expect(result).toMatchObject({
    tsih: login.tsih,
    cmdSn: login.cmdSn,
    expCmdSn: login.cmdSn,
    maxCmdSn: login.cmdSn + 15,
    expStatSn: login.statSn,
  });
});

Deno.test("login pair: discovery", () => {
  const { login, result } = logIn({ discovery: true });
  expect(login.sessionType).toBe("Discovery");
  expect(result.parameters.sessionType).toBe("Discovery");
});

Deno.test("login pair: a user proves itself, one-way and mutually", () => {
  const policy = { users: [ANNA, BERT], mutual: TARGET };
  const one = logIn({ policy, chap: { initiator: BERT } });
  expect(one.login.chapUser).toBe("bert");
  const md5 = logIn({ policy, chap: { initiator: ANNA, algorithms: [5] } });
  expect(md5.login.chapUser).toBe("anna");
  const both = logIn({ policy, chap: { initiator: ANNA, target: TARGET } });
  expect(both.login.chapUser).toBe("anna");
});

Deno.test("login pair: nobody gets in without the right proof", () => {
  const policy = { users: [ANNA], mutual: TARGET };
  const refused: Sides[] = [
    { policy },
    { policy, chap: { initiator: { ...ANNA, secret: BERT.secret } } },
    { policy, chap: { initiator: BERT } },
    { policy, chap: { initiator: { user: "", secret: ANNA.secret } } },
    // The target has nothing to prove itself with.
    {
      policy: { users: [ANNA] },
      chap: { initiator: ANNA, target: TARGET },
    },
    // One secret for both directions, as the target is set up.
    {
      policy: { users: [ANNA], mutual: { ...ANNA, user: "photos" } },
      chap: { initiator: ANNA, target: TARGET },
    },
  ];
  for (const how of refused) {
    expect(refusal(how)).toBe(AUTHENTICATION_FAILURE);
  }
});

Deno.test("login pair: an initiator does not trust a target that cannot prove itself", () => {
  const chap = { initiator: ANNA, target: TARGET };
  const impostor = { user: "photos", secret: utf8("something-else") };
  expect(() => logIn({ policy: { users: [ANNA], mutual: impostor }, chap }))
    .toThrow("could not prove");
  const renamed = { ...TARGET, user: "other" };
  expect(() => logIn({ policy: { users: [ANNA], mutual: renamed }, chap }))
    .toThrow("could not prove");
  // Where it is given credentials, an initiator does not go on without CHAP.
  expect(refusal({ chap })).toBe(AUTHENTICATION_FAILURE);
  expect(() =>
    sides({ chap: { initiator: ANNA, target: { ...ANNA, user: "x" } } })
  )
    .toThrow(RangeError);
});

const FIRST = {
  InitiatorName: NAMES.initiatorName,
  TargetName: NAMES.targetName,
};

Deno.test("login: a target's own challenge is not answered back to it", () => {
  const { target } = sides({ policy: { users: [ANNA], mutual: TARGET } });
  const stage = { csg: 0, nsg: 1 };
  target.receive(
    loginPdu({ ...FIRST, AuthMethod: "CHAP" }, { ...stage, transit: false }),
  );
  const asked = target.receive(
    loginPdu({ CHAP_A: "7" }, { ...stage, transit: false }),
  );
  const keys = new Map(
    parseText(pduOf(asked.response).data).map(({ key, value }) => [key, value]),
  );
  const challenge = Uint8Array.from(
    keys.get("CHAP_C")!.slice(2).match(/../g)!,
    (digits) => Number.parseInt(digits, 16),
  );
  const response = systemPrimitives.hash(
    "sha256",
    Uint8Array.of(Number(keys.get("CHAP_I"))),
    ANNA.secret,
    challenge,
  );
  const claim = {
    CHAP_N: "anna",
    CHAP_R: "0x" +
      Array.from(response, (byte) => byte.toString(16).padStart(2, "0"))
        .join(""),
    CHAP_I: "1",
    CHAP_C: keys.get("CHAP_C")!,
  };
  const step = target.receive(loginPdu(claim, stage));
  expect(step).toMatchObject({
    kind: "refused",
    status: AUTHENTICATION_FAILURE,
  });
});

Deno.test("login: the ways around CHAP are shut", () => {
  const stage = { csg: 0, nsg: 1 };
  const ways: [Record<string, string>, object][][] = [
    // Straight to the operational stage.
    [[FIRST, {}]],
    [[FIRST, { csg: 0, nsg: 3 }]],
    [[FIRST, { transit: false }]],
    // T before a proof, and then the next stage all the same.
    [[{ ...FIRST, AuthMethod: "CHAP" }, stage], [{}, {}]],
    [[{ ...FIRST, AuthMethod: "CHAP" }, { csg: 0, nsg: 3 }], [{}, {}]],
    [[{ ...FIRST, AuthMethod: "None" }, stage]],
    [[{ ...FIRST, AuthMethod: "CHAP" }, stage], [
      { AuthMethod: "None" },
      stage,
    ]],
    // A claim without a challenge.
    [[{ ...FIRST, AuthMethod: "CHAP" }, stage], [
      { CHAP_N: "anna", CHAP_R: "0x00" },
      stage,
    ]],
    [[{ ...FIRST, CHAP_A: "5" }, stage]],
    [[{ ...FIRST, AuthMethod: "CHAP" }, stage], [{ CHAP_A: "9" }, stage]],
  ];
  for (const way of ways) {
    const { target } = sides({ policy: { users: [ANNA] } });
    const kinds = way.map(([text, fields]) =>
      target.receive(loginPdu(text, fields)).kind
    );
    expect(kinds.at(-1)).toBe("refused");
    expect(kinds).not.toContain("complete");
  }
});

Deno.test("initiator login: a response out of order ends it", () => {
  const response = () => {
    const { target, initiator } = sides({});
    const step = target.receive(pduOf(initiator.start()));
    return { bytes: step.response, initiator };
  };
  const changes: [number, number, string][] = [
    [1, 0x8d, "in stage 0, not 3"],
    [1, 0x83, "Stage 3 was not asked for"],
    [1, 0xc1, "out of turn"], // T and C
    [8, 1, "another login"], // another ISID
    [19, 9, "another login"], // another task tag
    [0, 0x24, "Expected opcode"],
  ];
  for (const [at, value, says] of changes) {
    const { bytes, initiator } = response();
    bytes[at] = value;
    expect(() => initiator.receive(pduOf(bytes))).toThrow(
      expect.objectContaining({
        name: "PeerError",
        message: expect.stringContaining(says),
      }),
    );
  }
  const { bytes, initiator } = response();
  bytes[36] = 2;
  bytes[37] = 3;
  expect(() => initiator.receive(pduOf(bytes))).toThrow("no such target");
});

Deno.test("initiator login: StatSN must not skip", () => {
  const { target, initiator } = sides({});
  const first = initiator.receive(
    pduOf(target.receive(pduOf(initiator.start())).response),
  );
  if (first.kind !== "request") throw new Error("Too early");
  const { response } = target.receive(pduOf(first.request));
  response[27]! += 1;
  expect(() => initiator.receive(pduOf(response))).toThrow("StatSN");
});

Deno.test("initiator login: with credentials, None is no answer", () => {
  const { initiator } = sides({ chap: { initiator: ANNA } });
  const { target } = sides({});
  // A target that asks for nothing, told that nothing is what we want.
  const step = target.receive(
    loginPdu({ ...FIRST, AuthMethod: "None" }, {
      csg: 0,
      nsg: 1,
      initiatorTaskTag: 0,
    }),
  );
  initiator.start();
  expect(() => initiator.receive(pduOf(step.response))).toThrow(
    "out of turn",
  );
  const { initiator: again } = sides({ chap: { initiator: ANNA } });
  again.start();
  step.response[1] = 0;
  expect(() => again.receive(pduOf(step.response))).toThrow(
    "without authentication",
  );
});

Deno.test("login: nothing of a request is needed once it is answered", () => {
  const { target } = sides({});
  const first = loginPdu(FIRST, { transit: false });
  expect(target.receive(first).kind).toBe("continue");
  first.bytes.fill(0xee);
  const step = target.receive(loginPdu({}));
  expect(step).toMatchObject({ kind: "complete", login: { isid: ISID } });
});
