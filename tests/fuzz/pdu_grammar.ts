/**
 * PDUs of the full feature phase, right in their outer form: every request that there is with its fields at their edges, those of a target,
 * and operation codes that nobody has. Tags and numbers mostly belong to what was sent before, so that PDUs get at each other.
 */
import { concat, putU16, putU32 } from "../../lib/base/bytes.ts";
import { NO_DIGESTS, pduLength } from "../../lib/iscsi/layout.ts";
import { BHS_BYTES, RESERVED_TAG } from "../../lib/iscsi/pdu/bhs.ts";
import { encodeDataOut } from "../../lib/iscsi/pdu/data_out.ts";
import { encodeLogoutRequest } from "../../lib/iscsi/pdu/logout_request.ts";
import { encodeNopOut } from "../../lib/iscsi/pdu/nop_out.ts";
import type { R2t } from "../../lib/iscsi/pdu/r2t.ts";
import { encodeScsiCommand } from "../../lib/iscsi/pdu/scsi_command.ts";
import { encodeSnackRequest } from "../../lib/iscsi/pdu/snack_request.ts";
import { encodeTaskManagementRequest } from "../../lib/iscsi/pdu/task_management_request.ts";
import { encodeTextRequest } from "../../lib/iscsi/pdu/text_request.ts";
import { type DiskShape, fuzzedCommand } from "./cdb_grammar.ts";
import type { Dice } from "./dice.ts";

/** The first data segment that goes with a command may be so long without having been agreed on (RFC 7143 section 13.14). */
const FIRST_BURST_BYTES = 65_536;
/** TotalAHSLength counts words. */
const TOTAL_AHS_LENGTH_AT = 4;

/** A session as far as the grammar follows it. */
export interface Said {
  cmdSn: number;
  readonly tags: number[];
  readonly shape: DiskShape;
}

const KINDS = [
  ...[command, command, command, command, command, command],
  ...[dataOut, dataOut, dataOut, nopOut, taskManagement, text, ahs],
];
/** These mostly end the session. */
const RARE_KINDS = [logout, snack, oddOpcode];

/** The next PDU of a session. */
export function fuzzedPdu(dice: Dice, said: Said): Uint8Array {
  return dice.of(dice.once(30) ? RARE_KINDS : KINDS)(dice, said);
}

function pdu(
  encode: (into: Uint8Array, at: number) => void,
  data: Uint8Array = new Uint8Array(),
): Uint8Array {
  const bytes = new Uint8Array(pduLength(data.length, NO_DIGESTS));
  encode(bytes, 0);
  bytes.set(data, BHS_BYTES);
  return bytes;
}

/** The number of the next command, or one that is off. */
function numbered(dice: Dice, said: Said, immediate: boolean): number {
  const cmdSn = said.cmdSn;
  if (!immediate) said.cmdSn = said.cmdSn + 1 >>> 0;
  return dice.once(30)
    ? cmdSn + dice.of([1, 2, -1, 64, 128, 2 ** 31]) >>> 0
    : cmdSn;
}

function newTag(dice: Dice, said: Said): number {
  const tag = dice.once(20)
    ? knownTag(dice, said)
    : said.tags.length + 1 + dice.next(2);
  said.tags.push(tag);
  if (said.tags.length > 64) said.tags.shift();
  return tag;
}

function knownTag(dice: Dice, { tags }: Said): number {
  return tags.length === 0 || dice.once(8)
    ? dice.of([0, 1, RESERVED_TAG, dice.next(2 ** 31)])
    : dice.of(tags);
}

function lun(dice: Dice): Uint8Array {
  const bytes = new Uint8Array(8);
  if (dice.once(12)) bytes[dice.next(4)] = dice.next(256);
  return bytes;
}

function command(dice: Dice, said: Said): Uint8Array {
  const { cdb, read, data } = fuzzedCommand(dice, said.shape);
  const immediate = dice.once(10);
  const announced = data?.length ?? read ?? 0;
  const first = data?.subarray(
    0,
    dice.of([0, 512, FIRST_BURST_BYTES, dice.next(data.length + 1)]),
  );
  return pdu((into, at) =>
    encodeScsiCommand(
      {
        immediate,
        final: !dice.once(6),
        read: read !== undefined !== dice.once(40),
        write: data !== undefined !== dice.once(40),
        attr: dice.once(4) ? dice.next(8) : 1,
        totalAhsLength: 0,
        dataSegmentLength: first?.length ?? 0,
        lun: lun(dice),
        initiatorTaskTag: newTag(dice, said),
        expectedDataTransferLength: dice.once(15)
          ? dice.of([0, 1, 511, announced + 1, 0xffffffff])
          : announced,
        cmdSn: numbered(dice, said, immediate),
        expStatSn: 0,
        cdb,
      },
      into,
      at,
    ), first);
}

/** Additional header segments, right and wrong, before a command that needs none (RFC 7143 section 11.2.2). */
function ahs(dice: Dice, said: Said): Uint8Array {
  const whole = command(dice, said);
  const segments = concat(dice.some(3, () => {
    const length = dice.of([1, 5, 16, 17, dice.next(60)]);
    const segment = new Uint8Array((3 + length + 3) & ~3);
    segment.set(dice.bytes(Math.min(8, segment.length)));
    putU16(segment, 0, dice.once(5) ? dice.next(300) : length);
    segment[2] = dice.of([1, 2, 2, dice.next(256)]);
    return segment;
  }));
  whole[TOTAL_AHS_LENGTH_AT] = segments.length / 4;
  return concat([
    whole.subarray(0, BHS_BYTES),
    segments,
    whole.subarray(BHS_BYTES),
  ]);
}

