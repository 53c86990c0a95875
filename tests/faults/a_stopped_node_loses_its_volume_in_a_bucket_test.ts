/**
 * Two nodes and one volume in a real S3 store: the first is stopped where it stands, the second takes the volume and writes to it, and the
 * first goes on as if nothing were. It stops itself and says so, and nothing that it writes then is ever in the volume.
 */
import { expect } from "expect";
import type { VerifyResult, VolumeInfo } from "../../lib/control/operations.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  type DiskSession,
  expectSame,
  logIn,
  numbered,
} from "../harness/disk_session.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, until } from "../harness/until.ts";
import { type Machine, Tunnel } from "../harness/vault.ts";

const BUCKET = "vault-test";
const KEYS = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
const PIECE_BLOCKS = 256;
const PIECES = 16;

const piece = (number: number) => numbered(PIECE_BLOCKS * 512, number);

async function write(
  { disk }: Pick<DiskSession, "disk">,
  numbers: ReadonlyMap<number, number>,
): Promise<void> {
  for (const [at, number] of numbers) {
    await disk.write(at * PIECE_BLOCKS, piece(number));
  }
  await disk.flush();
}

async function expectThere(
  { disk }: Pick<DiskSession, "disk">,
  numbers: ReadonlyMap<number, number>,
): Promise<void> {
  for (const [at, number] of numbers) {
    expectSame(await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS), piece(number));
  }
}

/** Each place with its own number. */
function numbersFrom(first: number): Map<number, number> {
  return new Map(Array.from({ length: PIECES }, (_, n) => [n, first + n]));
}

const show = (node: Machine) =>
  node.json<VolumeInfo>("volume", "show", "photos");

async function uploaded(node: Machine): Promise<void> {
  await eventually("all is uploaded", async () => {
    expect((await show(node)).bucket?.pendingBytes).toBe(0);
  }, { timeoutMs: 60_000 });
}

scenario(
  "a node that was stopped while another took its volume stops itself, and adds nothing to it",
  {
    peers,
    timeoutMs: 170_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    const url = `s3://${BUCKET}/photos`;
    const reach = [
      ...["--endpoint", ceph.access().endpoint, "--cache", "1MiB"],
      ...["--journal", "64MiB", "--key-file", dir.at("key")],
    ];
    const has = (...command: string[]) =>
      Tunnel.open({
        ...{ volumes: [], attached: "photos", serveEnv: KEYS },
        prepare: async (node) => {
          await node.ok("volume", ...command, ...reach);
        },
      });
    const recovered = () => has("recover", url, "--name", "photos");
    await using first = await has(
      ...["create", "photos", "--size", "64MiB", "--store", url],
    );
    const before = await logIn(first);
    await write(before, numbersFrom(100));
    await uploaded(first.node);
    // Acknowledged, and most likely not uploaded when it is stopped.
    await write(before, new Map([[0, 200]]));
    first.serve.signal("SIGSTOP");

    await using second = await recovered();
    const { node } = second;
    const taken = await logIn(second);
    const after = numbersFrom(300);
    await write(taken, after);

    // It goes on with what it had under way, and somebody still writes to it.
    first.serve.signal("SIGCONT");
    const rest = (async () => {
      for (let number = 400;; number++) {
        await before.disk.write(number % PIECES * PIECE_BLOCKS, piece(number));
        await before.disk.flush();
      }
    })();
    await expect(rest).rejects.toThrow();
    await until(
      "it says why",
      async () =>
        /Another node has had this volume since/
          .test((await show(first.node)).health),
      { timeoutMs: 40_000 },
    );
    expect(await first.node.ok("status")).toContain("Another node has had");
    // It is written down when it looks the next time, every 15 s.
    await until("it is written down", async () => {
      const lost = await first.node.ok("audit", "--kind", "volume-lost");
      return lost.includes("photos");
    }, { timeoutMs: 20_000 });

    // The second goes on undisturbed, and what it reads from the store is its own.
    after.set(3, 500);
    await write(taken, new Map([[3, 500]]));
    await expectThere(taken, after);
    await uploaded(node);
    expect((await show(node)).health).toBe("ok");
    const checked = await node
      .json<VerifyResult>("volume", "verify", "photos");
    expect(checked).toMatchObject({ damages: [], missingClaims: [] });
    await taken.session.logout();
    await second.serve.stop("SIGTERM");

    // So does a third, who has nothing but the bucket.
    await using third = await recovered();
    const there = await logIn(third);
    await expectThere(there, after);
    await there.session.logout();
  },
);
