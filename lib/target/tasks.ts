/** The tasks of one session that are not over, by Initiator Task Tag. */

import type { CommandWindow } from "../iscsi/window.ts";
import type { Outcome } from "../scsi/plan.ts";
import type { Task } from "./task.ts";

export class Tasks {
  readonly #window: CommandWindow<Uint8Array>;
  readonly #byTag = new Map<number, Task>();
  readonly #onAbort: (task: Task) => void;
  #immediate = 0;

  /** `onAbort` lets go of what a task that is still collecting holds, and ends it. */
  constructor(
    window: CommandWindow<Uint8Array>,
    onAbort: (task: Task) => void,
  ) {
    this.#window = window;
    this.#onAbort = onAbort;
  }

  /** Those outside of the command window. */
  get immediate(): number {
    return this.#immediate;
  }

  get size(): number {
    return this.#byTag.size;
  }

  get(initiatorTaskTag: number): Task | undefined {
    return this.#byTag.get(initiatorTaskTag);
  }

  /** Keeps a task that is not over with the PDU that brought it. */
  add(task: Task): void {
    if (this.#byTag.get(task.initiatorTaskTag) === task) return;
    this.#byTag.set(task.initiatorTaskTag, task);
    if (task.immediate) this.#immediate++;
    if (task.lun !== undefined) task.volume.taskSet.add(task);
  }

  /** The task is over: room for another. To be called once, before its response shows MaxCmdSN. */
  end(task: Task): void {
    if (this.#byTag.delete(task.initiatorTaskTag)) {
      task.volume.taskSet.remove(task);
      if (task.immediate) this.#immediate--;
    }
    if (!task.immediate) this.#window.complete();
    task.end();
  }

  /**
   * Ends the tasks that `which` chooses, without a response, or with `verdict`. Resolves when none of them can touch a volume any more, with
   * how many there were.
   */
  async abort(
    which: (task: Task) => boolean,
    verdict?: Outcome,
  ): Promise<number> {
    const chosen = [...this.#byTag.values()].filter(which);
    for (const task of chosen) {
      // Whoever aborted it before has the last word.
      if (!task.aborted) task.verdict = verdict;
      task.aborted = true;
      this.#onAbort(task);
    }
    await Promise.all(chosen.map((task) => task.settled()));
    return chosen.length;
  }

  /** Resolves when all tasks that there are now are over. */
  async settled(): Promise<void> {
    await Promise.all([...this.#byTag.values()].map((task) => task.settled()));
  }
}