function dataOut(dice: Dice, said: Said): Uint8Array {
  const data = dice.bytes(dice.of([0, 4, 512, 512, 1024, dice.next(5000)]));
  return pdu((into, at) =>
    encodeDataOut(
      {
        final: !dice.once(4),
        dataSegmentLength: data.length,
        lun: lun(dice),
        initiatorTaskTag: knownTag(dice, said),
        targetTransferTag: dice.of([RESERVED_TAG, RESERVED_TAG, dice.next(8)]),
        expStatSn: 0,
        dataSn: dice.of([0, 0, 1, 2, 0xffffffff]),
        bufferOffset: dice.of([0, 0, 512, 1024, dice.next(70_000), 0xffffffff]),
      },
      into,
      at,
    ), data);
}

/** The data that an R2T asks for: mostly those, else others, too many, or in the wrong place. */
export function r2tAnswer(
  dice: Dice,
  r2t: R2t,
): Uint8Array {
  const right = !dice.once(6);
  const length = right
    ? r2t.desiredDataTransferLength
    : dice.next(r2t.desiredDataTransferLength + 600);
  const data = new Uint8Array(Math.min(length, 262_144)).fill(dice.next(256));
  return pdu((into, at) =>
    encodeDataOut(
      {
        final: right || dice.once(2),
        dataSegmentLength: data.length,
        lun: new Uint8Array(8),
        initiatorTaskTag: r2t.initiatorTaskTag,
        targetTransferTag: right
          ? r2t.targetTransferTag
          : r2t.targetTransferTag + dice.next(2),
        expStatSn: 0,
        dataSn: right ? 0 : dice.next(3),
        bufferOffset: right
          ? r2t.bufferOffset
          : r2t.bufferOffset + dice.next(3) * 512,
      },
      into,
      at,
    ), data);
}

function nopOut(dice: Dice, said: Said): Uint8Array {
  const data = dice.bytes(dice.of([0, 0, 4, dice.next(3000)]));
  const immediate = dice.once(2);
  return pdu((into, at) =>
    encodeNopOut(
      {
        immediate,
        dataSegmentLength: data.length,
        lun: lun(dice),
        initiatorTaskTag: dice.once(4) ? RESERVED_TAG : newTag(dice, said),
        targetTransferTag: dice.once(8) ? dice.next(8) : RESERVED_TAG,
        cmdSn: numbered(dice, said, immediate),
        expStatSn: 0,
      },
      into,
      at,
    ), data);
}

function taskManagement(dice: Dice, said: Said): Uint8Array {
  const immediate = !dice.once(4);
  return pdu((into, at) =>
    encodeTaskManagementRequest(
      {
        immediate,
        function: dice.once(8) ? dice.next(128) : 1 + dice.next(8),
        lun: lun(dice),
        initiatorTaskTag: newTag(dice, said),
        referencedTaskTag: knownTag(dice, said),
        cmdSn: numbered(dice, said, immediate),
        expStatSn: 0,
        refCmdSn: said.cmdSn - dice.next(5) >>> 0,
        expDataSn: dice.next(3),
      },
      into,
      at,
    )
  );
}

function text(dice: Dice, said: Said): Uint8Array {
  const immediate = dice.once(2);
  const data = new TextEncoder().encode(dice.of([
    ...["SendTargets=All\0", "SendTargets=\0", "SendTargets=iqn.x\0", "", "\0"],
    ...["MaxRecvDataSegmentLength=8192\0", "InitialR2T=Yes\0", "x", "=\0"],
    "X-a=b\0".repeat(dice.next(200)),
  ]));
  return pdu((into, at) =>
    encodeTextRequest(
      {
        immediate,
        final: !dice.once(4),
        continue: dice.once(6),
        dataSegmentLength: data.length,
        lun: lun(dice),
        initiatorTaskTag: newTag(dice, said),
        targetTransferTag: dice.once(6) ? dice.next(8) : RESERVED_TAG,
        cmdSn: numbered(dice, said, immediate),
        expStatSn: 0,
      },
      into,
      at,
    ), data);
}

function logout(dice: Dice, said: Said): Uint8Array {
  const immediate = dice.once(2);
  return pdu((into, at) =>
    encodeLogoutRequest(
      {
        immediate,
        reasonCode: dice.of([0, 1, 2, dice.next(128)]),
        initiatorTaskTag: newTag(dice, said),
        cid: dice.of([0, 0, dice.next(65536)]),
        cmdSn: numbered(dice, said, immediate),
        expStatSn: 0,
      },
      into,
      at,
    )
  );
}

function snack(dice: Dice, said: Said): Uint8Array {
  return pdu((into, at) =>
    encodeSnackRequest(
      {
        type: dice.next(16),
        lun: lun(dice),
        initiatorTaskTag: knownTag(dice, said),
        targetTransferTag: RESERVED_TAG,
        expStatSn: 0,
        begRun: dice.next(3),
        runLength: dice.next(3),
      },
      into,
      at,
    )
  );
}

/** A target's PDU, a Login Request, or an operation code that nobody has. */
function oddOpcode(dice: Dice, said: Said): Uint8Array {
  const bytes = new Uint8Array(BHS_BYTES);
  bytes.set(dice.bytes(BHS_BYTES));
  bytes[0] = dice.of([0x03, 0x20, 0x21, 0x25, 0x31, 0x3f, dice.next(64)]);
  bytes.fill(0, TOTAL_AHS_LENGTH_AT, 8);
  putU32(bytes, 16, knownTag(dice, said));
  putU32(bytes, 24, said.cmdSn);
  return bytes;
}
