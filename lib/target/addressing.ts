/** Which logical unit a command is for, and what it asks for there. */

import { invariant } from "../base/errors.ts";
import { decodeLun } from "../iscsi/pdu/lun.ts";
import type { Nexus } from "../scsi/nexus.ts";
import type { Answer, Plan } from "../scsi/plan.ts";
import { encodeSense } from "../scsi/sense.ts";
import { SenseKey } from "../scsi/sense_code.ts";
import { Status } from "../scsi/status.ts";
import type { Target } from "./target.ts";
import type { Volume } from "./volume.ts";

export interface Addressed {
  /** Undefined where the target has no such unit. */
  readonly lun: number | undefined;
  /** Where the plan is carried out. What is planned for no unit touches none. */
  readonly volume: Volume;
  readonly plan: Plan;
}

/** Whom the command addresses, and what it asks for there. */
export function address(
  target: Target,
  nexus: Nexus,
  command: {
    readonly lunField: Uint8Array;
    readonly cdb: Uint8Array;
    /** Bytes that the initiator expects to send. */
    readonly dataOutBytes: number;
  },
): Addressed {
  const lun = decodeLun(command.lunField);
  const volume = lun === undefined ? undefined : target.units.get(lun);
  if (volume) {
    const { cdb, dataOutBytes } = command;
    return { lun, volume, plan: volume.unit.plan(nexus, cdb, dataOutBytes) };
  }
  const first = target.units.get(0);
  invariant(first, "A target without logical unit 0");
  const plan = target.none.plan(nexus, command.cdb);
  return { lun: undefined, volume: first, plan };
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
