/** What a target may not do: the session ends, and all that is under way is told why. */

import { expect } from "expect";
import fc from "fast-check";
import { concat } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import type { R2t } from "../iscsi/pdu/r2t.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeR2t } from "../iscsi/pdu/r2t.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  connectPair,
  counting,
  type PairOptions,
  type ScriptedTarget,
} from "./scripted_target.ts";

const LUN = new Uint8Array(8);
const CDB = new Uint8Array(6);
const RESERVED = 0xffff_ffff;

const connected = (setup: Omit<PairOptions, "primitives"> = {}) =>
  connectPair({ primitives: systemPrimitives, ...setup });

interface Breach {
  readonly name: string;
  readonly says: string;
  /** The command before it writes 8 bytes; it reads 8 otherwise. */
  readonly writes?: true;
  readonly act: (target: ScriptedTarget, tag: number) => Promise<void>;
}

const dataIn = (length: number, bufferOffset: number, dataSn: number) =>
(
  target: ScriptedTarget,
  tag: number,
) =>
  target.dataIn(tag, {
    data: counting(length),
    bufferOffset,
    dataSn,
    last: true,
  });

const r2t = (...asks: Partial<R2t>[]) =>
async (
  target: ScriptedTarget,
  initiatorTaskTag: number,
) => {
  for (const ask of asks) {
    await target.send(encodeR2t, {
      lun: LUN,
      initiatorTaskTag,
      targetTransferTag: 1,
      statSn: target.statSn,
      expCmdSn: 2,
      maxCmdSn: 9,
      r2tSn: 0,
      bufferOffset: 0,
      desiredDataTransferLength: 8,
      ...ask,
    });
  }
};

const BREACHES: readonly Breach[] = [
  {
    name: "a StatSN that was skipped",
    says: "StatSN",
    act: async (target, tag) => {
      target.statSn++;
      await target.respond(tag);
    },
  },
  {
    name: "an answer to nothing",
    says: "No command has task tag",
    act: (target, tag) => target.respond(tag + 1),
  },
  {
    name: "more data than asked for",
    says: "longer than",
    act: dataIn(9, 0, 0),
  },
  { name: "data out of order", says: "out of order", act: dataIn(4, 4, 0) },
  {
    name: "a DataSN that was skipped",
    says: "out of order",
    act: dataIn(4, 0, 1),
  },
  {
    name: "an R2T beyond the data",
    says: "data that there is not",
    writes: true,
    act: r2t({ bufferOffset: 4 }),
  },
  {
    name: "an R2T for nothing",
    says: "data that there is not",
    writes: true,
    act: r2t({ desiredDataTransferLength: 0 }),
  },
  {
    name: "an R2TSN that was skipped",
    says: "out of order",
    writes: true,
    act: r2t({ r2tSn: 1 }),
  },
  {
    name: "data asked for twice",
    says: "second time",
    writes: true,
    act: r2t({}, { r2tSn: 1, bufferOffset: 7, desiredDataTransferLength: 1 }),
  },
  {
    name: "a sense longer than its data",
    says: "SenseLength",
    act: (target, tag) =>
      target.respond(tag, { status: 2, data: Uint8Array.of(0, 9, 1) }),
  },
  {
    name: "an initiator's PDU",
    says: "Not a target's PDU",
    act: (target, tag) =>
      target.raw(target.make((_, into, at) => into[at] = 0x01, { tag })),
  },
  {
    name: "a flipped bit under a digest",
    says: "header does not match",
    act: async (target, tag) => {
      const bytes = target.make((_, into, at) => into[at] = 0x21, { tag });
      bytes[20]! ^= 1;
      await target.raw(bytes);
    },
  },
];

for (const { name, says, writes, act } of BREACHES) {
  Deno.test(`initiator: a target's breach ends the session: ${name}`, async () => {
    const { session, target, events } = await connected({
      options: { headerDigest: ["CRC32C"] },
      offer: { immediateData: false, initialR2T: true },
    });
    const command = session.command({
      lun: 0,
      cdb: CDB,
      ...(writes ? { dataOut: counting(8) } : { dataInLength: 8 }),
    });
    const failed = Promise.all([
      expect(command).rejects.toThrow(says),
      expect(command).rejects.toThrow(PeerError),
    ]);
    const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
    await act(target, initiatorTaskTag);
    await failed;
    await session.closed;
    expect(events).toMatchObject([{ kind: "closed" }]);
  });
}

Deno.test("initiator: flipped data under a digest ends the session", async () => {
  const { session, target } = await connected({
    options: { dataDigest: ["CRC32C"] },
  });
  const failed = expect(session.nop()).rejects.toThrow("digest");
  const { initiatorTaskTag } = await target.expect(decodeNopOut);
  const bytes = target.make(encodeNopIn, {
    dataSegmentLength: 4,
    lun: LUN,
    initiatorTaskTag,
    targetTransferTag: RESERVED,
    ...target.counted(),
  }, counting(4));
  bytes[50]! ^= 1;
  await target.raw(bytes);
  await failed;
  await session.closed;
});

Deno.test("initiator: a target that pings and does not read is cut off", async () => {
  const { session, target } = await connected();
  const ping = target.make(encodeNopIn, {
    dataSegmentLength: 0,
    lun: LUN,
    initiatorTaskTag: RESERVED,
    targetTransferTag: 3,
    statSn: target.statSn,
    expCmdSn: 1,
    maxCmdSn: 8,
  });
  const pings = (count: number) =>
    concat(Array.from({ length: count }, () => ping));
  // As many in one chunk as may wait are answered, and one more ends it.
  await target.raw(pings(64));
  for (let i = 0; i < 64; i++) await target.expect(decodeNopOut);
  const failed = expect(session.nop()).rejects.toThrow("pings without");
  await target.raw(pings(65));
  await failed;
  await session.closed;
});

Deno.test("initiator fuzz: any PDUs end the session or leave it as it was", async () => {
  const opcodes = [0x20, 0x21, 0x22, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f, 0x01];
  const pdu = fc.record({
    opcode: fc.constantFrom(...opcodes),
    header: fc.uint8Array({ minLength: 48, maxLength: 48 }),
    // Small tags and numbers meet what is there.
    small: fc.boolean(),
    data: fc.uint8Array({ maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(pdu, { maxLength: 8 }), async (pdus) => {
      const { session, target } = await connected({
        offer: { immediateData: false, initialR2T: true },
      });
      const under = [
        session.command({ lun: 0, cdb: CDB, dataInLength: 16 }),
        session.command({ lun: 0, cdb: CDB, dataOut: counting(16) }),
        session.nop(),
      ].map((asked) => asked.catch((thrown) => thrown));
      for (const { opcode, header, small, data } of pdus) {
        await target.raw(target.make(
          (_, into, at) => {
            into.set(header, at);
            into[at] = opcode;
            into.set([0, 0, 0, data.length], at + 4);
            if (small) into.set([0, 0, 0, 1 + header[19]! % 3], at + 16);
            if (small) into.set([0, 0, 0, target.statSn], at + 24);
            if (small) into.fill(0, at + 36, at + 44);
            if (small) into.set([0, 0, 0, header[47]! % 20], at + 44);
          },
          {},
          data,
        )).catch(() => {});
      }
      await target.close().catch(() => {});
      await session.closed;
      for (const ended of await Promise.all(under)) {
        // Answered, or failed with somebody's fault; a defect would be a TypeError or a RangeError.
        if (ended instanceof Error) {
          expect(["PeerError", "ConnectionLost"]).toContain(ended.name);
        }
      }
    }),
    { numRuns: 300 },
  );
});
