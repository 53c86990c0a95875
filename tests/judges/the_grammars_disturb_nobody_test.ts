/**
 * A minute's worth of `deno task fuzz`, in cases rather than in time: nothing of it disturbs a neighbour, ends a process, or goes on for ever.
 * FUZZ_SEED throws other dice, FUZZ_CASES more often.
 */
import { expect } from "expect";
import { scenario } from "../harness/scenario.ts";
import { campaign } from "../fuzz/campaign.ts";
import { inProcess, throughTunnel } from "../fuzz/ground.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 20260101);
const CASES = Number(Deno.env.get("FUZZ_CASES") ?? 1200);
const FEW_CASES = 200;

/** What the grammars must come by, else they have gone blind. */
const REACHED = [
  ...["login: accepted", "login: refused with 0x0200", "R2T"],
  ...["command: GOOD", "command: CHECK CONDITION, ILLEGAL REQUEST"],
  ...["command: RESERVATION CONFLICT", "command: CHECK CONDITION, MISCOMPARE"],
  ...["reject: reason 0x4", "reject: reason 0x9"],
];

for (
  const [where, ground, peers] of [
    ["a target in this process", () => Promise.resolve(inProcess()), []],
    ["vault serve and attach", throughTunnel, ["linux", "iscsi-ls"]],
  ] as const
) {
  scenario(`the grammars disturb nobody at ${where} (seed ${SEED})`, {
    peers,
    timeoutMs: 180_000,
  }, async () => {
    await using place = await ground();
    const { tally, turns } = await campaign({
      ground: place,
      seed: SEED,
      goesOn: (done) => done < CASES,
    });
    expect(turns).toBeGreaterThan(CASES / 10);
    expect(REACHED.filter((name) => tally.of(name) === 0)).toEqual([]);
  });
}

scenario("a neighbour that is disturbed says so, with the case", {
  timeoutMs: 60_000,
}, async () => {
  await using ground = inProcess();
  // Its disk is the one that is fuzzed.
  const shared = {
    ...ground,
    kept: ground.fuzzed,
    connectKept: ground.connectKept,
  };
  const goesOn = (done: number) => done < FEW_CASES;
  await expect(campaign({ ground: shared, seed: SEED, goesOn }))
    .rejects.toThrow(/; on the ground "process", --seed \d+ --from \d+$/);
});
