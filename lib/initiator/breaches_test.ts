import { expect } from "expect";
import { PeerError } from "../base/errors.ts";
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
const TUR = new Uint8Array(6);
const RESERVED = 0xffff_ffff;

const connected = (setup: Omit<PairOptions, "primitives"> = {}) =>
  connectPair({ primitives: systemPrimitives, ...setup });

/** What a target may not do, after one command that reads 8 bytes or writes 8. */
const BREACHES: [
  string,
  (target: ScriptedTarget, tag: number) => Promise<void>,
][] = [
  ["a StatSN that was skipped", async (target, tag) => {
    target.statSn++;
    await target.respond(tag);
  }],
  ["an answer to nothing", (target, tag) => target.respond(tag + 1)],
  ["more data than asked for", (target, tag) =>
    target.dataIn(tag, {
      data: counting(9),
      bufferOffset: 0,
      dataSn: 0,
      last: true,
    })],
  ["data out of order", (target, tag) =>
    target.dataIn(tag, {
      data: counting(4),
      bufferOffset: 4,
      dataSn: 0,
      last: true,
    })],
  ["a DataSN that was skipped", (target, tag) =>
    target.dataIn(tag, {
      data: counting(4),
      bufferOffset: 0,
      dataSn: 1,
      last: true,
    })],
  ["an R2T beyond the data", (target, tag) =>
    target.send(encodeR2t, {
      lun: LUN,
      initiatorTaskTag: tag,
      targetTransferTag: 1,
      statSn: target.statSn,
      expCmdSn: 2,
      maxCmdSn: 9,
      r2tSn: 0,
      bufferOffset: 4,
      desiredDataTransferLength: 9,
    })],
  [
    "a sense longer than its data",
    (target, tag) =>
      target.respond(tag, { status: 2, data: Uint8Array.of(0, 9, 1) }),
  ],
  ["an initiator's PDU", (target, tag) =>
    target.raw(target.make(
      (_fields: object, into, at) => into[at] = 0x01,
      { tag },
    ))],
  ["a flipped bit under a digest", async (target, tag) => {
    const bytes = target.make((_: object, into, at) => {
      into[at] = 0x21;
    }, { tag });
    bytes[20]! ^= 1;
    await target.raw(bytes);
  }],
];

for (const [name, breach] of BREACHES) {
  Deno.test(`initiator: a target's breach ends the session: ${name}`, async () => {
    const { session, target } = await connected({
      options: { headerDigest: ["CRC32C"] },
    });
    const failed = expect(
      session.command({ lun: 0, cdb: TUR, dataInLength: 8 }),
    ).rejects.toThrow(PeerError);
    const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
    await breach(target, initiatorTaskTag);
    await failed;
    await session.closed;
  });
}

Deno.test("initiator: flipped data under a digest ends the session", async () => {
  const { session, target } = await connected({
    options: { dataDigest: ["CRC32C"] },
  });
  const asked = session.nop();
  const failed = expect(asked).rejects.toThrow("digest");
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
