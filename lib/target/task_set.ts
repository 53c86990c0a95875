/**
 * The task set of one logical unit: the tasks of all sessions that are not over with the PDU that brought them, and which of them a new one
 * has to wait for (SAM-5 section 8.8).
 *
 * | attribute     | waits for                            |
 * | ------------- | ------------------------------------ |
 * | SIMPLE        | older ORDERED ones                   |
 * | ORDERED       | all older ones                       |
 * | HEAD OF QUEUE | nobody                               |
 *
 * A task waits only for tasks that came before it, so nobody waits for ever.
 */

import { ATTR_HEAD_OF_QUEUE, ATTR_ORDERED } from "../iscsi/pdu/scsi_command.ts";
import type { Task } from "./task.ts";

export class TaskSet {
  readonly #tasks = new Set<Task>();
  readonly #ordered = new Set<Task>();

  add(task: Task): void {
    this.#tasks.add(task);
    if (task.attr === ATTR_ORDERED) this.#ordered.add(task);
  }

  remove(task: Task): void {
    this.#tasks.delete(task);
    this.#ordered.delete(task);
  }

  /** Those that a new task with this attribute waits for; undefined where it may begin at once. */
  before(attr: number): readonly Task[] | undefined {
    const older = attr === ATTR_ORDERED ? this.#tasks : this.#ordered;
    if (older.size === 0 || attr === ATTR_HEAD_OF_QUEUE) return undefined;
    return [...older];
  }
}
