/** A sync fails once, and from then on the disk is as good as new: the volume stays failed all the same, for what was lost is not known. */
import { expect } from "expect";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import {
  expectSame,
  logIn,
  logInAgain,
  numbered,
  senseOf,
} from "../harness/disk_session.ts";
import { FailingSync } from "../harness/failing_sync.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { startServe, Tunnel } from "../harness/vault.ts";

const MIB = 2 ** 20;
const BLOCKS_PER_MIB = MIB / 512;
const WRITE_ERROR = "3 0c00";
const WRITE_PROTECTED = "7 2700";

scenario(
  "after a sync that failed nothing is acknowledged any more, and nothing acknowledged is lost",
  {
    peers: ["linux", "gcc"],
    timeoutMs: 120_000,
  },
  async () => {
    using dir = new TempDir();
    const syncs = await FailingSync.make(dir, ".journal");
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
      serveEnv: syncs.env,
    });
    const { node } = tunnel;
    const show = () => node.json<VolumeInfo>("volume", "show", "disk");
    let { session, disk } = await logIn(tunnel);
    const before = syncs.syncs;
    await disk.write(0, numbered(MIB, 1));
    await disk.flush();
    // The library is in the way of the real thing.
    expect(syncs.syncs).toBe(before + 1);

    await disk.write(0, numbered(MIB, 2));
    await disk.write(BLOCKS_PER_MIB, numbered(MIB, 3));
    syncs.begin();
    // Several at once share the sync, and its fate.
    const flushes = await Promise.all(
      [1, 2, 3].map(() => senseOf(disk.flush())),
    );
    expect(flushes).toEqual([WRITE_ERROR, WRITE_ERROR, WRITE_ERROR]);
    syncs.end();
    const failed = syncs.syncs;

    // The disk would take it now. Nobody asks it any more.
    for (let turn = 0; turn < 3; turn++) {
      expect(await senseOf(disk.flush())).toBe(WRITE_ERROR);
      expect(await senseOf(disk.write(0, numbered(MIB, 4))))
        .toBe(WRITE_PROTECTED);
    }
    const fua = await session.command({
      lun: 0,
      // WRITE (10) with FUA of one block.
      cdb: Uint8Array.of(0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1, 0),
      dataOut: new Uint8Array(512),
    });
    expect(fua.status).toBe(2);
    expect(syncs.syncs).toBe(failed);
    expect((await show()).health).toMatch(
      /^failed: Could not sync: .*Input\/output error/,
    );
    expect((await node.run(["status"])).stderr).toMatch(
      /takes no more writes.*Input\/output error/,
    );
    expectSame(await disk.read(0, BLOCKS_PER_MIB), numbered(MIB, 2));
    await session.logout();

    // Nor when it ends: it says that it could not.
    expect(await tunnel.serve.stop()).toBe(1);
    expect(tunnel.serve.stderr).toContain("the volume failed before");
    expect(syncs.syncs).toBe(failed);

    node.daemonEnv = {};
    tunnel.serve = await startServe(node, tunnel.servePort);
    expect((await show()).health).toBe("ok");
    ({ session, disk } = await logInAgain(tunnel));
    // What was flushed, or what came over it and was not: each block one of the two, and none of what was refused.
    const found = await disk.read(0, BLOCKS_PER_MIB);
    const [flushed, later] = [numbered(MIB, 1), numbered(MIB, 2)];
    for (let at = 0; at < MIB; at += 512) {
      const block = found.subarray(at, at + 512);
      const either = [flushed, later].some((one) =>
        one.subarray(at, at + 512).every((byte, n) => byte === block[n])
      );
      expect([at, either]).toEqual([at, true]);
    }
    await disk.write(0, numbered(MIB, 5));
    await disk.flush();
    await session.logout();
  },
);
