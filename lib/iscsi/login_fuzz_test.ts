/** Logins under random and half-right requests: nothing but answers and the peer's fault comes out, and nobody gets in. */

import { expect } from "expect";
import fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Pdu } from "./framer.ts";
import { InitiatorLogin } from "./initiator_login.ts";
import { TargetLogin } from "./login.ts";
import { countingPrimitives, ISID, loginPdu, pduOf } from "./login_fixture.ts";
import { NO_DIGESTS, pduLength } from "./layout.ts";
import { KEYS, SECURITY_KEYS } from "./keys.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import { encodeLoginResponse } from "./pdu/login_response.ts";
import { renderText } from "./text.ts";

const INITIATOR = "iqn.1994-05.example:laptop";
const TARGET = "iqn.2024-01.example:photos";

const key = fc.oneof(
  fc.constantFrom(
    ...KEYS.map(([name]) => name),
    ...SECURITY_KEYS,
    "X-a",
  ),
  fc.string({ maxLength: 70 }),
);
const value = fc.oneof(
  fc.constantFrom(
    "Yes",
    "No",
    "None",
    "CHAP",
    "CRC32C,None",
    "0",
    "1",
    "65536",
    "0x10",
    "5,7",
    INITIATOR,
    TARGET,
    "Normal",
    "Discovery",
    "Reject",
    "NotUnderstood",
    "anna",
    "0x" + "00".repeat(16),
    "0b" + "AAAA".repeat(8),
  ),
  fc.string({ maxLength: 300 }),
  fc.nat().map(String),
);
/** Pairs that a login may hold at any point, and any others. */
const pair = fc.oneof(
  fc.constantFrom<[string, string]>(
    ["InitialR2T", "No"],
    ["HeaderDigest", "CRC32C,None"],
    ["MaxRecvDataSegmentLength", "65536"],
    ["AuthMethod", "CHAP,None"],
    ["CHAP_A", "5,7"],
    ["X-b", "1"],
  ),
  fc.tuple(key, value),
);
const text = fc.oneof(
  { weight: 2, arbitrary: fc.constant(new Uint8Array(0)) },
  {
    weight: 6,
    arbitrary: fc.array(pair, { maxLength: 5 })
      .map((pairs) =>
        renderText(pairs.map(([key, value]) => ({ key, value })))
      ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);
const names = utf8(`InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0`);

const request = fc.record({
  text,
  named: fc.boolean(),
  transit: fc.boolean(),
  continue: fc.oneof(
    { weight: 8, arbitrary: fc.constant(false) },
    fc.boolean(),
  ),
  stages: fc.constantFrom([0, 1], [1, 3], [0, 3], [1, 1], [2, 3], [3, 3]),
}).map(({ stages, ...rest }) => ({
  ...rest,
  csg: stages[0]!,
  nsg: stages[1]!,
}));

function requestPdu(
  of: typeof request extends fc.Arbitrary<infer R> ? R : never,
) {
  const data = of.named ? new Uint8Array([...names, ...of.text]) : of.text;
  return loginPdu(data, {
    transit: of.transit,
    continue: of.continue,
    csg: of.csg,
    nsg: of.nsg,
  });
}

function drive(pdus: readonly Pdu[], proof: boolean): string[] {
  const login = new TargetLogin({
    lookup: (name) =>
      name !== TARGET
        ? undefined
        : proof
        ? { chap: { users: [{ user: "anna", secret: utf8("annas-secret") }] } }
        : {},
    hasSession: () => false,
    newTsih: () => 1,
    primitives: countingPrimitives(systemPrimitives),
    windowCommands: 8,
    ...(proof && {
      discoveryChap: {
        users: [{ user: "anna", secret: utf8("annas-secret") }],
      },
    }),
  });
  const kinds: string[] = [];
  for (const pdu of pdus) {
    try {
      const step = login.receive(pdu);
      kinds.push(step.kind);
      // What is answered is a whole PDU that an initiator can read.
      expect(pduOf(step.response).bytes.length).toBe(step.response.length);
      if (step.kind !== "continue") break;
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(PeerError);
      kinds.push("thrown");
      break;
    }
  }
  return kinds;
}

Deno.test("login fuzz: half-right requests", () => {
  let completed = 0;
  fc.assert(
    fc.property(fc.array(request, { maxLength: 6 }), (requests) => {
      if (drive(requests.map(requestPdu), false).includes("complete")) {
        completed++;
      }
    }),
    { numRuns: 2000 },
  );
  // The requests are right often enough to reach every state.
  expect(completed).toBeGreaterThan(5);
});

Deno.test("login fuzz: nobody gets in without the secret", () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 6 }), (requests) => {
      expect(drive(requests.map(requestPdu), true)).not.toContain("complete");
    }),
    { numRuns: 2000 },
  );
});

Deno.test("login fuzz: random headers", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.uint8Array({ minLength: BHS_BYTES, maxLength: BHS_BYTES }),
          text,
        ),
        { maxLength: 4 },
      ),
      (pdus) => {
        drive(
          pdus.map(([header, data]) => {
            const bytes = new Uint8Array(pduLength(data.length, NO_DIGESTS));
            bytes.set(header);
            bytes.set([0, 0, data.length >> 8, data.length], 4);
            bytes.set(data, BHS_BYTES);
            return pduOf(bytes);
          }),
          false,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("login fuzz: an initiator under half-right responses", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(request, { maxLength: 6 }),
      (chap, of) => {
        const login = new InitiatorLogin({
          initiatorName: INITIATOR,
          targetName: TARGET,
          isid: ISID,
          primitives: countingPrimitives(systemPrimitives),
          ...(chap && {
            chap: {
              initiator: { user: "anna", secret: utf8("annas-secret") },
              target: { user: "photos", secret: utf8("targets-secret") },
            },
          }),
        });
        login.start();
        let statSn = 1;
        for (const { text, transit, csg, nsg, ...rest } of of) {
          const bytes = new Uint8Array(pduLength(text.length, NO_DIGESTS));
          encodeLoginResponse(
            {
              transit,
              continue: rest.continue,
              csg,
              nsg,
              versionMax: 0,
              versionActive: 0,
              dataSegmentLength: text.length,
              isid: ISID,
              tsih: 1,
              initiatorTaskTag: 0,
              statSn: statSn++,
              expCmdSn: 1,
              maxCmdSn: 8,
              status: 0,
            },
            bytes,
            0,
          );
          bytes.set(text, BHS_BYTES);
          try {
            const step = login.receive(pduOf(bytes));
            if (step.kind === "complete") {
              // A target without the secret is never believed.
              expect(chap).toBe(false);
              break;
            }
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(PeerError);
            break;
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
});
