import { expect } from "expect";
import fc from "fast-check";
import { concat, putU32, u16, u64 } from "../lib/base/bytes.ts";
import { InvariantError, PeerError } from "../lib/base/errors.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { DEVICE_TO_NODE, NODE_TO_DEVICE } from "./keys.ts";
import { TAG_BYTES } from "./mac.ts";
import {
  MAX_RECORD_PAYLOAD_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  RecordSealer,
  RecordType,
  TamperedError,
} from "./record.ts";
import { SequenceCheck } from "./replay.ts";
import {
  openAll,
  split,
  testDirection,
  testOpener,
  testSealer,
} from "./testing/records.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** Five records, each saying which it is. */
function five(): Uint8Array[] {
  const seal = testSealer();
  return ["one", "two", "three", "four", "five"].map((word) =>
    seal(text(word))
  );
}

function words(opened: readonly { payload: Uint8Array }[]): string[] {
  return opened.map(({ payload }) => new TextDecoder().decode(payload));
}

Deno.test("what is sealed is opened, in order and however it was split", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
    (payloads, cuts) => {
      const seal = testSealer();
      const stream = concat(payloads.map((payload) => seal(payload)));
      const { opened, thrown } = openAll(split(stream, cuts));
      expect(thrown).toBeUndefined();
      expect(opened.map(({ payload }) => [...payload]))
        .toEqual(payloads.map((payload) => [...payload]));
    },
  ));
});

Deno.test("bytes one at a time give the same records", () => {
  const stream = concat(five());
  const single = [...stream].map((byte) => Uint8Array.of(byte));
  expect(words(openAll(single).opened)).toEqual(words(openAll(stream).opened));
});

Deno.test("a whole record is a view of what was received", () => {
  const [record] = five();
  testOpener().receive(record!, ({ payload }) => {
    expect(payload.buffer).toBe(record!.buffer);
    expect(payload.byteOffset).toBe(RECORD_HEADER_BYTES);
  });
});

Deno.test("no single bit of a record can be changed", () => {
  const [first, second, third] = five();
  for (let at = 0; at < second!.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = second!.slice();
      flipped[at]! ^= 1 << bit;
      const { opened, thrown } = openAll([first!, flipped, third!]);
      expect(words(opened)).toEqual(["one"]);
      // A length that grew only waits for bytes that never come, or that make the tag wrong.
      if (thrown === undefined) expect(at >= 4 && at < 8).toBe(true);
      else expect(thrown).toBeInstanceOf(TamperedError);
    }
  }
});

Deno.test("every truncated record is waited for and never opened", () => {
  const [record] = five();
  for (let length = 0; length < record!.length; length++) {
    const opener = testOpener();
    const { opened, thrown } = openAll(record!.subarray(0, length), opener);
    expect([opened.length, thrown]).toEqual([0, undefined]);
    expect(opener.midRecord).toBe(length > 0);
  }
});

const [one, two, three, four, five_] = five() as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const otherLink = testSealer(testDirection({ seed: 2 }));
const otherWay = testSealer(testDirection({ direction: NODE_TO_DEVICE }));
/** The same keys and numbers, of a link with another id: what an earlier connection of a careless design would be. */
const sameKeys = testSealer({
  ...testDirection(),
  linkId: testDirection({ seed: 9 }).linkId,
});

for (
  const [what, stream, passed, reason] of [
    ["dropped", [one, three], ["one"], /MAC|too early/],
    ["dropped at the beginning", [two], [], /too early/],
    ["repeated", [one, one], ["one"], /again/],
    [
      "repeated later",
      [one, two, three, two],
      ["one", "two", "three"],
      /again/,
    ],
    ["swapped", [one, three, two], ["one"], /too early/],
    ["of the end replayed at the start", [five_, one], [], /too early/],
    ["spliced in from another link", [otherLink(text("x"))], [], /MAC/],
    ["of the other direction", [otherWay(text("x"))], [], /other direction/],
    [
      "of other links with the same keys",
      [sameKeys(text("x"))],
      [],
      /MAC|another link/,
    ],
    ["cut short and joined to the next", [one, two.subarray(0, -1), three], [
      "one",
    ], /MAC/],
    ["with bytes put in between", [one, text("junk").subarray(0, 1), two], [
      "one",
    ], /MAC|claims/],
    [
      "with another's tag",
      [
        one,
        concat([two.subarray(0, -TAG_BYTES), three.subarray(-TAG_BYTES)]),
        four,
      ],
      ["one"],
      /MAC/,
    ],
  ] as const
) {
  Deno.test(`a record ${what} is caught before it is passed on`, () => {
    const { opened, thrown } = openAll(concat(stream as readonly Uint8Array[]));
    expect(words(opened)).toEqual([...passed]);
    expect(thrown).toBeInstanceOf(TamperedError);
    expect((thrown as Error).message).toMatch(reason);
  });
}

