/** The end of a conversation that says anything: it hears all that the target answers, counts it, and answers R2Ts where it is told how. */
import { fromUtf8 } from "../../lib/base/bytes.ts";
import type { Duplex } from "../../lib/base/duplex.ts";
import { Framer, type Pdu } from "../../lib/iscsi/framer.ts";
import { decodeLoginResponse } from "../../lib/iscsi/pdu/login_response.ts";
import * as opcode from "../../lib/iscsi/pdu/opcode.ts";
import { decodeR2t, type R2t } from "../../lib/iscsi/pdu/r2t.ts";
import {
  decodeScsiResponse,
  decodeSense,
} from "../../lib/iscsi/pdu/scsi_response.ts";
import { FULL_FEATURE_PHASE } from "../../lib/iscsi/pdu/login_request.ts";
import type { Tally } from "./tally.ts";

const KEYS: readonly string[] = [
  ...["NO SENSE", "RECOVERED", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR"],
  ...["ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK"],
  ...[
    "VENDOR",
    "COPY ABORTED",
    "ABORTED COMMAND",
    "",
    "OVERFLOW",
    "MISCOMPARE",
  ],
];
const CHECK_CONDITION = 0x02;
const STATUS: Readonly<Record<number, string>> = {
  0x00: "GOOD",
  0x08: "BUSY",
  0x18: "RESERVATION CONFLICT",
  0x28: "TASK SET FULL",
  0x40: "TASK ABORTED",
};

export interface Hearing {
  readonly duplex: Duplex;
  readonly tally: Tally;
  readonly onR2T?: (r2t: R2t) => void;
}

/** Hears until the conversation is over. @throws where what is heard is no PDU */
export class Ear {
  readonly #hearing: Hearing;
  readonly #framer = new Framer({ maxDataSegmentBytes: 2 ** 24 - 1 });
  /** Resolves when the target has ended or cut the conversation. */
  readonly over: Promise<void>;
  #heard = 0;
  /** What the target has said of keys during login. */
  #agreed = "";
  #wake: (() => void) | undefined;
  #deaf = false;

  constructor(hearing: Hearing) {
    this.#hearing = hearing;
    this.over = this.#listen();
    this.over.catch(() => {});
  }

  /** Resolves when something has been heard since the last call, or the conversation is over. */
  async anything(): Promise<void> {
    const before = this.#heard;
    while (this.#heard === before && !this.#deaf) {
      await new Promise<void>((wake) => this.#wake = wake);
    }
  }

  async #listen(): Promise<void> {
    const { duplex, tally } = this.#hearing;
    try {
      for (;;) {
        let chunk: Uint8Array | undefined;
        try {
          chunk = await duplex.read();
        } catch {
          tally.add("connection: cut");
          return;
        }
        if (chunk === undefined) {
          tally.add("connection: closed");
          return;
        }
        this.#framer.push(chunk);
        for (let pdu; (pdu = this.#framer.next());) this.#hear(pdu);
      }
    } finally {
      this.#deaf = true;
      this.#wake?.();
    }
  }

  #hear(pdu: Pdu): void {
    const { tally, onR2T } = this.#hearing;
    switch (pdu.bytes[0]! & opcode.OPCODE_MASK) {
      case opcode.LOGIN_RESPONSE:
        this.#hearLogin(pdu);
        break;
      case opcode.SCSI_RESPONSE: {
        const { status } = decodeScsiResponse(pdu.bytes);
        tally.add(`command: ${outcomeOf(status, decodeSense(pdu.data))}`);
        break;
      }
      case opcode.DATA_IN:
        if (pdu.bytes[1]! & 1) tally.add("command: GOOD");
        break;
      case opcode.R2T:
        tally.add("R2T");
        onR2T?.(decodeR2t(pdu.bytes));
        break;
      case opcode.REJECT:
        tally.add(`reject: reason 0x${pdu.bytes[2]!.toString(16)}`);
        break;
      default:
        tally.add(`PDU 0x${(pdu.bytes[0]! & 0x3f).toString(16)}`);
    }
    this.#heard++;
    this.#wake?.();
  }

  #hearLogin(pdu: Pdu): void {
    const response = decodeLoginResponse(pdu.bytes);
    if (response.status !== 0) {
      const status = response.status.toString(16).padStart(4, "0");
      this.#hearing.tally.add(`login: refused with 0x${status}`);
    } else if (response.transit && response.nsg === FULL_FEATURE_PHASE) {
      this.#hearing.tally.add("login: accepted");
      // Of the pairs, only the answer counts: CRC32C alone means that it is on from the next PDU.
      this.#agreed += fromUtf8(pdu.data) ?? "";
      this.#framer.set({
        digests: {
          header: this.#agreed.includes("HeaderDigest=CRC32C\0"),
          data: this.#agreed.includes("DataDigest=CRC32C\0"),
        },
      });
    } else {
      this.#hearing.tally.add("login: goes on");
      this.#agreed += fromUtf8(pdu.data) ?? "";
    }
  }
}

/** A command's end in words. */
export function outcomeOf(status: number, sense: Uint8Array): string {
  if (status !== CHECK_CONDITION) {
    return STATUS[status] ?? `status 0x${status.toString(16)}`;
  }
  const descriptors = (sense[0]! & 0x7f) >= 0x72;
  const key = (descriptors ? sense[1]! : sense[2]!) & 0x0f;
  return `CHECK CONDITION, ${KEYS[key] ?? `key ${key}`}`;
}
