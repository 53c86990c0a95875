/** Snapshots of a volume in a real S3 store: made in use, listed, looked at beside a writer, put back, let go, and found on another machine. */
import { expect } from "expect";
import type { SnapshotInfo } from "../../lib/control/operations.ts";
import { Dice } from "../fuzz/dice.ts";
import {
  BUCKET,
  logInTo,
  objectsIn,
  openBucketTunnel,
  showPhotos,
  STORE_KEYS,
  storeArgs,
} from "../harness/bucket_tunnel.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  type DiskSession,
  expectSame,
  logIn,
  logInAgain,
  numbered,
} from "../harness/disk_session.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { CEPH_PEERS, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, pause, until } from "../harness/until.ts";
import {
  enrol,
  Machine,
  startAttach,
  startServe,
  type Tunnel,
} from "../harness/vault.ts";

const BLOCK = 512;
const PIECE_BLOCKS = 256;
const PIECES = 64;
const MIB = 1024 * 1024;

type Disk = DiskSession["disk"];

const bytesOf = (number: number) => numbered(PIECE_BLOCKS * BLOCK, number);

/** Each piece of the disk written with its number and that of the whole. */
async function fill(disk: Disk, whole: number): Promise<void> {
  for (let at = 0; at < PIECES; at++) {
    await disk.write(at * PIECE_BLOCKS, bytesOf(whole + at));
  }
  await disk.flush();
}

async function expectFilled(disk: Disk, whole: number): Promise<void> {
  for (let at = 0; at < PIECES; at++) {
    const found = await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS);
    expectSame(found, bytesOf(whole + at));
  }
}

const snapshotsOf = async (node: Machine) =>
  await node.json<SnapshotInfo[]>("snapshot", "list", "photos");

/** Looks at the volume through an attachment of its own. */
async function seen(
  device: Machine,
  args: readonly string[],
  look: (disk: Disk) => Promise<void>,
): Promise<void> {
  const portalPort = freePort();
  await using _attach = await startAttach(device, "photos", {
    portalPort,
    args,
  });
  const portal = `127.0.0.1:${portalPort}`;
  const { iqn } = await onlyDisk(portal);
  const { session, disk } = await logInTo(portal, iqn);
  await look(disk);
  await expect(disk.write(0, bytesOf(1))).rejects.toThrow();
  await session.logout();
}

/** On a busy machine it takes its time. */
async function uploaded(node: Machine): Promise<void> {
  await eventually("all is uploaded", async () => {
    expect((await showPhotos(node)).bucket?.pendingBytes).toBe(0);
  }, { timeoutMs: 60_000 });
}

async function restore(node: Machine, name: string): Promise<void> {
  const said = await node.ok("snapshot", "restore", "photos", name, "--yes");
  expect(said).toContain('Volume "photos" is again what it was at');
}

async function startAgain(tunnel: Tunnel): Promise<DiskSession> {
  await tunnel.serve.stop("SIGKILL");
  tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
  return await logInAgain(tunnel);
}

