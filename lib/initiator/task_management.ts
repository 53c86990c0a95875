/** Task management functions that an initiator asks for, and which of its own commands they end (RFC 7143 section 11.5.1). */

import { equalBytes } from "../base/bytes.ts";
import { serialLess } from "../base/serial.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import {
  ABORT_TASK,
  ABORT_TASK_SET,
  CLEAR_TASK_SET,
  LOGICAL_UNIT_RESET,
  TARGET_COLD_RESET,
  TARGET_WARM_RESET,
} from "../iscsi/pdu/task_management_request.ts";
import type { Task } from "./task.ts";

/** What is asked of the target's task manager. */
export interface TaskManagement {
  /**
   * The function (RFC 7143 section 11.5.1): 1 ABORT TASK, 2 ABORT TASK SET, 3 CLEAR ACA, 4 CLEAR TASK SET, 5 LOGICAL UNIT RESET,
   * 6 TARGET WARM RESET, 7 TARGET COLD RESET.
   */
  readonly function: number;
  /** The logical unit, 0 unless given. */
  readonly lun?: number;
  /** With ABORT TASK: the tag of the command, as its `onTag` was told. */
  readonly referencedTaskTag?: number;
}

/** The tags of those `tasks` that a completed function, sent when `cmdSn` was due, has ended. */
export function tasksEndedBy(
  ask: TaskManagement,
  { cmdSn, tasks }: { readonly cmdSn: number; readonly tasks: Iterable<Task> },
): number[] {
  const lun = encodeLun(ask.lun ?? 0);
  const isEnded = (task: Task): boolean => {
    switch (ask.function) {
      case ABORT_TASK:
        return task.initiatorTaskTag === ask.referencedTaskTag;
      case ABORT_TASK_SET:
      case CLEAR_TASK_SET:
      case LOGICAL_UNIT_RESET:
        return serialLess(task.cmdSn, cmdSn) && equalBytes(task.lun, lun);
      case TARGET_WARM_RESET:
      case TARGET_COLD_RESET:
        return serialLess(task.cmdSn, cmdSn);
      default:
        return false;
    }
  };
  return [...tasks].filter(isEnded).map(({ initiatorTaskTag }) =>
    initiatorTaskTag
  );
}
