/**
 * Task management functions (RFC 7143 section 11.5): what they end, whom they concern, and when they are answered.
 *
 * A function is answered when none of the tasks that it ends can touch a volume any more.
 */

import type { TaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import * as request from "../iscsi/pdu/task_management_request.ts";
import {
  FUNCTION_AUTHORIZATION_FAILED,
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
  /**
   * Ends commands of the session that came before the function and wait for their turn, because one before them is missing; gives how
   * many there were.
   */
  readonly dropHeld: (which: Held) => number;
}

/** Commands that wait for their turn: those of a logical unit, of all where it is undefined, and only that of a tag where it is given. */
export interface Held {
  readonly lun: number | undefined;
  readonly initiatorTaskTag?: number;
}

/** How a function ended: its response code, and which sessions are to end once that was sent. */
export interface FunctionEnd {
  readonly response: number;
  /** Those that were there when the function began. */
  readonly endSessions?: readonly Session[];
}

/** What ends the tasks of other sessions, or their reservations, is not for one that may only read. */
const OF_OTHERS: ReadonlySet<number> = new Set([
  request.CLEAR_TASK_SET,
  request.LOGICAL_UNIT_RESET,
  request.TARGET_WARM_RESET,
  request.TARGET_COLD_RESET,
]);

/** Carries the function out. The request's views are lent for the time before the first await. */
export async function manageTasks(
  ask: TaskManagementRequest,
  options: TaskManagementOptions,
): Promise<FunctionEnd> {
  const lun = decodeLun(ask.lun);
  if (options.session.nexus.readOnly && OF_OTHERS.has(ask.function)) {
    return { response: FUNCTION_AUTHORIZATION_FAILED };
  }
  switch (ask.function) {
    case request.TASK_REASSIGN:
      return { response: REASSIGNMENT_NOT_SUPPORTED };
    case request.TARGET_WARM_RESET:
      await resetTarget(options, "target-warm");
      return { response: FUNCTION_COMPLETE };
    case request.TARGET_COLD_RESET: {
      // Who logs in while it is under way, or its answer on its way, begins with nothing to be reset.
      const endSessions = [...options.session.target.sessions];
      await resetTarget(options, "target-cold");
      return { response: FUNCTION_COMPLETE, endSessions };
    }
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
  const { session } = options;
  switch (ask.function) {
    case request.ABORT_TASK:
      return await abortTask(ask, lun, options);
    case request.ABORT_TASK_SET:
      await abortOwn(options, lun);
      return FUNCTION_COMPLETE;
    case request.CLEAR_TASK_SET:
      await clearTaskSet(options, lun);
      return FUNCTION_COMPLETE;
    default:
      await abortEverywhere(options, lun);
      // Every nexus is told, the asking one too (SAM-5 section 6.3.3).
      session.target.units.get(lun)?.unit.reset("logical-unit");
      return FUNCTION_COMPLETE;
  }
}

async function abortTask(
  ask: TaskManagementRequest,
  lun: number,
  { tasks, plug, dropHeld }: TaskManagementOptions,
): Promise<number> {
  const initiatorTaskTag = ask.referencedTaskTag;
  if (dropHeld({ lun, initiatorTaskTag }) > 0) return FUNCTION_COMPLETE;
  const task = tasks.get(initiatorTaskTag);
  if (task?.lun === lun) {
    await tasks.abort((each) => each === task);
    return FUNCTION_COMPLETE;
  }
  return !task && plug(ask.refCmdSn) ? FUNCTION_COMPLETE : TASK_DOES_NOT_EXIST;
}

/** Tasks of all sessions end; those who lost some are told by a unit attention. */
async function clearTaskSet(
  options: TaskManagementOptions,
  lun: number,
): Promise<void> {
  const by = options.session;
  const sessions = [...by.target.sessions];
  const counts = await abortEverywhere(options, lun);
  sessions.forEach((session, i) => {
    if (session !== by && counts[i]! > 0) {
      by.target.units.get(lun)?.unit.commandsCleared(session.nexus);
    }
  });
}

async function resetTarget(
  options: TaskManagementOptions,
  kind: "target-warm" | "target-cold",
): Promise<void> {
  await abortEverywhere(options, undefined);
  for (const { unit } of options.session.target.units.values()) {
    unit.reset(kind);
  }
}

/** Gives how many tasks each session had, in the order of the target's sessions. */
function abortEverywhere(
  options: TaskManagementOptions,
  lun: number | undefined,
): Promise<number[]> {
  const { session: by } = options;
  return Promise.all(
    [...by.target.sessions].map((session) =>
      session === by ? abortOwn(options, lun) : session.control.abortTasks(lun)
    ),
  );
}

/** What came after the function is not concerned. */
async function abortOwn(
  { tasks, dropHeld }: TaskManagementOptions,
  lun: number | undefined,
): Promise<number> {
  const held = dropHeld({ lun });
  const begun = await tasks.abort((task) =>
    lun === undefined || task.lun === lun
  );
  return held + begun;
}
