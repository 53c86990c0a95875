/**
 * A short run of `deno task crash`: kill -9 of serve, of attach, of both, and an oracle that reads all of the volume after each. CRASH_SEED throws
 * the dice again, CRASH_ROUNDS more often.
 */
import { expect } from "expect";
import { crashCampaign } from "../crash/campaign.ts";
import { runOk } from "../harness/process.ts";
import { CEPH_PEERS, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";

const ROUNDS = Number(Deno.env.get("CRASH_ROUNDS") ?? 12);
const SEED = Number(
  Deno.env.get("CRASH_SEED") ??
    crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
);
/** Each of these takes some seconds. */
const BUCKET_ROUNDS = Math.min(ROUNDS, 6);
/** Its first rounds are long ones. */
const KNOWN_SEED = 18;
const ALL = ["serve", "attach", "both"] as const;

scenario(
  `kill -9 loses nothing that was acknowledged, and leaves nothing else (seed ${SEED})`,
  { peers: ["linux"], timeoutMs: 30_000 + 10_000 * ROUNDS },
  async () => {
    using dir = new TempDir();
    const { kills, acknowledged, rounds } = await crashCampaign({
      ...{ folder: dir.path, seed: SEED, rounds: ROUNDS, victims: ALL },
    });
    expect(rounds).toBe(ROUNDS);
    expect(kills.serve + kills.attach + kills.both).toBe(ROUNDS);
    expect(acknowledged).toBeGreaterThan(10 * ROUNDS);
  },
);

scenario(
  `kill -9 and the loss of a whole machine leave a volume in a bucket at a prefix of its operations (seed ${SEED})`,
  { peers: CEPH_PEERS, timeoutMs: 60_000 + 20_000 * BUCKET_ROUNDS },
  async () => {
    using dir = new TempDir();
    const { kills, losses, acknowledged, rounds } = await crashCampaign({
      ...{ folder: dir.path, seed: SEED, rounds: BUCKET_ROUNDS },
      ...{ victims: ALL, store: "bucket" },
    });
    expect(rounds).toBe(BUCKET_ROUNDS);
    expect(kills.serve + kills.attach + kills.both).toBe(BUCKET_ROUNDS);
    expect(losses).toBeLessThan(BUCKET_ROUNDS);
    expect(acknowledged).toBeGreaterThan(10 * BUCKET_ROUNDS);
  },
);

scenario("a write that was lost is found out, with the seed", {
  peers: ["linux"],
  timeoutMs: 60_000,
}, async () => {
  using dir = new TempDir();
  const before = dir.at("before");
  const campaign = crashCampaign({
    ...{ folder: dir.path, seed: KNOWN_SEED, rounds: 3, victims: ["serve"] },
    // In the second round the volume's files are those of the first again.
    whileDead: async (round, volumeFolder) => {
      const copy = { command: "cp", args: ["-a", volumeFolder, before] };
      if (round === 0) await runOk(copy);
      if (round !== 1) return;
      Deno.removeSync(volumeFolder, { recursive: true });
      Deno.renameSync(before, volumeFolder);
    },
  });
  await expect(campaign).rejects.toThrow(
    new RegExp(
      `^Block \\d+ holds .*; --seed ${KNOWN_SEED}, round 1, in ${dir.path}`,
    ),
  );
});
