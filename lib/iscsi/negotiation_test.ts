import { expect } from "expect";
import fc from "fast-check";
import { PeerError } from "../base/errors.ts";
import { KEYS } from "./keys.ts";
import { Negotiation, type NegotiationOptions } from "./negotiation.ts";
import { INITIATOR_OFFER, type Offer, TARGET_OFFER } from "./offer.ts";
import { DEFAULT_PARAMETERS } from "./parameters.ts";
import type { Pair } from "./text.ts";

const pairsOf = (text: Record<string, string>): Pair[] =>
  Object.entries(text).map(([key, value]) => ({ key, value }));
const textOf = (pairs: readonly Pair[]) =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]));

function target(options: Partial<NegotiationOptions> = {}) {
  return new Negotiation({
    role: "target",
    offer: TARGET_OFFER,
    sessionType: "Normal",
    ...options,
  });
}

/** A proposal, and what the target answers with its usual offer. */
const ANSWERS: readonly [string, string, string | undefined][] = [
  ["HeaderDigest", "None", "None"],
  ["HeaderDigest", "None,CRC32C", "None"],
  ["HeaderDigest", "CRC32C,None", "CRC32C"],
  ["HeaderDigest", "MD5,CRC32C", "CRC32C"],
  ["DataDigest", "MD5", "Reject"],
  ["MaxConnections", "8", "1"],
  ["MaxConnections", "0", "Reject"],
  ["InitialR2T", "Yes", "Yes"],
  ["InitialR2T", "No", "No"],
  ["InitialR2T", "yes", "Reject"],
  ["ImmediateData", "Yes", "Yes"],
  ["ImmediateData", "No", "No"],
  ["MaxBurstLength", "512", "512"],
  ["MaxBurstLength", "16777215", "1048576"],
  ["MaxBurstLength", "511", "Reject"],
  ["MaxBurstLength", "16777216", "Reject"],
  ["MaxBurstLength", "0x1000", "4096"],
  ["FirstBurstLength", "65536", "65536"],
  ["FirstBurstLength", "1048576", "262144"],
  ["DefaultTime2Wait", "0", "2"],
  ["DefaultTime2Wait", "30", "30"],
  ["DefaultTime2Wait", "3601", "Reject"],
  ["DefaultTime2Retain", "20", "0"],
  ["MaxOutstandingR2T", "1", "1"],
  ["MaxOutstandingR2T", "65535", "4"],
  ["DataPDUInOrder", "No", "Yes"],
  ["DataSequenceInOrder", "No", "Yes"],
  ["ErrorRecoveryLevel", "2", "0"],
  ["ErrorRecoveryLevel", "3", "Reject"],
  ["TaskReporting", "FastAbort,RFC3720", "RFC3720"],
  ["TaskReporting", "FastAbort", "Reject"],
  ["iSCSIProtocolLevel", "2", "1"],
  ["IFMarker", "No", "No"],
  ["OFMarker", "Yes", "No"],
  ["IFMarkInt", "2048~8192", "Reject"],
  ["OFMarkInt", "2048", "Reject"],
  ["InitiatorAlias", "laptop", undefined],
  ["MaxRecvDataSegmentLength", "512", undefined],
  ["X#NodeArchitecture", "v", undefined],
  ["X-com.example.a", "1", "NotUnderstood"],
  ["Unheard", "1", "NotUnderstood"],
  ["constructor", "1", "NotUnderstood"],
  ["__proto__", "1", "NotUnderstood"],
];

Deno.test("negotiation: what a target answers", () => {
  for (const [key, value, answer] of ANSWERS) {
    const answers = target().receive([{ key, value }]);
    expect([key, value, ...answers]).toEqual(
      answer === undefined
        ? [key, value]
        : [key, value, { key, value: answer }],
    );
  }
});

