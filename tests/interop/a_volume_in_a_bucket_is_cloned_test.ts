/** Clones of a volume in a real S3 store: made at once, written to beside their source, kept by it, killed, read back, and found elsewhere. */
import { expect } from "expect";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type {
  SnapshotInfo,
  VerifyResult,
  VolumeInfo,
} from "../../lib/control/operations.ts";
import type { RemoteDisk } from "../../lib/initiator/disk.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { Dice } from "../fuzz/dice.ts";
import {
  BUCKET,
  logInTo,
  objectsIn,
  STORE_KEYS,
  storeArgs,
} from "../harness/bucket_tunnel.ts";
import { Ceph } from "../harness/ceph.ts";
import { expectSame, numbered } from "../harness/disk_session.ts";
import { freePort } from "../harness/loopback.ts";
import type { Program } from "../harness/process.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, pause } from "../harness/until.ts";
import { Machine, startServe } from "../harness/vault.ts";

const PIECE_BLOCKS = 256;
const PIECE_BYTES = PIECE_BLOCKS * 512;
const PIECES = 64;
const KEPT = { "--cache": "1MiB", "--journal": "64MiB" };

/** A node without devices: its target is reached on its own loopback. */
class Node implements AsyncDisposable {
  readonly machine: Machine;
  readonly #dir: TempDir;
  readonly #port = freePort();
  readonly #target = freePort();
  #serve: Program | undefined;

  constructor(dir: TempDir, name: string) {
    this.#dir = dir;
    this.machine = new Machine(dir.at(name));
    this.machine.daemonEnv = STORE_KEYS;
  }

  async start(): Promise<void> {
    const target = ["--target", `127.0.0.1:${this.#target}`];
    this.#serve = await startServe(this.machine, this.#port, target);
  }

  async stop(signal: Deno.Signal): Promise<void> {
    await this.#serve?.stop(signal);
    this.#serve = undefined;
  }

  /** Works on a volume's disk, logged in as long as that takes. */
  async on(
    name: string,
    work: (disk: RemoteDisk) => Promise<void>,
  ): Promise<void> {
    const { iqn } = await this.show(name);
    const { session, disk } = await eventually(
      "login",
      () => logInTo(`127.0.0.1:${this.#target}`, iqn),
      { timeoutMs: 30_000 },
    );
    await work(disk);
    await session.logout();
  }

  opened(name: string): Promise<void> {
    return eventually("it is open", async () => {
      expect((await this.show(name)).health).toBe("ok");
    }, { timeoutMs: 30_000 });
  }

  show(name: string): Promise<VolumeInfo> {
    return this.machine.json<VolumeInfo>("volume", "show", name);
  }

  clone(of: string, name: string): Promise<string> {
    return this.machine.ok(...this.cloning(of, name));
  }

  cloning(of: string, name: string, store = `s3://${BUCKET}/${name}`) {
    return [
      ...["volume", "clone", of, name, "--store", store],
      ...[...Object.entries(KEPT).flat(), "--key-file", this.keyFile(name)],
    ];
  }

  keyFile(name: string): string {
    return this.#dir.at(`${name}.key`);
  }

  /** What a command is refused with. */
  async refusal(...args: string[]) {
    const env = this.#serve ? {} : STORE_KEYS;
    const { code, stderr } = await this.machine.run(args, { env });
    return [code, stderr] as const;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serve?.stop();
  }
}

async function fill(disk: RemoteDisk, whole: number): Promise<void> {
  for (let at = 0; at < PIECES; at++) {
    await disk.write(at * PIECE_BLOCKS, numbered(PIECE_BYTES, whole + at));
  }
  await disk.flush();
}

async function write(disk: RemoteDisk, at: number, number: number) {
  await disk.write(at * PIECE_BLOCKS, numbered(PIECE_BYTES, number));
  await disk.flush();
}

