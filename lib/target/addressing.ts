/** Which logical unit a command is for, and what it asks for there. */

import { invariant, PeerError } from "../base/errors.ts";
import type { Pdu } from "../iscsi/framer.ts";
import { decodeAhs, wholeCdb } from "../iscsi/pdu/ahs.ts";
import type { ScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import type { Answer } from "../scsi/plan.ts";
import { encodeSense } from "../scsi/sense.ts";
import { SenseKey } from "../scsi/sense_code.ts";
import { Status } from "../scsi/status.ts";
import type { Target } from "./target.ts";
import type { Volume } from "./volume.ts";

/** Where the commands for `lun` are carried out. What is planned for no unit touches none; `isThere` is false then. */
export function unitOf(
  target: Target,
  lun: number | undefined,
): { readonly volume: Volume; readonly isThere: boolean } {
  const volume = lun === undefined ? undefined : target.units.get(lun);
  if (volume) return { volume, isThere: true };
  const first = target.units.get(0);
  invariant(first, "A target without logical unit 0");
  return { volume: first, isThere: false };
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

/** The whole CDB, or undefined where the additional header segments are malformed. */
export function cdbOf(command: ScsiCommand, pdu: Pdu): Uint8Array | undefined {
  if (command.totalAhsLength === 0) return command.cdb;
  try {
    const { extendedCdb } = decodeAhs(pdu.ahs);
    return wholeCdb(command.cdb, extendedCdb);
  } catch (thrown) {
    if (thrown instanceof PeerError) return undefined;
    throw thrown;
  }
}