Deno.test("negotiation: what was agreed is what holds, a rejected key keeps its default", () => {
  const n = target();
  n.receive(pairsOf({
    MaxRecvDataSegmentLength: "1048576",
    MaxBurstLength: "511",
    ImmediateData: "No",
    HeaderDigest: "CRC32C",
    MaxOutstandingR2T: "9",
  }));
  expect(n.parameters).toEqual({
    ...DEFAULT_PARAMETERS,
    maxRecvDataSegmentLength: 1048576,
    immediateData: false,
    headerDigest: true,
    maxOutstandingR2T: 4,
  });
  expect(n.declare()).toEqual([{
    key: "MaxRecvDataSegmentLength",
    value: "262144",
  }]);
  expect(n.declare()).toEqual([]);
  expect(n.parameters.ourMaxRecvDataSegmentLength).toBe(262144);
});

Deno.test("negotiation: FirstBurstLength never exceeds MaxBurstLength, in either order", () => {
  for (
    const text of [
      { FirstBurstLength: "65536", MaxBurstLength: "8192" },
      { MaxBurstLength: "8192", FirstBurstLength: "65536" },
    ]
  ) {
    const n = target();
    const answers = n.receive(pairsOf(text));
    expect(textOf(answers).FirstBurstLength).toBe("8192");
    expect(answers.map(({ key }) => key)).toEqual(Object.keys(text));
  }
  // And where only one of them is negotiated.
  const n = target();
  n.receive(pairsOf({ MaxBurstLength: "8192" }));
  expect(n.parameters.firstBurstLength).toBe(8192);
});

Deno.test("negotiation: a discovery session has keys without meaning", () => {
  const n = target({ sessionType: "Discovery" });
  const text = Object.fromEntries(
    KEYS.filter(([, key]) => key.normalOnly).map(([name]) => [name, "1"]),
  );
  expect(Object.keys(text).length).toBe(10);
  expect(new Set(n.receive(pairsOf(text)).map(({ value }) => value)))
    .toEqual(new Set(["Irrelevant"]));
  expect(textOf(n.receive(pairsOf({ HeaderDigest: "CRC32C" }))))
    .toEqual({ HeaderDigest: "CRC32C" });
});

Deno.test("negotiation: the initiator's faults", () => {
  const table: Record<string, string>[] = [
    { MaxRecvDataSegmentLength: "511" },
    { MaxRecvDataSegmentLength: "16777216" },
    { MaxRecvDataSegmentLength: "x" },
    { TargetAlias: "x" },
    { TargetPortalGroupTag: "1" },
    { InitialR2T: "Reject" },
    { "X-a": "NotUnderstood" },
  ];
  for (const text of table) {
    expect(() => target().receive(pairsOf(text))).toThrow(PeerError);
  }
  for (const [name] of KEYS) {
    const n = target();
    try {
      n.receive([{ key: name, value: "1024" }]);
    } catch {
      continue; // Not the initiator's key at all.
    }
    const names = /Name$|Alias$|^SessionType$/.test(name);
    expect(() => n.receive([{ key: name, value: names ? "1" : "1024" }]))
      .toThrow("again");
  }
});

Deno.test("negotiation: in full feature phase only declarations may change", () => {
  const since = { ...DEFAULT_PARAMETERS, maxBurstLength: 4096 };
  const n = target({ since });
  expect(textOf(n.receive(pairsOf({
    MaxRecvDataSegmentLength: "1024",
    MaxBurstLength: "512",
    HeaderDigest: "CRC32C",
    "X-a": "1",
  })))).toEqual({
    MaxBurstLength: "Reject",
    HeaderDigest: "Reject",
    "X-a": "NotUnderstood",
  });
  expect(n.parameters).toEqual({
    ...since,
    firstBurstLength: 4096,
    maxRecvDataSegmentLength: 1024,
  });
});

function initiator(offer: Partial<Offer> = {}) {
  const n = new Negotiation({
    role: "initiator",
    offer: { ...INITIATOR_OFFER, ...offer },
    sessionType: "Normal",
  });
  return { n, proposed: textOf(n.propose()) };
}

