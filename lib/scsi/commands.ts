/** The command table: what this disk does, and so what it advertises. Every other operation code is refused. */

import { compareAndWrite } from "./cdb/compare_and_write.ts";
import { receiveDiagnosticResults, sendDiagnostic } from "./cdb/diagnostic.ts";
import { formatUnit } from "./cdb/format_unit.ts";
import { extendedCopy } from "./cdb/extended_copy.ts";
import { getLbaStatus } from "./cdb/get_lba_status.ts";
import { inquiry } from "./cdb/inquiry.ts";
import { logSense } from "./cdb/log_sense.ts";
import { modeSelect10, modeSelect6 } from "./cdb/mode_select.ts";
import { modeSense10, modeSense6 } from "./cdb/mode_sense.ts";
import { orwrite } from "./cdb/orwrite.ts";
import { persistentReserveIn } from "./cdb/persistent_reserve_in.ts";
import { persistentReserveOut } from "./cdb/persistent_reserve_out.ts";
import { preFetch10, preFetch16 } from "./cdb/pre_fetch.ts";
import { preventAllow } from "./cdb/prevent_allow.ts";
import { read10, read12, read16, read6 } from "./cdb/read.ts";
import { readCapacity10, readCapacity16 } from "./cdb/read_capacity.ts";
import { readDefectData10, readDefectData12 } from "./cdb/read_defect_data.ts";
import {
  receiveCopyFailureDetails,
  receiveCopyOperatingParameters,
  receiveCopyStatus,
} from "./cdb/receive_copy_results.ts";
import { reportLuns } from "./cdb/report_luns.ts";
import {
  reportSupportedOperationCodes,
  reportSupportedTaskManagementFunctions,
} from "./cdb/report_supported.ts";
import { reportTargetPortGroups } from "./cdb/report_target_port_groups.ts";
import { requestSense } from "./cdb/request_sense.ts";
import { release10, release6, reserve10, reserve6 } from "./cdb/reserve.ts";
import { sanitizes } from "./cdb/sanitize.ts";
import { startStopUnit } from "./cdb/start_stop_unit.ts";
import {
  synchronizeCache10,
  synchronizeCache16,
} from "./cdb/synchronize_cache.ts";
import { testUnitReady } from "./cdb/test_unit_ready.ts";
import { unmap } from "./cdb/unmap.ts";
import { verify10, verify12, verify16 } from "./cdb/verify.ts";
import { write10, write12, write16, write6 } from "./cdb/write.ts";
import {
  writeAndVerify10,
  writeAndVerify12,
  writeAndVerify16,
} from "./cdb/write_and_verify.ts";
import { writeAtomic } from "./cdb/write_atomic.ts";
import { writeSame10, writeSame16 } from "./cdb/write_same.ts";
import type { Command } from "./command.ts";
import type { Features } from "./unit.ts";

/** All that there may be, in ascending order of operation code and service action. */
export const commands: readonly Command[] = [
  testUnitReady,
  requestSense,
  formatUnit,
  read6,
  write6,
  inquiry,
  modeSelect6,
  reserve6,
  release6,
  modeSense6,
  startStopUnit,
  receiveDiagnosticResults,
  sendDiagnostic,
  preventAllow,
  readCapacity10,
  read10,
  write10,
  writeAndVerify10,
  verify10,
  preFetch10,
  synchronizeCache10,
  readDefectData10,
  writeSame10,
  unmap,
  ...sanitizes,
  logSense,
  modeSelect10,
  reserve10,
  release10,
  modeSense10,
  ...persistentReserveIn,
  ...persistentReserveOut,
  extendedCopy,
  receiveCopyStatus,
  receiveCopyOperatingParameters,
  receiveCopyFailureDetails,
  read16,
  compareAndWrite,
  write16,
  orwrite,
  writeAndVerify16,
  verify16,
  preFetch16,
  synchronizeCache16,
  writeSame16,
  writeAtomic,
  readCapacity16,
  getLbaStatus,
  reportLuns,
  reportTargetPortGroups,
  reportSupportedOperationCodes,
  reportSupportedTaskManagementFunctions,
  read12,
  write12,
  writeAndVerify12,
  verify12,
  readDefectData12,
];

const SERVICE_ACTION = 0x1f;

/** The commands of one unit. */
export class CommandTable {
  /** In ascending order. */
  readonly commands: readonly Command[];
  /** By operation code: the command, or its service actions. */
  readonly #table: readonly (Command | readonly Command[] | undefined)[];

  /** Those that a unit with these features has. */
  constructor(features: Features) {
    const own = commands.filter(({ feature }) => !feature || features[feature]);
    this.commands = own;
    this.#table = Array.from({ length: 256 }, (_, opcode) => {
      const rows = own.filter((command) => command.opcode === opcode);
      return rows[0]?.serviceAction === undefined ? rows[0] : rows;
    });
  }

  /**
   * The command of a CDB; `opcode` where nothing has this operation code, `service-action` where others of its service actions
   * are done.
   */
  of(cdb: Uint8Array): Command | "opcode" | "service-action" {
    const entry = this.#table[cdb[0]!];
    if (entry === undefined) return "opcode";
    if (!isList(entry)) return entry;
    const action = cdb[1]! & SERVICE_ACTION;
    return entry.find((command) => command.serviceAction === action) ??
      "service-action";
  }
}

function isList(
  entry: Command | readonly Command[],
): entry is readonly Command[] {
  return Array.isArray(entry);
}
