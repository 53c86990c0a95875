/**
 * Which logical unit a command is for, and what those get that are for none: a target answers some commands for units that it does not
 * have (SPC-4 section 4.5, SAM-5 section 5.11).
 */

import { decodeLun } from "../iscsi/pdu/lun.ts";
import type { Nexus } from "../scsi/nexus.ts";
import { Opcode } from "../scsi/opcode.ts";
import type { Answer, Plan } from "../scsi/plan.ts";
import { encodeSense } from "../scsi/sense.ts";
import { SenseCode, SenseKey } from "../scsi/sense_code.ts";
import { Status } from "../scsi/status.ts";
import type { Target } from "./target.ts";
import type { Volume } from "./volume.ts";

/** PERIPHERAL QUALIFIER 011b and PERIPHERAL DEVICE TYPE 1Fh: there is no such unit here (SPC-4 section 6.4.2). */
const NO_UNIT = 0x7f;

const ALLOCATION_LENGTH_AT = 4;

export interface Addressed {
  /** Undefined where the target has no such unit. */
  readonly lun: number | undefined;
  readonly volume: Volume;
  readonly plan: Plan;
}

/** Whom the command addresses, and what it asks for there. */
export function address(
  target: Target,
  nexus: Nexus,
  command: { readonly lunField: Uint8Array; readonly cdb: Uint8Array },
): Addressed {
  const lun = decodeLun(command.lunField);
  const volume = lun === undefined ? undefined : target.units.get(lun);
  if (volume) {
    return { lun, volume, plan: volume.unit.plan(nexus, command.cdb) };
  }
  const first = target.first;
  return {
    lun: undefined,
    volume: first,
    plan: planForNone(first, nexus, command.cdb),
  };
}

/** ILLEGAL REQUEST outside of any unit, in fixed format. */
export function illegalRequest(code: number): Answer {
  return {
    kind: "answer",
    outcome: {
      status: Status.CHECK_CONDITION,
      sense: encodeSense({ key: SenseKey.ILLEGAL_REQUEST, code }, false),
    },
  };
}

function planForNone(first: Volume, nexus: Nexus, cdb: Uint8Array): Plan {
  switch (cdb[0]) {
    case Opcode.REPORT_LUNS:
      return first.unit.plan(nexus, cdb);
    case Opcode.INQUIRY:
      return withoutUnit(first.unit.plan(nexus, cdb));
    case Opcode.REQUEST_SENSE:
      return requestSense(cdb[ALLOCATION_LENGTH_AT]!);
    default:
      return illegalRequest(SenseCode.LOGICAL_UNIT_NOT_SUPPORTED);
  }
}

function withoutUnit(plan: Plan): Plan {
  if (plan.kind !== "data-in" || plan.data.length === 0) return plan;
  const data = plan.data.slice();
  data[0] = NO_UNIT;
  return { kind: "data-in", data };
}

/** REQUEST SENSE says in its parameter data what other commands say in their sense (SPC-4 section 6.39). */
function requestSense(allocationLength: number): Plan {
  const sense = encodeSense({
    key: SenseKey.ILLEGAL_REQUEST,
    code: SenseCode.LOGICAL_UNIT_NOT_SUPPORTED,
  }, false);
  return { kind: "data-in", data: sense.subarray(0, allocationLength) };
}
