/**
 * What an operator does to the volume between the rounds: snapshots, restores, other sizes. Nobody is logged in meanwhile, and `serve` may be
 * killed at any moment of it. To the oracle each is one operation that is there whole or not at all.
 */
import type { Change, History } from "../../lib/store/testing/history.ts";
import { ZEROS } from "../../lib/store/testing/known_content.ts";
import { type Machines, VOLUME } from "./machines.ts";
import type { RoundPlan } from "./plan.ts";

/** The sizes that the volume has in turn, in MiB. */
export const SIZES_MIB = [3, 4, 5];
const BLOCKS_A_MIB = 2048;
/** Cells of the history: the blocks of the largest size, and the length. */
export const CELLS = Math.max(...SIZES_MIB) * BLOCKS_A_MIB + 1;

const MAX_SNAPSHOTS = 4;

interface Taken {
  readonly name: string;
  /** What the volume held. */
  readonly cells: Int32Array;
}

export class Chores {
  /** How many of each kind were done, and how many of all were cut short. */
  readonly done = { snapshot: 0, restore: 0, resize: 0 };
  cutShort = 0;
  readonly #machines: Machines;
  readonly #history: History;
  #snapshots: Taken[] = [];
  #count = 0;

  constructor(machines: Machines, history: History) {
    this.#machines = machines;
    this.#history = history;
  }

  /** Does what the plan says, on a volume that holds `cells`. Whether `serve` was killed. @throws where it fails otherwise */
  async carryOut(plan: RoundPlan, cells: Int32Array): Promise<boolean> {
    switch (plan.chore) {
      case "snapshot":
        return await this.#snapshot(plan, cells);
      case "restore":
        if (this.#snapshots.length === 0) return false;
        return await this.#restore(plan);
      case "resize":
        return await this.#resize(plan, cells);
      default:
        return false;
    }
  }

  async #snapshot(plan: RoundPlan, cells: Int32Array): Promise<boolean> {
    const { node } = this.#machines;
    if (this.#snapshots.length >= MAX_SNAPSHOTS) {
      const { name } = this.#snapshots.shift()!;
      await node.ok("snapshot", "delete", VOLUME, name, "--yes");
    }
    const name = `s${this.#count++}`;
    const args = ["snapshot", "create", VOLUME, name];
    const acknowledged = await this.#run("snapshot", { args, plan });
    // The command line knows what is there also where no node runs.
    const there = await node.json<{ name: string }[]>(
      ...["snapshot", "list", VOLUME],
    );
    const names = there.map(({ name }) => name);
    const expected = this.#snapshots.map(({ name }) => name);
    if (names.includes(name)) {
      this.#snapshots.push({ name, cells: cells.slice() });
    } else if (acknowledged) expected.push(name);
    const missing = expected.find((name) => !names.includes(name));
    if (missing !== undefined) {
      throw new Error(`Snapshot ${missing} is missing: ${names}`);
    }
    return plan.choreKillMs !== undefined;
  }

  async #restore(plan: RoundPlan): Promise<boolean> {
    const { name, cells } = plan.choreDice.of(this.#snapshots);
    const change = this.#history.send({
      what: `restore of snapshot ${name}`,
      cells: [{ from: 0, to: CELLS }],
      value: (cell) => cells[cell]!,
      whole: true,
    });
    const args = ["snapshot", "restore", VOLUME, name, "--yes"];
    return await this.#change("restore", { args, plan, change });
  }

  async #resize(plan: RoundPlan, cells: Int32Array): Promise<boolean> {
    const mib = plan.choreDice.of(SIZES_MIB);
    const [before, after] = [cells[CELLS - 1]!, mib * BLOCKS_A_MIB];
    const change = this.#history.send({
      what: `change of size to ${after} blocks`,
      cells: [
        { from: Math.min(before, after), to: Math.max(before, after) },
        { from: CELLS - 1, to: CELLS },
      ],
      value: (cell) => cell === CELLS - 1 ? after : ZEROS,
      whole: true,
    });
    const args = ["volume", "resize", VOLUME, `${mib}MiB`, "--yes"];
    return await this.#change("resize", { args, plan, change });
  }

  async #change(
    kind: "restore" | "resize",
    how: { args: readonly string[]; plan: RoundPlan; change: Change },
  ): Promise<boolean> {
    if (await this.#run(kind, how)) this.#history.acknowledge(how.change);
    return how.plan.choreKillMs !== undefined;
  }

  /** Whether it was acknowledged. */
  async #run(
    kind: keyof Chores["done"],
    { args, plan }: { args: readonly string[]; plan: RoundPlan },
  ): Promise<boolean> {
    const killMs = plan.choreKillMs;
    const { code, output } = await this.#machines.command(args, killMs);
    if (code === 0) {
      this.done[kind]++;
      return true;
    }
    if (killMs === undefined) {
      throw new Error(`vault ${args.join(" ")}: ${output}`);
    }
    this.cutShort++;
    return false;
  }
}
