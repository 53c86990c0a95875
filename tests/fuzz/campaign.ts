/** Many cases one after the other on one ground, with a neighbour who must notice nothing. */
import { until } from "../harness/until.ts";
import { fuzzOnce } from "./cases.ts";
import { Dice } from "./dice.ts";
import type { Ground } from "./ground.ts";
import { Keeper } from "./keeper.ts";
import { Tally } from "./tally.ts";

export interface CampaignOptions {
  readonly ground: Ground;
  readonly seed: number;
  /** The number of the first case; 0 unless one is thrown again. */
  readonly from?: number;
  /** Whether another case is to follow `done` of them. */
  readonly goesOn: (done: number) => boolean;
  /** Told after every case. */
  readonly heed?: (so: Standing) => void;
}

/** How it stands. */
export interface Standing {
  readonly cases: number;
  readonly tally: Tally;
  /** What the neighbour has written, read and compared, and the longest that this has taken. */
  readonly turns: number;
  readonly slowestMs: number;
}

/** What is said to a connection that we have cut ends this long after at the latest. */
const QUIET_MS = 60_000;

/** Runs cases until it is enough. @throws what must not have come of one, with the seed and the case that it takes to see it again */
export async function campaign(options: CampaignOptions): Promise<Standing> {
  const { ground, seed, from = 0, goesOn, heed } = options;
  const tally = new Tally();
  const keeper = await Keeper.start({
    duplex: await ground.connectKept(),
    targetName: ground.kept,
    seed,
  });
  const quiet = ground.conversations();
  const standing = (cases: number): Standing => {
    const { turns, slowestMs } = keeper;
    return { cases, tally, turns, slowestMs };
  };
  let done = 0;
  try {
    for (; goesOn(done); done++) {
      await fuzzOnce(Dice.forCase(seed, from + done), { ground, tally });
      keeper.check();
      ground.check();
      heed?.(standing(done + 1));
    }
    await until("every conversation has ended", () => {
      ground.check();
      return ground.conversations() <= quiet;
    }, { timeoutMs: QUIET_MS, everyMs: 50 });
    await keeper.stop();
  } catch (error) {
    await keeper.stop().catch(() => {});
    const again = `on the ground "${ground.name}", --seed ${seed} --from ${
      from + done
    }`;
    throw new Error(
      `${error instanceof Error ? error.message : error}; ${again}`,
      {
        cause: error,
      },
    );
  }
  return standing(done);
}