Deno.test("with the same secret, a direction's keys are the link's own", () => {
  // Both differ from the genuine record in nothing but the link that they were made for.
  const genuine = testSealer()(text("x"));
  const foreign = testSealer({
    ...testDirection(),
    linkId: testDirection({ seed: 9 }).linkId,
  })(text("x"));
  expect(genuine.subarray(-TAG_BYTES)).not.toEqual(
    foreign.subarray(-TAG_BYTES),
  );
});

Deno.test("a record that claims too much is refused when its header is there", () => {
  const seal = testSealer();
  const longest = seal(new Uint8Array(MAX_RECORD_PAYLOAD_BYTES));
  expect(openAll(longest).opened[0]?.payload.length)
    .toBe(MAX_RECORD_PAYLOAD_BYTES);
  const header = longest.slice(0, RECORD_HEADER_BYTES);
  putU32(header, 4, MAX_RECORD_PAYLOAD_BYTES + 1);
  expect(openAll(header).thrown).toBeInstanceOf(TamperedError);
  expect(() => seal(new Uint8Array(MAX_RECORD_PAYLOAD_BYTES + 1)))
    .toThrow(InvariantError);
});

Deno.test("keys are renewed after so many records, in order, and old ones are worth nothing", () => {
  const sealer = new RecordSealer(primitives, {
    ...testDirection(),
    renewal: { records: 3, bytes: 1e9 },
  });
  const stream: Uint8Array[] = [];
  const add = (type: number, payload: Uint8Array) => {
    const record = new Uint8Array(payload.length + RECORD_OVERHEAD_BYTES);
    record.set(payload, RECORD_HEADER_BYTES);
    sealer.seal(type, record);
    stream.push(record);
  };
  for (let n = 0; n < 10; n++) {
    if (sealer.renewalDue) add(RecordType.KEY_UPDATE, new Uint8Array(0));
    add(RecordType.FRAMES, text(`n${n}`));
  }
  expect(stream.map((record) => u16(record, 2))).toEqual(
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3],
  );
  expect(stream.map((record) => u64(record, 8))).toEqual(
    stream.map((_, index) => index),
  );
  const opener = testOpener();
  const { opened, thrown } = openAll(concat(stream), opener);
  expect(thrown).toBeUndefined();
  expect(opener.generation).toBe(3);
  expect(opened.filter(({ type }) => type === RecordType.FRAMES).length)
    .toBe(10);
  // Without the key update, the next record does not open: it has other keys.
  const without = [...stream.slice(0, 3), ...stream.slice(4)];
  const skipped = openAll(concat(without));
  expect(skipped.opened.length).toBe(3);
  expect(skipped.thrown).toBeInstanceOf(TamperedError);
  // A record of the generation before, replayed after the update.
  const replayed = openAll(concat([...stream.slice(0, 5), stream[2]!]));
  expect(replayed.opened.length).toBe(5);
  expect(replayed.thrown).toBeInstanceOf(TamperedError);
});

Deno.test("keys are renewed after so many bytes", () => {
  const sealer = new RecordSealer(primitives, {
    ...testDirection(),
    renewal: { records: 1e9, bytes: 1000 },
  });
  sealer.seal(RecordType.FRAMES, new Uint8Array(999));
  expect(sealer.renewalDue).toBe(false);
  sealer.seal(RecordType.FRAMES, new Uint8Array(RECORD_OVERHEAD_BYTES));
  expect(sealer.renewalDue).toBe(true);
});

Deno.test("a key update with a payload is the peer's fault", () => {
  const seal = testSealer();
  const { thrown } = openAll(seal(text("x"), RecordType.KEY_UPDATE));
  expect(thrown).toBeInstanceOf(PeerError);
});

Deno.test("numbers are accepted once each and in order", () => {
  const check = new SequenceCheck();
  for (let n = 0; n < 5; n++) check.accept(n);
  for (const wrong of [0, 4, 6, 7, -1, 2 ** 53, 0.5]) {
    expect(() => check.accept(wrong)).toThrow(PeerError);
  }
  check.accept(5);
});

Deno.test("junk and mutated records make nothing but PeerErrors", () => {
  const stream = concat(five());
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc.tuple(fc.nat(stream.length - 1), fc.uint8Array({ maxLength: 8 }))
          .map(
            ([at, bytes]) => {
              const mutated = stream.slice();
              mutated.set(bytes.subarray(0, stream.length - at), at);
              return mutated;
            },
          ),
      ),
      (bytes) => {
        const { opened, thrown } = openAll(bytes);
        if (thrown !== undefined) expect(thrown).toBeInstanceOf(PeerError);
        const genuine = words(openAll(stream).opened);
        expect(words(opened)).toEqual(genuine.slice(0, opened.length));
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("the direction constants are what records say", () => {
  expect([DEVICE_TO_NODE, NODE_TO_DEVICE]).toEqual([1, 2]);
  expect(testSealer()(text(""))[1]).toBe(DEVICE_TO_NODE);
});
