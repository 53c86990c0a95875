/**
 * A volume in a store that keeps no If-None-Match: refused unless one insists, killed and opened again, kept from a second node, taken by a third,
 * and lost to whoever had it.
 */
import { expect } from "expect";
import { conformance } from "../../lib/bucket/conformance.ts";
import { LeasedBucket } from "../../lib/bucket/leased_bucket.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type { VerifyResult, VolumeInfo } from "../../lib/control/operations.ts";
import type { RemoteDisk } from "../../lib/initiator/disk.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import {
  BUCKET,
  logInTo,
  objectsIn,
  STORE_KEYS,
  storeArgs,
} from "../harness/bucket_tunnel.ts";
import { CarelessStore } from "../harness/careless_store.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  type DiskSession,
  expectSame,
  numbered,
} from "../harness/disk_session.ts";
import { freePort } from "../harness/loopback.ts";
import { exists } from "../harness/exists.ts";
import { type Program, runOk, start } from "../harness/process.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, until } from "../harness/until.ts";
import { Machine, startServe, vaultCommand } from "../harness/vault.ts";

const UNSAFE = "--unsafe-no-conditional-put";
const PIECE_BLOCKS = 256;
const PIECE_BYTES = PIECE_BLOCKS * 512;

/** A node whose target is reached on its own loopback. */
class Node implements AsyncDisposable {
  readonly machine: Machine;
  readonly #port = freePort();
  readonly #target = freePort();
  #serve: Program | undefined;

  constructor(state: string) {
    this.machine = new Machine(state);
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

  show(): Promise<VolumeInfo> {
    return this.machine.json<VolumeInfo>("volume", "show", "photos");
  }

  async logIn(): Promise<DiskSession> {
    const { iqn } = await this.show();
    return await logInTo(`127.0.0.1:${this.#target}`, iqn);
  }

  /** Resolves when it says so, and gives how long that took. */
  async says(health: RegExp, timeoutMs: number): Promise<number> {
    const begun = performance.now();
    await eventually(`it says ${health}`, async () => {
      expect((await this.show()).health).toMatch(health);
    }, { timeoutMs });
    return performance.now() - begun;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop("SIGKILL");
  }
}

async function expectPieces(disk: RemoteDisk, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const found = await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS);
    expectSame(found, numbered(PIECE_BYTES, at + 1));
  }
}

/** An import there that is killed, and goes on where it was; and a clone of what it has made. */
async function importAndClone(
  node: Machine,
  { ceph, careless, dir }: {
    readonly ceph: Ceph;
    readonly careless: CarelessStore;
    readonly dir: TempDir;
  },
): Promise<void> {
  const image = dir.at("small.img");
  Deno.writeFileSync(image, numbered(2 * 1024 * 1024, 5));
  const importing = (...more: string[]) => [
    ...["volume", "import", image, "--name", "small"],
    ...[...storeArgs(ceph, "small", careless.port), ...more],
  ];
  const env = STORE_KEYS;
  const note = `${node.state}/node/imports/small/import.json`;
  await using program = await start({
    ...vaultCommand(importing(UNSAFE, "--upload-limit", "1k")),
    env: { ...node.env, ...env },
    ready: () => exists(note),
  });
  await program.stop("SIGKILL");
  const otherwise = await node.run(importing(), { env });
  expect(otherwise.code).toBe(6);
  expect(otherwise.stderr).toContain(`was begun with ${UNSAFE}`);
  const made = await node.run(importing(UNSAFE), { env, timeoutMs: 90_000 });
  expect(made).toMatchObject({ code: 0 });
  expect(made.stderr).toContain("does not keep a second writer off");

  await node.ok("snapshot", "create", "small", "then");
  const cloned = await node.ok(
    ...["volume", "clone", "small@then", "try"],
    ...["--store", `s3://${BUCKET}/try`, "--journal", "64MiB"],
  );
  expect(cloned).toContain("Made volume");
  expect(await node.ok("volume", "show", "try")).toContain("a lease object");
  expect(await objectsIn(ceph, "try"))
    .toContainEqual(expect.objectContaining({ name: "lease" }));
  const { damages } = await node
    .json<VerifyResult>("volume", "verify", "try");
  expect(damages).toEqual([]);
  for (const name of ["try", "small"]) {
    await node.ok("volume", "delete", name, "--with-bucket", "--yes");
    expect(await objectsIn(ceph, name)).toEqual([]);
  }
}

