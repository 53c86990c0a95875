/**
 * Rounds of one crash after the other on the same two machines:
 *
 *     logged in ──> the writer writes ──> kill -9 ──> what was killed is started ──> logged in ──> all is read ──> the oracle looks
 *                                                                                       └── and the next round begins
 *
 * Nothing is made anew between rounds: each begins on what the recovery of the one before has left. Between some the operator has a chore.
 */
import { History } from "../../lib/store/testing/history.ts";
import {
  BLOCK_BYTES,
  numbersIn,
} from "../../lib/store/testing/known_content.ts";
import {
  type Contract,
  judge,
  KILLED,
  KILLED_WHOLE,
  LOST,
} from "../../lib/store/testing/oracle.ts";
import { pause, within } from "../harness/until.ts";
import { BucketHome } from "./bucket_home.ts";
import { CELLS, Chores, SIZES_MIB } from "./chores.ts";
import { type Login, Machines } from "./machines.ts";
import { planRound, type RoundPlan, type Victims } from "./plan.ts";
import { Writer } from "./writer.ts";

export interface CrashCampaignOptions {
  /** Where the machines are made. It is left as it is. */
  readonly folder: string;
  readonly seed: number;
  readonly rounds: number;
  /** Whom a round may kill. */
  readonly victims: readonly Victims[];
  /** Where the volume lies: in a file unless given. In a bucket it has no chores, and in some rounds all of the node's state is lost. */
  readonly store?: "file" | "bucket";
  /** Told after every round. */
  readonly heed?: (so: CrashStanding) => void;
  /** Called while `serve` is dead, for who wants to see that a loss is found out. */
  readonly whileDead?: (round: number, volumeFolder: string) => Promise<void>;
}

/** How it stands. */
export interface CrashStanding {
  rounds: number;
  readonly kills: Record<Victims, number>;
  /** How often all of the node's state was lost, too. */
  losses: number;
  /** Operations: sent, acknowledged, and flushes among these. */
  sent: number;
  acknowledged: number;
  flushes: number;
  /** Operations that were under way at a kill and had happened all the same, all or some of them. */
  landed: number;
  /** Chores of which nothing was acknowledged because of a kill, and the others by their kind. */
  chores: Chores["done"] & { cutShort: number };
}

/** No acknowledgement takes longer, and no session outlives its daemons so long. */
const LATEST_MS = 30_000;
/** A round that gets nowhere near its number of operations ends then. */
const ENOUGH_MS = 1500;

/** @throws {Error} with the seed and the round, where the oracle says no or anything else goes wrong */
export async function crashCampaign(
  options: CrashCampaignOptions,
): Promise<CrashStanding> {
  const campaign = new Campaign(options);
  try {
    return await campaign.run();
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const { seed, folder } = options;
    throw new Error(
      `${why}; --seed ${seed}, round ${campaign.standing.rounds}, in ${folder}`,
      { cause: thrown },
    );
  }
}

class Campaign {
  readonly standing: CrashStanding = {
    ...{ rounds: 0, kills: { serve: 0, attach: 0, both: 0 }, losses: 0 },
    ...{ sent: 0, acknowledged: 0, flushes: 0, landed: 0 },
    chores: { snapshot: 0, restore: 0, resize: 0, cutShort: 0 },
  };
  readonly #options: CrashCampaignOptions;
  readonly #history: History;
  readonly #repeated = new Set<number>();
  #cells: Int32Array;

  constructor(options: CrashCampaignOptions) {
    this.#options = options;
    this.#cells = new Int32Array(CELLS);
    this.#cells[CELLS - 1] = SIZES_MIB[0]! * 2 ** 20 / BLOCK_BYTES;
    this.#history = new History(this.#cells);
  }

  async run(): Promise<CrashStanding> {
    const { folder, rounds, heed, store } = this.#options;
    await using home = store === "bucket"
      ? await BucketHome.start(folder)
      : undefined;
    const size = `${SIZES_MIB[0]}MiB`;
    await using machines = await Machines.make(folder, { size, home });
    const chores = new Chores(machines, this.#history);
    let login = await machines.login();
    for (let round = 0; round < rounds; round++) {
      const { seed, victims } = this.#options;
      const plan = planRound({ seed, round, victims });
      const loses = home !== undefined && plan.bucket.loses;
      if (plan.chore && !home) {
        await login.session.logout();
        const killed = await chores.carryOut(plan, this.#cells);
        if (killed) await machines.start("serve");
        login = await this.#look(machines, KILLED);
      }
      // What the round begins with is not to be lost with it.
      if (loses) await machines.uploaded();
      await this.#crash(machines, { plan, login, round, loses });
      // In a bucket lies what a journal made of it: each operation is whole.
      const kept = home ? KILLED_WHOLE : KILLED;
      login = await this.#look(machines, loses ? LOST : kept);
      this.standing.rounds++;
      this.standing.chores = { ...chores.done, cutShort: chores.cutShort };
      heed?.(this.standing);
    }
    await login.session.logout();
    return this.standing;
  }

  async #crash(
    machines: Machines,
    { plan, login, round, loses }: {
      readonly plan: RoundPlan;
      readonly login: Login;
      readonly round: number;
      readonly loses: boolean;
    },
  ): Promise<void> {
    const { seed, whileDead, store } = this.#options;
    const writer = new Writer({
      ...{ session: login.session, history: this.#history, seed, round, plan },
      ...{ cells: this.#cells, repeated: this.#repeated },
    });
    const written = writer.run();
    // It is looked at below.
    written.catch(() => {});
    await Promise.race([
      writer.reached(plan.afterOperations),
      pause(ENOUGH_MS),
    ]);
    await pause(plan.thenMs + (store === "bucket" ? plan.bucket.lingerMs : 0));
    machines.check();
    await machines.kill(plan.victims);
    if (plan.victims !== "attach") {
      await whileDead?.(round, machines.volumeFolder);
    }
    if (plan.stumbleMs !== undefined) await machines.stumble(plan.stumbleMs);
    if (loses) await machines.lose();
    else await machines.start(plan.victims);
    await within(written, { what: "the session's end", timeoutMs: LATEST_MS });
    const { standing } = this;
    standing.kills[plan.victims]++;
    if (loses) standing.losses++;
    standing.sent += writer.sent;
    standing.acknowledged += writer.acknowledged;
    standing.flushes += writer.flushes;
  }

  /** Logs in, reads all and judges it. */
  async #look(machines: Machines, contract: Contract): Promise<Login> {
    const login = await machines.login();
    const { blocks } = login.disk.capacity;
    const bytes = await login.disk.read(0, blocks);
    const found = new Int32Array(CELLS);
    found.set(numbersIn(bytes, this.#options.seed));
    found[CELLS - 1] = blocks;
    this.#history.crash();
    const verdict = judge(this.#history, found, contract);
    if (verdict !== undefined) throw new Error(verdict);
    this.standing.landed +=
      this.#history.changes.filter((change) =>
        !change.acknowledged && change.isSeenIn(found)
      ).length;
    this.#history.settle(found);
    this.#cells = found;
    return login;
  }
}
