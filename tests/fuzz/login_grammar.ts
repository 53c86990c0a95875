/**
 * Login conversations, from quite right to quite wrong:
 *
 *     login    := request+
 *     request  := header text          the header's stages, flags, ISID, TSIH, CID and versions mostly go together
 *     text     := pair* | cut pair* | junk
 *     pair     := key "=" value NUL    of the known keys, the keys of CHAP, and others; a value of the key's kind, or another
 *
 * A right one is drawn often enough that what lies behind a login is reached, too.
 */
import { concat, utf8 } from "../../lib/base/bytes.ts";
import { type Key, keyOf, KEYS, SECURITY_KEYS } from "../../lib/iscsi/keys.ts";
import { NO_DIGESTS, pduLength } from "../../lib/iscsi/layout.ts";
import { BHS_BYTES } from "../../lib/iscsi/pdu/bhs.ts";
import { encodeLoginRequest } from "../../lib/iscsi/pdu/login_request.ts";
import type { Dice } from "./dice.ts";

export interface LoginGoal {
  readonly target: string;
  readonly initiator: string;
  readonly isid: Uint8Array;
}

const CHAP_KEYS = [...SECURITY_KEYS];
const STAGES = [[0, 1], [1, 3], [0, 3], [0, 0], [1, 1], [3, 3], [2, 3], [1, 0]];
const MAX_REQUESTS = 5;
const MAX_PAIRS = 8;

/** Whole Login Requests, to be sent one after the other. */
export function loginRequests(dice: Dice, goal: LoginGoal): Uint8Array[] {
  const requests = dice.some(MAX_REQUESTS, (n) => request(dice, goal, n));
  // Now and then an otherwise empty and right end, so that what came before may be agreed on.
  return dice.once(3) ? [...requests, finish(goal)] : requests;
}

function finish(goal: LoginGoal): Uint8Array {
  return loginPdu(goal, { csg: 1, nsg: 3, text: names(goal) });
}

function request(dice: Dice, goal: LoginGoal, n: number): Uint8Array {
  const [csg, nsg] = dice.of(n === 0 ? STAGES.slice(0, 3) : STAGES);
  const named = n === 0 ? !dice.once(12) : dice.once(8);
  return loginPdu(dice.once(8) ? { ...goal, isid: dice.bytes(6) } : goal, {
    ...{ csg: csg!, nsg: nsg! },
    transit: !dice.once(4),
    continue: dice.once(8),
    versions: dice.once(16) ? dice.bytes(2) : new Uint8Array(2),
    tsih: dice.once(12) ? dice.next(65536) : 0,
    cid: dice.once(12) ? dice.next(65536) : 0,
    tag: dice.once(12) ? dice.next(5) : 1,
    text: concat([named ? names(goal) : new Uint8Array(), text(dice)]),
  });
}

function names({ initiator, target }: LoginGoal): Uint8Array {
  return utf8(
    `InitiatorName=${initiator}\0TargetName=${target}\0SessionType=Normal\0`,
  );
}

function text(dice: Dice): Uint8Array {
  if (dice.once(10)) return dice.bytes(dice.next(300));
  const pairs = concat(dice.some(MAX_PAIRS, () => pair(dice)));
  return dice.once(10) ? pairs.subarray(0, dice.next(pairs.length + 1)) : pairs;
}

function pair(dice: Dice): Uint8Array {
  const name = dice.once(10)
    ? dice.of(["X-a", "x", "", "InitialR2T ", "A".repeat(64), "Ä"])
    : dice.once(3)
    ? dice.of(CHAP_KEYS)
    : dice.of(KEYS)[0];
  const key = keyOf(name);
  const value = key === undefined || dice.once(4)
    ? anyValue(dice)
    : valueOf(dice, key);
  return utf8(`${name}=${value}\0`);
}

function valueOf(dice: Dice, key: Key): string {
  switch (key.kind) {
    case "and":
    case "or":
      return dice.of(["Yes", "No"]);
    case "min":
    case "max": {
      const { lowest, highest } = key;
      const value = dice.of([
        ...[lowest, highest, lowest + dice.next(highest - lowest + 1)],
        ...[lowest - 1, highest + 1],
      ]);
      return dice.once(6) ? `0x${Math.abs(value).toString(16)}` : `${value}`;
    }
    case "list":
      return dice.of([
        "None",
        "CRC32C",
        "CRC32C,None",
        "None,CRC32C",
        "RFC3720",
      ]);
    default:
      return dice.of([
        "All",
        "Normal",
        "Discovery",
        "8192",
        "262144",
        "No",
        "1~2",
      ]);
  }
}

function anyValue(dice: Dice): string {
  return dice.of([
    ...["", "Yes", "CHAP", "CHAP,None", "None", "5,7", "0", "-1", "4294967296"],
    ...["Reject", "NotUnderstood", "Irrelevant", "?", "=", ","],
    `0x${"00".repeat(1 + dice.next(40))}`,
    `0b${"AAAA".repeat(1 + dice.next(20))}`,
    "A".repeat(dice.of([255, 256, 1023, 4000])),
  ]);
}

interface LoginFields {
  readonly csg: number;
  readonly nsg: number;
  readonly transit?: boolean;
  readonly continue?: boolean;
  readonly versions?: Uint8Array;
  readonly tsih?: number;
  readonly cid?: number;
  readonly tag?: number;
  readonly text: Uint8Array;
}

function loginPdu(goal: LoginGoal, fields: LoginFields): Uint8Array {
  const { text, versions = new Uint8Array(2) } = fields;
  const bytes = new Uint8Array(pduLength(text.length, NO_DIGESTS));
  encodeLoginRequest(
    {
      ...{ csg: fields.csg, nsg: fields.nsg },
      transit: fields.transit ?? true,
      continue: fields.continue ?? false,
      versionMax: versions[0]!,
      versionMin: versions[1]!,
      dataSegmentLength: text.length,
      isid: goal.isid,
      tsih: fields.tsih ?? 0,
      initiatorTaskTag: fields.tag ?? 1,
      cid: fields.cid ?? 0,
      cmdSn: 100,
      expStatSn: 0,
    },
    bytes,
    0,
  );
  bytes.set(text, BHS_BYTES);
  return bytes;
}