scenario(
  "where the store keeps no condition, a volume is made on demand alone, and a lease keeps other nodes off it",
  { peers, timeoutMs: 240_000 },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    await using careless = new CarelessStore(ceph);
    using dir = new TempDir();
    const keyFile = dir.at("photos.key");
    await using first = new Node(dir.at("first"));
    await first.start();
    const create = (port: number, ...more: string[]) =>
      first.machine.run([
        ...["volume", "create", "photos", "--size", "64MiB"],
        ...["--key-file", keyFile, ...storeArgs(ceph, "photos", port), ...more],
      ]);
    const refused = await create(careless.port);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("a second write replaced the first");
    expect(refused.stderr).toContain(UNSAFE);
    expect(careless.dropped).toBeGreaterThan(1);
    const needless = await create(ceph.port, UNSAFE);
    expect(needless.code).toBe(2);
    expect(needless.stderr).toContain("This store keeps If-None-Match");
    expect(await objectsIn(ceph, "photos")).toEqual([]);

    const made = await create(careless.port, UNSAFE);
    expect(made).toMatchObject({ code: 0 });
    expect(made.stderr).toContain("does not keep a second writer off");
    const shown = await first.machine.ok("volume", "show", "photos");
    expect(shown).toMatch(/fence +a lease object \(--unsafe-no-conditional/);
    expect(await first.machine.ok("volume", "list")).toContain("lease");
    expect(await first.machine.ok("status")).toContain("fence: a lease object");

    // Killed, it is opened when nobody else can have it.
    const { disk } = await first.logIn();
    for (let at = 0; at < 8; at++) {
      await disk.write(at * PIECE_BLOCKS, numbered(PIECE_BYTES, at + 1));
    }
    await disk.flush();
    await until("something is uploaded", async () => {
      const { bucket } = await first.show();
      return (bucket?.uploadedBytes ?? 0) > 8 * PIECE_BYTES;
    }, { timeoutMs: 20_000 });
    await disk.write(8 * PIECE_BLOCKS, numbered(PIECE_BYTES, 9));
    await disk.flush();
    await first.stop("SIGKILL");
    await first.start();
    await first.says(/not served: it is made sure that no other node/, 10_000);
    const meanwhile = importAndClone(first.machine, { ceph, careless, dir });
    // It is looked at in the end.
    meanwhile.catch(() => {});
    expect(await first.says(/^ok$/, 70_000)).toBeGreaterThan(35_000);
    const again = await first.logIn();
    await expectPieces(again.disk, 9);
    await until("all is uploaded", async () => {
      return (await first.show()).bucket?.pendingBytes === 0;
    }, { timeoutMs: 20_000 });

    await meanwhile;

    // One that knows all that the first does is refused, and leaves it alone.
    await runOk({
      command: "cp",
      args: ["-a", dir.at("first"), dir.at("second")],
    });
    await using second = new Node(dir.at("second"));
    await second.start();
    await using third = new Node(dir.at("third"));
    await third.start();
    const recover = (...more: string[]) =>
      third.machine.run([
        ...["volume", "recover", `s3://${BUCKET}/photos`, "--name", "photos"],
        ...["--key-file", keyFile, ...storeArgs(ceph, "", careless.port)],
        ...more,
      ], { timeoutMs: 90_000 });
    const unguarded = await recover();
    expect(unguarded.code).toBe(2);
    expect(unguarded.stderr).toContain(UNSAFE);
    await second.says(/not served: Another node holds the lease/, 25_000);
    await second.stop("SIGKILL");
    expect((await first.show()).health).toBe("ok");

    // A third takes it.
    const taking = recover(UNSAFE);
    await first.says(/Another node has taken the lease of this volume/, 40_000);
    await expect(again.disk.write(0, numbered(PIECE_BYTES, 99))).rejects
      .toThrow();
    await expectPieces(again.disk, 9);
    expect(await first.machine.ok("audit")).toContain("volume lost");
    expect(await taking).toMatchObject({ code: 0 });
    expect((await third.show()).health).toBe("ok");
    const there = await third.logIn();
    await expectPieces(there.disk, 9);
    await there.disk.write(0, numbered(PIECE_BYTES, 1));
    await there.disk.flush();
    await there.session.logout();
    const { damages } = await third.machine
      .json<VerifyResult>("volume", "verify", "photos");
    expect(damages).toEqual([]);

    // Ended in good order, it is opened again in a moment; deleted, nothing is left.
    await third.stop("SIGTERM");
    await third.start();
    expect(await third.says(/^ok$/, 20_000)).toBeLessThan(15_000);
    const deleting = ["volume", "delete", "photos", "--with-bucket", "--yes"];
    const deleted = await third.machine.run(deleting, { env: STORE_KEYS });
    expect(deleted).toMatchObject({ code: 0 });
    expect(await objectsIn(ceph, "photos")).toEqual([]);
  },
);

scenario("the bucket's contract is kept under a lease in a real store", {
  peers,
  timeoutMs: 120_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  await using careless = new CarelessStore(ceph);
  let prefixes = 0;
  const make = () => {
    const s3 = new S3Bucket({
      ...{ ...ceph.access(careless.port), clock, bucket: BUCKET },
      prefix: `run-${prefixes++}/`,
    });
    return new LeasedBucket(s3, { clock, primitives, claiming: "new" });
  };
  const options = { histories: 3, largestBytes: 1024 * 1024 };
  for (const { name, check } of conformance(make, options)) {
    try {
      await check();
    } catch (error) {
      throw new Error(`It does not hold that ${name}`, { cause: error });
    }
  }
  expect(prefixes).toBeGreaterThan(10);
});