Deno.test("negotiation: an initiator's answers must be answers", () => {
  const offer = {
    initialR2T: true,
    immediateData: false,
    headerDigest: ["None"] as const,
  };
  const wrong: Record<string, string>[] = [
    { InitialR2T: "No" },
    { ImmediateData: "Yes" },
    { HeaderDigest: "CRC32C" },
    { MaxBurstLength: "1048577" },
    { DefaultTime2Wait: "1" },
    { MaxConnections: "2" },
    { MaxConnections: "0" },
    { DataPDUInOrder: "Maybe" },
    { ErrorRecoveryLevel: "x" },
  ];
  for (const text of wrong) {
    const { n } = initiator(offer);
    expect(() => n.receive(pairsOf(text))).toThrow(PeerError);
  }
  const { n, proposed } = initiator(offer);
  expect(proposed).toMatchObject({
    InitialR2T: "Yes",
    ImmediateData: "No",
    HeaderDigest: "None",
    MaxRecvDataSegmentLength: "262144",
  });
  // A target may answer late, in other words, or with keys of its own.
  expect(n.receive(pairsOf({
    MaxBurstLength: "512",
    DataDigest: "Reject",
    MaxOutstandingR2T: "Irrelevant",
    ErrorRecoveryLevel: "NotUnderstood",
    TargetAlias: "disk",
    MaxRecvDataSegmentLength: "8192",
    "X-a": "1",
  }))).toEqual([{ key: "X-a", value: "NotUnderstood" }]);
  expect(n.receive(pairsOf({ ImmediateData: "No" }))).toEqual([]);
  expect(n.parameters).toMatchObject({
    maxBurstLength: 512,
    firstBurstLength: 512,
    dataDigest: false,
    immediateData: false,
    maxOutstandingR2T: 1,
  });
});

Deno.test("negotiation: two sides of any offers agree", () => {
  const length = fc.integer({ min: 512, max: 2 ** 24 - 1 });
  const digest = fc.constantFrom<readonly ("None" | "CRC32C")[]>(
    ["None"],
    ["CRC32C"],
    ["None", "CRC32C"],
    ["CRC32C", "None"],
  );
  const offer: fc.Arbitrary<Offer> = fc.record({
    headerDigest: digest,
    dataDigest: digest,
    maxConnections: fc.integer({ min: 1, max: 65535 }),
    initialR2T: fc.boolean(),
    immediateData: fc.boolean(),
    maxBurstLength: length,
    firstBurstLength: length,
    defaultTime2Wait: fc.nat(3600),
    defaultTime2Retain: fc.nat(3600),
    maxOutstandingR2T: fc.integer({ min: 1, max: 65535 }),
    dataPduInOrder: fc.boolean(),
    dataSequenceInOrder: fc.boolean(),
    errorRecoveryLevel: fc.nat(2),
    taskReporting: fc.constant(["RFC3720"]),
    iscsiProtocolLevel: fc.constant(1),
    maxRecvDataSegmentLength: length,
  });
  fc.assert(fc.property(
    offer,
    offer,
    fc.constantFrom("Normal" as const, "Discovery" as const),
    (ours, theirs, sessionType) => {
      const a = new Negotiation({
        role: "initiator",
        offer: ours,
        sessionType,
      });
      const b = new Negotiation({ role: "target", offer: theirs, sessionType });
      const answers = b.receive(a.propose());
      expect(a.receive([...answers, ...b.declare()])).toEqual([]);
      expect(a.parameters).toEqual({
        ...b.parameters,
        maxRecvDataSegmentLength: theirs.maxRecvDataSegmentLength,
        ourMaxRecvDataSegmentLength: ours.maxRecvDataSegmentLength,
      });
      expect(b.parameters.maxRecvDataSegmentLength).toBe(
        ours.maxRecvDataSegmentLength,
      );
    },
  ));
});

Deno.test("who is there may be said again, but not otherwise", () => {
  for (
    const [key, value] of [
      ["InitiatorName", "iqn.2026-01.test:one"],
      ["InitiatorAlias", "one"],
      ["TargetName", "iqn.2026-01.test:disk"],
      ["SessionType", "Discovery"],
    ] as const
  ) {
    const n = target();
    n.receive([{ key, value }]);
    expect(n.receive([{ key, value }])).toEqual([]);
    expect(() => n.receive([{ key, value }, { key, value }])).toThrow("twice");
    expect(() => n.receive([{ key, value: `${value}2` }])).toThrow("again");
  }
});
