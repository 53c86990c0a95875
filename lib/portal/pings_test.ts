import { expect } from "expect";
import fc from "fast-check";
import { concat, putU32, u32 } from "../base/bytes.ts";
import { serialAdd } from "../base/serial.ts";
import { Framer } from "../iscsi/framer.ts";
import {
  dataStart,
  type Digests,
  NO_DIGESTS,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import { decodeNopIn } from "../iscsi/pdu/nop_in.ts";
import {
  DATA_IN,
  DATA_OUT,
  IMMEDIATE_BIT,
  NOP_IN,
  NOP_OUT,
  R2T,
  SCSI_COMMAND,
  SCSI_RESPONSE,
} from "../iscsi/pdu/opcode.ts";
import { Pings } from "./pings.ts";

const BOTH: Digests = { header: true, data: true };
const NONE = 0xffff_ffff;

interface Fields {
  readonly flags?: number;
  readonly tag?: number;
  readonly transferTag?: number;
  /** At 24, 28 and 32. */
  readonly numbers?: readonly number[];
  readonly data?: Uint8Array;
}

function pdu(first: number, fields: Fields, digests = NO_DIGESTS): Uint8Array {
  const { data = new Uint8Array(0), numbers = [] } = fields;
  const bytes = new Uint8Array(pduLength(data.length, digests));
  bytes[0] = first;
  bytes[1] = fields.flags ?? 0x80;
  bytes[7] = data.length;
  putU32(bytes, 16, fields.tag ?? 7);
  putU32(bytes, 20, fields.transferTag ?? NONE);
  numbers.forEach((number, at) => putU32(bytes, 24 + 4 * at, number));
  bytes.set(data, dataStart(digests));
  sealPdu(bytes, 0, { dataLength: data.length, digests });
  return bytes;
}

/** A login that ended with StatSN 99, ExpCmdSN 1 and MaxCmdSN 32. */
function pings(digests = NO_DIGESTS, maxDataBytes = 8192): Pings {
  const response = pdu(0x23, { numbers: [99, 1, 32] });
  return new Pings(response, { digests, maxDataBytes });
}

const ping = (fields: Fields = {}, digests = NO_DIGESTS) =>
  pdu(NOP_OUT | IMMEDIATE_BIT, { numbers: [5, 100], ...fields }, digests);

for (
  const [name, digests] of [["without", NO_DIGESTS], ["with", BOTH]] as const
) {
  Deno.test(`a ping is answered, and all numbers after it go on from there, ${name} digests`, () => {
    const here = pings(digests);
    const run = concat([
      pdu(SCSI_RESPONSE, { numbers: [100, 2, 33] }, digests),
      pdu(R2T, { numbers: [101, 2, 33] }, digests),
    ]);
    expect(here.fromTarget(run.slice())).toEqual(run);
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    const answer = here.answer(ping({ tag: 42, data }, digests))!;
    const framer = new Framer({ maxDataSegmentBytes: 8192, digests });
    framer.push(answer);
    const seen = framer.next()!;
    expect(decodeNopIn(seen.bytes)).toEqual({
      dataSegmentLength: 5,
      lun: new Uint8Array(8),
      initiatorTaskTag: 42,
      targetTransferTag: NONE,
      statSn: 101,
      expCmdSn: 2,
      maxCmdSn: 33,
    });
    expect(seen.data).toEqual(data);
    expect(here.fromTarget(concat([
      pdu(SCSI_RESPONSE, { numbers: [101, 3, 34] }, digests),
      pdu(DATA_IN, { flags: 0, numbers: [0, 3, 34], data }, digests),
      pdu(DATA_IN, { flags: 0x81, numbers: [102, 3, 34] }, digests),
      pdu(
        NOP_IN,
        { tag: NONE, transferTag: 9, numbers: [103, 3, 34] },
        digests,
      ),
    ]))).toEqual(concat([
      pdu(SCSI_RESPONSE, { numbers: [102, 3, 34] }, digests),
      pdu(DATA_IN, { flags: 0, numbers: [0, 3, 34], data }, digests),
      pdu(DATA_IN, { flags: 0x81, numbers: [103, 3, 34] }, digests),
      pdu(
        NOP_IN,
        { tag: NONE, transferTag: 9, numbers: [104, 3, 34] },
        digests,
      ),
    ]));
    expect(here.fromInitiator(concat([
      pdu(SCSI_COMMAND, { numbers: [6, 104], data }, digests),
      pdu(DATA_OUT, { numbers: [0, 104] }, digests),
    ]))).toEqual(concat([
      pdu(SCSI_COMMAND, { numbers: [6, 103], data }, digests),
      pdu(DATA_OUT, { numbers: [0, 103] }, digests),
    ]));
    // The target has used up no number for its own ping: the next answer has it, raised by the one before.
    expect(u32(here.answer(ping({}, digests))!, 24)).toBe(104);
  });
}

Deno.test("what the initiator has acknowledged stays acknowledged, although it has not seen an answer yet", () => {
  const here = pings();
  expect(here.answer(ping({ numbers: [5, 100] }))).toBeDefined();
  const command = pdu(SCSI_COMMAND, { numbers: [6, 100] });
  expect(here.fromInitiator(command.slice())).toEqual(command);
});

Deno.test("what is no ping, or has its place among the commands, goes to the target", () => {
  const here = pings(BOTH);
  const answerToTarget = ping({ tag: NONE, transferTag: 9 }, BOTH);
  const inOrder = pdu(NOP_OUT, { numbers: [5, 100] }, BOTH);
  const damaged = ping({ data: Uint8Array.of(1, 2, 3, 4) }, BOTH);
  damaged[dataStart(BOTH)]! ^= 1;
  const damagedHeader = ping({}, BOTH);
  damagedHeader[9]! ^= 1;
  for (const one of [answerToTarget, inOrder, damaged, damagedHeader]) {
    expect(here.answer(one.slice())).toBe(undefined);
    expect(here.fromInitiator(one.slice())).toEqual(one);
  }
});

Deno.test("an answer is no longer than the initiator takes", () => {
  const data = new Uint8Array(200).fill(7);
  const answer = pings(NO_DIGESTS, 64).answer(ping({ data }))!;
  expect(decodeNopIn(answer).dataSegmentLength).toBe(64);
  expect(answer.length).toBe(48 + 64);
});

Deno.test("a digest that did not hold is not made to hold", () => {
  const here = pings(BOTH);
  here.answer(ping({}, BOTH));
  const broken = pdu(SCSI_RESPONSE, { numbers: [100, 2, 33] }, BOTH);
  broken[9]! ^= 1;
  const framer = new Framer({ maxDataSegmentBytes: 8192, digests: BOTH });
  framer.push(here.fromTarget(broken));
  expect(() => framer.next()).toThrow(/digest/);
});

Deno.test("whatever comes in between, the initiator counts without a gap, also over the end of the numbers", () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom("response", "ping", "read", "r2t"), {
      maxLength: 100,
    }),
    fc.integer({ min: 0, max: 60 }),
    (events, before) => {
      let target = serialAdd(0, -before);
      const response = pdu(0x23, { numbers: [serialAdd(target, -1), 1, 32] });
      const here = new Pings(response, {
        digests: NO_DIGESTS,
        maxDataBytes: 8192,
      });
      let expected = target;
      for (const event of events) {
        if (event === "ping") {
          const answer = here.answer(ping({ numbers: [5, expected] }))!;
          expect(u32(answer, 24)).toBe(expected);
          expected = serialAdd(expected, 1);
          continue;
        }
        const opcode =
          { response: SCSI_RESPONSE, read: DATA_IN, r2t: R2T }[event];
        const flags = event === "read" ? 0x81 : 0x80;
        const seen = here.fromTarget(
          pdu(opcode, { flags, numbers: [target, 1, 32] }),
        );
        expect(u32(seen, 24)).toBe(expected);
        if (event === "r2t") continue;
        target = serialAdd(target, 1);
        expected = serialAdd(expected, 1);
      }
      // The target is told what it has sent, and not more.
      const last = here.fromInitiator(
        pdu(SCSI_COMMAND, { numbers: [5, expected] }),
      );
      expect(u32(last, 28)).toBe(target);
    },
  ));
});