scenario(
  "snapshots of a volume in a bucket are what it was, beside a writer, after kill -9 and on another machine",
  {
    peers: [...CEPH_PEERS, "iscsi-ls"],
    timeoutMs: 290_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    const keyFile = dir.at("photos.key");
    await using tunnel = await openBucketTunnel(ceph, {
      ...{ prefix: "photos", keyFile },
    });
    const { node } = tunnel;
    let { session, disk } = await logIn(tunnel);
    await fill(disk, 1000);
    expect(await node.ok("snapshot", "create", "photos", "first"))
      .toContain(
        'Made snapshot "first" of volume "photos": 64 MiB, 8 MiB used.',
      );
    await fill(disk, 2000);
    // While it is written to.
    const writing = fill(disk, 2000);
    await node.ok("snapshot", "create", "photos", "second");
    await writing;
    const again = await node.run(["snapshot", "create", "photos", "second"]);
    expect([again.code, again.stderr]).toEqual([
      6,
      expect.stringContaining('There is already a snapshot "second"'),
    ]);
    expect((await snapshotsOf(node)).map(({ name }) => name))
      .toEqual(["first", "second"]);

    // Beside the writer, who goes on meanwhile.
    const reader = new Machine(dir.at("reader"));
    await enrol({
      node,
      device: reader,
      name: "desktop",
      port: tunnel.servePort,
    });
    await seen(reader, ["--snapshot", "first"], async (then) => {
      await fill(disk, 3000);
      await expectFilled(then, 1000);
    });
    await uploaded(node);
    // As an image, which is fetched from the store.
    const image = dir.at("first.img");
    const named = ["--snapshot", "first"];
    const qcow = ["volume", "export", "photos", image, "--format", "qcow2"];
    expect((await node.run(qcow)).stderr).toContain("as a raw image only");
    const exported = await node.run(
      ["volume", "export", "photos", image, ...named],
      { env: STORE_KEYS },
    );
    expect([exported.code, exported.stderr]).toEqual([0, expect.anything()]);
    const bytes = await Deno.readFile(image);
    expect(bytes.length).toBe(64 * MIB);
    for (let at = 0; at < PIECES; at++) {
      const offset = at * PIECE_BLOCKS * BLOCK;
      const piece = bytes.subarray(offset, offset + PIECE_BLOCKS * BLOCK);
      expectSame(piece, bytesOf(1000 + at));
    }
    expect((await snapshotsOf(node)).map(({ name }) => name))
      .toEqual(["first", "second"]);
    // What is not uploaded yet is shown, too.
    await disk.write(0, bytesOf(3000));
    await seen(reader, ["--read-only"], async (now) => {
      await expectFilled(now, 3000);
      await fill(disk, 4000);
      await expectFilled(now, 3000);
    });
    await expectFilled(disk, 4000);

    // Not under somebody's hands.
    const inUse = await node.run([
      ...["snapshot", "restore", "photos", "first", "--yes"],
    ]);
    expect([inUse.code, inUse.stderr]).toEqual([
      6,
      expect.stringContaining("is in use"),
    ]);
    await session.logout();
    await node.ok("volume", "resize", "photos", "96MiB");
    await node.ok("snapshot", "create", "photos", "large");
    await restore(node, "first");
    expect((await showPhotos(node)).sizeBytes).toBe(64 * MIB);
    ({ session, disk } = await logInAgain(tunnel));
    expect(disk.capacity.blocks * BLOCK).toBe(64 * MIB);
    await expectFilled(disk, 1000);
    await disk.write(0, bytesOf(77));
    await disk.flush();
    ({ session, disk } = await startAgain(tunnel));
    expectSame(await disk.read(0, PIECE_BLOCKS), bytesOf(77));
    expectSame(
      await disk.read(PIECE_BLOCKS, PIECE_BLOCKS),
      bytesOf(1001),
    );

    // Killed in the middle it is one of the two, of that one's size.
    const dice = Dice.forCase(11, 1);
    for (let round = 0; round < 3; round++) {
      await session.logout();
      const [name, bytes] = round % 2 === 0
        ? ["large", 96 * MIB]
        : ["first", 64 * MIB];
      const cut = node.run([...[
        "snapshot",
        "restore",
        "photos",
        name,
        "--yes",
      ]]);
      await pause(300 + dice.next(900));
      ({ session, disk } = await startAgain(tunnel));
      await cut;
      if ((await showPhotos(node)).sizeBytes !== bytes) {
        await session.logout();
        await restore(node, name);
        ({ session, disk } = await logInAgain(tunnel));
      }
      expect(disk.capacity.blocks * BLOCK).toBe(bytes);
      await expectFilled(disk, name === "large" ? 4000 : 1000);
    }

    // What only a snapshot kept goes with it.
    const bytesIn = async () =>
      (await objectsIn(ceph, "photos"))
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await fill(disk, 5000);
    await uploaded(node);
    const before = await bytesIn();
    for (const name of ["first", "second"]) {
      expect(await node.ok("snapshot", "delete", "photos", name, "--yes"))
        .toContain(`Deleted snapshot "${name}" of volume "photos".`);
    }
    const none = await node.run([
      ...["snapshot", "delete", "photos", "first", "--yes"],
    ]);
    expect(none.code).toBe(3);
    await until("their room is given back", async () => {
      await node.ok("snapshot", "create", "photos", "passing");
      await node.ok("snapshot", "delete", "photos", "passing", "--yes");
      return await bytesIn() < before - 12 * MIB;
    }, { timeoutMs: 60_000 });
    expect((await snapshotsOf(node)).map(({ name }) => name)).toEqual([
      "large",
    ]);
    await expectFilled(disk, 5000);

    // Another machine, with the key alone.
    await uploaded(node);
    const other = new Machine(dir.at("other"));
    other.daemonEnv = STORE_KEYS;
    const [port, target] = [freePort(), freePort()];
    await using _serve = await startServe(other, port, [
      ...["--target", `127.0.0.1:${target}`],
    ]);
    await other.ok(
      ...["volume", "recover", `s3://${BUCKET}/photos`, "--name", "photos"],
      ...[...storeArgs(ceph, ""), "--key-file", keyFile],
    );
    expect((await snapshotsOf(other)).map(({ name }) => name)).toEqual([
      "large",
    ]);
    await restore(other, "large");
    const { iqn, sizeBytes } = await showPhotos(other);
    expect(sizeBytes).toBe(96 * MIB);
    const there = await logInTo(`127.0.0.1:${target}`, iqn);
    await expectFilled(there.disk, 4000);
    await there.session.logout();
  },
);
