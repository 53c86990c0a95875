/**
 * Task management functions (RFC 7143 section 11.5): what they end, whom they concern, and when they are answered.
 *
 * A function is answered when none of the tasks that it ends can touch a volume any more.
 */

import type { TaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import * as request from "../iscsi/pdu/task_management_request.ts";
import {
  FUNCTION_COMPLETE,
  FUNCTION_NOT_SUPPORTED,
  LUN_DOES_NOT_EXIST,
  REASSIGNMENT_NOT_SUPPORTED,
  TASK_DOES_NOT_EXIST,
} from "../iscsi/pdu/task_management_response.ts";
import { decodeLun } from "../iscsi/pdu/lun.ts";
import type { Session } from "./session.ts";
import type { Tasks } from "./tasks.ts";

export interface TaskManagementOptions {
  readonly session: Session;
  readonly tasks: Tasks;
  /** Counts a command that never came as received (RFC 7143 section 11.5.1); false where it is outside of the window. */
  readonly plug: (cmdSn: number) => boolean;
}

/** How a function ended: its response code, and whether the target's sessions are to end once that was sent. */
export interface FunctionEnd {
  readonly response: number;
  readonly endSessions?: true;
}

/** Carries the function out. The request's views are lent for the time before the first await. */
export async function manageTasks(
  ask: TaskManagementRequest,
  options: TaskManagementOptions,
): Promise<FunctionEnd> {
  const lun = decodeLun(ask.lun);
  switch (ask.function) {
    case request.TASK_REASSIGN:
      return { response: REASSIGNMENT_NOT_SUPPORTED };
    case request.TARGET_WARM_RESET:
      await resetTarget(options, "target-warm");
      return { response: FUNCTION_COMPLETE };
    case request.TARGET_COLD_RESET:
      await resetTarget(options, "target-cold");
      return { response: FUNCTION_COMPLETE, endSessions: true };
    case request.ABORT_TASK:
    case request.ABORT_TASK_SET:
    case request.CLEAR_TASK_SET:
    case request.LOGICAL_UNIT_RESET:
      if (lun === undefined || !options.session.target.units.has(lun)) {
        return { response: LUN_DOES_NOT_EXIST };
      }
      return { response: await manageUnit(ask, lun, options) };
    default:
      return { response: FUNCTION_NOT_SUPPORTED };
  }
}

async function manageUnit(
  ask: TaskManagementRequest,
  lun: number,
  options: TaskManagementOptions,
): Promise<number> {
  const { session, tasks } = options;
  switch (ask.function) {
    case request.ABORT_TASK:
      return await abortTask(ask, lun, options);
    case request.ABORT_TASK_SET:
      await tasks.abort((task) => task.lun === lun);
      return FUNCTION_COMPLETE;
    case request.CLEAR_TASK_SET:
      await clearTaskSet(session, lun);
      return FUNCTION_COMPLETE;
    default:
      await abortEverywhere(session, lun);
      // Every nexus is told, the asking one too (SAM-5 section 6.3.3).
      session.target.units.get(lun)?.unit.reset("logical-unit");
      return FUNCTION_COMPLETE;
  }
}

async function abortTask(
  ask: TaskManagementRequest,
  lun: number,
  { tasks, plug }: TaskManagementOptions,
): Promise<number> {
  const task = tasks.get(ask.referencedTaskTag);
  if (task?.lun === lun) {
    await tasks.abort((each) => each === task);
    return FUNCTION_COMPLETE;
  }
  return !task && plug(ask.refCmdSn) ? FUNCTION_COMPLETE : TASK_DOES_NOT_EXIST;
}

/** Tasks of all sessions end; those who lost some are told by a unit attention. */
async function clearTaskSet(by: Session, lun: number): Promise<void> {
  const sessions = [...by.target.sessions];
  const counts = await Promise.all(
    sessions.map((session) => session.control.abortTasks(lun)),
  );
  sessions.forEach((session, i) => {
    if (session !== by && counts[i]! > 0) {
      by.target.units.get(lun)?.unit.commandsCleared(session.nexus);
    }
  });
}

async function resetTarget(
  { session }: TaskManagementOptions,
  kind: "target-warm" | "target-cold",
): Promise<void> {
  await abortEverywhere(session, undefined);
  for (const { unit } of session.target.units.values()) {
    unit.reset(kind);
  }
}

async function abortEverywhere(
  by: Session,
  lun: number | undefined,
): Promise<void> {
  await Promise.all(
    [...by.target.sessions].map((session) => session.control.abortTasks(lun)),
  );
}