/** Each piece with its number and that of the whole, but for some. */
async function expectFilled(
  disk: RemoteDisk,
  whole: number,
  others: Readonly<Record<number, number>> = {},
): Promise<void> {
  for (let at = 0; at < PIECES; at++) {
    const found = await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS);
    expectSame(found, numbered(PIECE_BYTES, others[at] ?? whole + at));
  }
}

scenario(
  "clones of a volume in a bucket share what is in it, and are volumes of their own: killed, read back, deleted and found elsewhere",
  { peers, timeoutMs: 290_000 },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    await using node = new Node(dir, "node");
    await node.start();
    const { machine } = node;
    await machine.ok(
      ...["volume", "create", "photos", "--size", "64MiB"],
      ...storeArgs(ceph, "photos"),
      ...["--key-file", node.keyFile("photos"), "--download-limit", "64M"],
    );
    await node.on("photos", (disk) => fill(disk, 1000));
    await machine.ok("snapshot", "create", "photos", "then");
    await node.on("photos", (disk) => fill(disk, 2000));

    expect(await node.clone("photos@then", "try"))
      .toContain('Made volume "try" of "photos" at "then": 64 MiB, in s3://');
    const bytesOf = async (prefix: string) =>
      (await objectsIn(ceph, prefix))
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(await bytesOf("try")).toBeLessThan(32 * 1024);
    await node.on("try", async (disk) => {
      await expectFilled(disk, 1000);
      await write(disk, 3, 77);
    });
    await node.on("photos", async (disk) => {
      await expectFilled(disk, 2000);
      await write(disk, 3, 78);
    });
    const { bucket } = await node.show("try");
    expect(bucket).toMatchObject({
      clonedFrom: `s3://${BUCKET}/photos`,
      endpoint: ceph.access().endpoint,
    });
    const [then] = await machine
      .json<SnapshotInfo[]>("snapshot", "list", "photos");
    expect(then).toMatchObject({ name: "then", clones: ["try"] });
    expect(await machine.ok("snapshot", "list")).toMatch(/CLONES\s[^]*try/);

    // What stands in the way.
    for (
      const [args, code, why] of [
        [["snapshot", "delete", "photos", "then", "--yes"], 6, "has a clone"],
        [
          ["volume", "delete", "photos", "--with-bucket", "--yes"],
          ...[6, 'Volume "photos" has a clone, which reads from it: "try"'],
        ],
        [node.cloning("photos@then", "try"), 6, "already"],
        [
          node.cloning("photos@then", "two", `s3://${BUCKET}/try`),
          ...[6, "something in"],
        ],
        [
          node.cloning("photos@then", "two", "s3://other-bucket/two"),
          ...[2, "it shares what is in"],
        ],
        [node.cloning("photos@never", "two"), 3, "no snapshot"],
        [node.cloning("nothing@then", "two"), 3, "nothing"],
      ] as const
    ) {
      expect(await node.refusal(...args as string[]))
        .toEqual([code, expect.stringContaining(why as string)]);
    }
    await machine.ok("volume", "create", "plain", "--size", "1MiB");
    expect(await node.refusal(...node.cloning("plain@then", "two")))
      .toEqual([2, expect.stringContaining("is not in a bucket")]);

    // Killed, both are what they were; and while nobody serves them, neither is deleted under the other.
    await node.on("try", (disk) => write(disk, 5, 79));
    await node.stop("SIGKILL");
    await node.start();
    const mine = { 3: 77, 5: 79 };
    await node.on("try", (disk) => expectFilled(disk, 1000, mine));
    await node.on("photos", (disk) => expectFilled(disk, 2000, { 3: 78 }));
    await node.stop("SIGTERM");
    expect(
      await node.refusal(
        "volume",
        "delete",
        "photos",
        "--with-bucket",
        "--yes",
      ),
    ).toEqual([6, expect.stringContaining('"photos" has a clone')]);
    expect(await node.refusal(...node.cloning("photos@then", "two")))
      .toEqual([4, expect.stringContaining("only while the node runs")]);
    await node.start();

    // Read back, with what is not its own.
    await node.opened("try");
    expect(await machine.ok("volume", "verify", "try"))
      .toMatch(/"try" is what was written to it.*of its sources/);
    const store = new S3Bucket({
      ...{ ...ceph.access(), clock, bucket: BUCKET, prefix: "photos/" },
    });
    // The oldest data that photos has are those of the snapshot.
    const verified = async () => {
      const { stdout } = await machine
        .run(["volume", "verify", "try", "--json"], { timeoutMs: 60_000 });
      return (JSON.parse(stdout) as VerifyResult).damages;
    };
    let hurt = "";
    for (const { name, sizeBytes } of (await store.list("d/")).objects) {
      if (sizeBytes < PIECE_BYTES) continue;
      const bytes = (await store.get(name))!;
      await store.delete([name]);
      const damages = await verified();
      await store.create(name, bytes);
      if (damages.length === 0) continue;
      expect(damages).toMatchObject([{ name, prefix: "photos/" }]);
      hurt = name;
      break;
    }
    expect(hurt).not.toBe("");
    await store.close();
    expect(await verified()).toEqual([]);

    // A clone of the clone, which is found on another machine with its key alone.
    await machine.ok("snapshot", "create", "try", "later");
    await node.clone("try@later", "third");
    await node.on("try", (disk) => fill(disk, 3000));
    await node.on("third", (disk) => write(disk, 9, 80));
    await eventually("all is uploaded", async () => {
      expect((await node.show("third")).bucket?.pendingBytes).toBe(0);
    }, { timeoutMs: 60_000 });
    await using other = new Node(dir, "other");
    await other.start();
    await other.machine.ok(
      ...["volume", "recover", `s3://${BUCKET}/third`, "--name", "third"],
      ...[...storeArgs(ceph, ""), "--key-file", node.keyFile("third")],
    );
    const both = { ...mine, 9: 80 };
    await other.on("third", (disk) => expectFilled(disk, 1000, both));
    await machine.ok("volume", "delete", "third", "--yes");

    // Cut off while it is made it is there, or it is not; and then the same again makes it.
    const dice = Dice.forCase(12, 5);
    let made = 0;
    for (let round = 0; round < 4; round++) {
      const name = `cut-${round}`;
      await node.opened("photos");
      const cut = machine.run(node.cloning("photos@then", name));
      await pause(500 + dice.next(1500));
      await node.stop("SIGKILL");
      await cut;
      await node.start();
      const names = (await machine.json<VolumeInfo[]>("volume", "list"))
        .map(({ name }) => name);
      if (!names.includes(name)) continue;
      made++;
      await node.on(name, (disk) => expectFilled(disk, 1000));
      await machine.ok("volume", "delete", name, "--with-bucket", "--yes");
    }
    if (made === 0) await node.clone("photos@then", "again");

    // Each goes when nothing reads from it any more, wherever that was deleted.
    await node.opened("try");
    await node.opened("photos");
    expect(
      await node.refusal("volume", "delete", "try", "--with-bucket", "--yes"),
    )
      .toEqual([6, expect.stringContaining('"try" has a clone')]);
    await other.machine.ok(
      "volume",
      "delete",
      "third",
      "--with-bucket",
      "--yes",
    );
    await machine.ok("volume", "delete", "try", "--with-bucket", "--yes");
    expect(await objectsIn(ceph, "try")).toEqual([]);
    if (made === 0) {
      await machine.ok("volume", "delete", "again", "--with-bucket", "--yes");
    }
    const [left] = await machine
      .json<SnapshotInfo[]>("snapshot", "list", "photos");
    expect(left?.clones).toBeUndefined();
    await machine.ok("snapshot", "delete", "photos", "then", "--yes");
    await node.on("photos", (disk) => expectFilled(disk, 2000, { 3: 78 }));
    await machine.ok("volume", "delete", "photos", "--with-bucket", "--yes");
    expect(await objectsIn(ceph, "photos")).toEqual([]);
  },
);
