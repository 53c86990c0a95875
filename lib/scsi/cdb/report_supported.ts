/**
 * REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 sections 6.35 and 6.36): the command table
 * itself.
 */

import { concat, putU16, putU32, u16, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { MaintenanceIn, Opcode } from "../opcode.ts";

const row = {
  opcode: Opcode.MAINTENANCE_IN,
  access: "read",
  mutates: false,
  needs: "unit",
} as const;

/** Return command time-outs descriptors. */
const RCTD = 0x80;

/** REPORTING OPTIONS (SPC-4 table 239). */
const Options = {
  ALL: 0,
  OPCODE: 1,
  SERVICE_ACTION: 2,
  EITHER: 3,
} as const;

export const reportSupportedOperationCodes: Command = {
  ...row,
  name: "REPORT SUPPORTED OPERATION CODES",
  serviceAction: MaintenanceIn.REPORT_SUPPORTED_OPERATION_CODES,
  mask: mask("ff 1f 87 ff ffff ffffffff 00 00"),
  plan: (cdb, { unit }) => {
    const timeouts = (cdb[2]! & RCTD) !== 0;
    const options = cdb[2]! & 0x07;
    if (options > Options.EITHER) return unit.invalidField(2);
    if (options === Options.ALL) {
      return dataIn(allCommands(unit.commands, timeouts), u32(cdb, 6));
    }
    const rows = unit.commands.filter(({ opcode }) => opcode === cdb[3]);
    const hasActions = rows[0]?.serviceAction !== undefined;
    if (options === Options.OPCODE && hasActions) return unit.invalidField(2);
    if (options === Options.SERVICE_ACTION && rows[0] && !hasActions) {
      return unit.invalidField(2);
    }
    const action = u16(cdb, 4);
    const wanted = rows.find(({ serviceAction }) =>
      options === Options.OPCODE || (serviceAction ?? 0) === action
    );
    return dataIn(oneCommand(wanted, timeouts), u32(cdb, 6));
  },
};

const CTDP = 0x02;
const SERVACTV = 0x01;
const COMMAND_DESCRIPTOR_BYTES = 8;

function allCommands(
  commands: readonly Command[],
  timeouts: boolean,
): Uint8Array {
  const descriptors = commands.map((command) => {
    const descriptor = new Uint8Array(COMMAND_DESCRIPTOR_BYTES);
    descriptor[0] = command.opcode;
    putU16(descriptor, 2, command.serviceAction ?? 0);
    descriptor[5] = (timeouts ? CTDP : 0) |
      (command.serviceAction === undefined ? 0 : SERVACTV);
    putU16(descriptor, 6, command.mask.length);
    return timeouts ? concat([descriptor, NO_TIMEOUTS]) : descriptor;
  });
  const list = concat(descriptors);
  const head = new Uint8Array(4);
  putU32(head, 0, list.length);
  return concat([head, list]);
}

const ONE_CTDP = 0x80;
/** SUPPORT. */
const NOT_SUPPORTED = 0x01;
const AS_THE_STANDARD_SAYS = 0x03;

function oneCommand(
  command: Command | undefined,
  timeouts: boolean,
): Uint8Array {
  if (!command) return Uint8Array.of(0, NOT_SUPPORTED, 0, 0);
  const head = new Uint8Array(4);
  head[1] = AS_THE_STANDARD_SAYS | (timeouts ? ONE_CTDP : 0);
  putU16(head, 2, command.mask.length);
  const parts = [head, usageOf(command)];
  if (timeouts) parts.push(NO_TIMEOUTS);
  return concat(parts);
}

/** CDB USAGE DATA: the mask, with the operation code and the service action themselves in their places. */
function usageOf(command: Command): Uint8Array {
  const usage = command.mask.slice();
  usage[0] = command.opcode;
  if (command.serviceAction !== undefined) {
    usage[1] = (usage[1]! & ~0x1f) | command.serviceAction;
  }
  return usage;
}

/** Command time-outs descriptor: no nominal and no recommended time is given. */
const NO_TIMEOUTS = Uint8Array.of(0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** Return extended parameter data. */
const REPD = 0x80;

/** ATS, ATSS, CTSS, LURS, TRS: abort task, abort task set, clear task set, logical unit reset, target reset. */
const TASK_MANAGEMENT_FUNCTIONS = 0x80 | 0x40 | 0x10 | 0x08 | 0x02;

const MIN_ALLOCATION_BYTES = 4;

export const reportSupportedTaskManagementFunctions: Command = {
  ...row,
  name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
  serviceAction: MaintenanceIn.REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS,
  mask: mask("ff 1f 80 00 0000 ffffffff 00 00"),
  plan: (cdb, { unit }) => {
    const allocationLength = u32(cdb, 6);
    if (allocationLength < MIN_ALLOCATION_BYTES) return unit.invalidField(6);
    const extended = (cdb[2]! & REPD) !== 0;
    const data = new Uint8Array(extended ? 16 : 4);
    data[0] = TASK_MANAGEMENT_FUNCTIONS;
    data[3] = data.length - 4;
    return dataIn(data, allocationLength);
  },
};
