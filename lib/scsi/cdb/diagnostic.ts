/**
 * SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-4 sections 6.42 and 6.29). A self-test reads the medium at many places and makes stable
 * what was written. The only diagnostic page is the list of them.
 */

import { u16 } from "../../base/bytes.ts";
import type { Extent } from "../../base/extent.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { SELF_TEST_PIECE_BYTES, SELF_TEST_PIECES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { type Caller, GOOD, type Unit } from "../unit.ts";

const PF = 0x10;
const SELFTEST = 0x04;
/** SELF-TEST CODE, in its place: none, and the one short test in the foreground. */
const SELF_TEST_CODE = 0xe0;
const FOREGROUND_SHORT = 0xa0;

export const sendDiagnostic: Command = {
  name: "SEND DIAGNOSTIC",
  opcode: Opcode.SEND_DIAGNOSTIC,
  // DEVOFFL 02h and UNITOFFL 01h are permissions that are not used.
  mask: mask("ff b7 00 ffff 00"),
  access: "write",
  mutates: false,
  plan: (cdb, caller) => {
    const { unit } = caller;
    const length = u16(cdb, 3);
    const code = cdb[1]! & SELF_TEST_CODE;
    const isDefault = (cdb[1]! & SELFTEST) !== 0;
    if (isDefault || code !== 0) {
      if (isDefault === (code !== 0)) return unit.invalidField(1);
      if (!isDefault && code !== FOREGROUND_SHORT) return unit.invalidField(1);
      return length === 0 ? selfTest(unit) : unit.invalidField(3);
    }
    if (length === 0) return GOOD;
    if ((cdb[1]! & PF) === 0) return unit.invalidField(1);
    if (length !== PAGE_HEADER_BYTES) {
      return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
    }
    return { kind: "data-out", length, then: (list) => take(caller, list) };
  },
};

const PAGE_HEADER_BYTES = 4;

/** Supported Diagnostic Pages, 00h, with nothing in it: the list is fetched by RECEIVE DIAGNOSTIC RESULTS. */
function take({ unit }: Caller, list: Uint8Array): Plan {
  if (list.length < PAGE_HEADER_BYTES) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  const wrong = list.subarray(0, PAGE_HEADER_BYTES).findIndex((byte) =>
    byte !== 0
  );
  return wrong < 0 ? GOOD : unit.invalidParameter(wrong);
}

function selfTest(unit: Unit): Plan {
  const steps: Plan[] = placesOf(unit.blocks * unit.blockSizeBytes).map(
    (extent) => ({ kind: "probe", extent }),
  );
  steps.push({ kind: "flush", immediate: false });
  const key = SenseKey.HARDWARE_ERROR;
  const code = SenseCode.LOGICAL_UNIT_FAILED_SELF_TEST;
  return {
    kind: "attempt",
    plan: { kind: "sequence", steps },
    otherwise: unit.check({ key, code }).outcome,
  };
}

/** The first and the last bytes, and places in between at equal distances. */
function placesOf(sizeBytes: number): Extent[] {
  const length = Math.min(SELF_TEST_PIECE_BYTES, sizeBytes);
  const last = SELF_TEST_PIECES - 1;
  return Array.from({ length: SELF_TEST_PIECES }, (_, i) => {
    const offset = Math.floor((sizeBytes - length) * i / last);
    return { offset: offset - offset % BLOCK_BYTES, length };
  });
}

/** A multiple of every block size. */
const BLOCK_BYTES = 4096;

const PCV = 0x01;
const SUPPORTED_PAGES = Uint8Array.of(0, 0, 0, 1, 0);

export const receiveDiagnosticResults: Command = {
  name: "RECEIVE DIAGNOSTIC RESULTS",
  opcode: Opcode.RECEIVE_DIAGNOSTIC_RESULTS,
  // Without PCV it is the page that was sent last, and that is the only one.
  mask: mask("ff 01 ff ffff 00"),
  access: "read",
  mutates: false,
  needs: "unit",
  plan: (cdb, { unit }) => {
    const isNamed = (cdb[1]! & PCV) !== 0;
    if (cdb[2] !== 0) return unit.invalidField(isNamed ? 2 : 1);
    return dataIn(SUPPORTED_PAGES.slice(), u16(cdb, 3));
  },
};
