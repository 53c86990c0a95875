/** The node's file system turns read-only under load, as ext4 does when it finds itself damaged: the volume fails and says so, reads go on. */
import { expect } from "expect";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import {
  expectSame,
  logIn,
  logInAgain,
  numbered,
  senseOf,
} from "../harness/disk_session.ts";
import { MountedFolder, needsExt4 } from "../harness/mounted_folder.ts";
import { scenario } from "../harness/scenario.ts";
import { within } from "../harness/until.ts";
import { startServe, Tunnel } from "../harness/vault.ts";

const MIB = 2 ** 20;
const BLOCKS_PER_MIB = MIB / 512;
const EXT4 = { type: "ext4", sizeBytes: 64 * MIB } as const;
const WRITE_ERROR = "3 0c00";
const WRITE_PROTECTED = "7 2700";

scenario(
  "a disk that turns read-only fails its volume, which reads on and has all that was flushed when it is mended",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 180_000,
  },
  async () => {
    using place = new MountedFolder(EXT4);
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
      nodeState: `${place.path}/state`,
    });
    const { node } = tunnel;
    const show = () => node.json<VolumeInfo>("volume", "show", "disk");
    let { session, disk } = await logIn(tunnel);
    await disk.write(0, numbered(4 * MIB, 7));
    await disk.flush();

    // In the midst of writes, of which some are answered and some refused.
    const load = Array.from(
      { length: 24 },
      (_, n) =>
        senseOf(disk.write((8 + n % 4) * BLOCKS_PER_MIB, numbered(MIB, n))),
    );
    place.turnReadOnly();
    for (const refusal of await Promise.all(load)) {
      expect([undefined, WRITE_ERROR, WRITE_PROTECTED]).toContain(refusal);
    }
    // By now one of them was, or the next is.
    await senseOf(disk.write(8 * BLOCKS_PER_MIB, numbered(MIB, 1)));
    expect(await senseOf(disk.write(8 * BLOCKS_PER_MIB, numbered(MIB, 1))))
      .toBe(WRITE_PROTECTED);
    for (let turn = 0; turn < 3; turn++) {
      expect(await senseOf(disk.flush())).toBe(WRITE_ERROR);
    }
    expectSame(await disk.read(0, 4 * BLOCKS_PER_MIB), numbered(4 * MIB, 7));
    expect((await show()).health).toMatch(
      /^failed: Could not (write|sync): .*Read-only file system/,
    );
    expect((await node.run(["status"])).stderr).toMatch(
      /takes no more writes.*Read-only file system/,
    );
    const doctor = await node.run(["doctor"]);
    expect(doctor.stdout + doctor.stderr).toContain("Look after the disk");
    // What would change the node is refused, and it goes on.
    const invited = await node.run([
      "invite",
      "x",
      "--advertise",
      "127.0.0.1:1",
    ]);
    expect([invited.code, invited.stderr]).toEqual([
      1,
      expect.stringMatching(/read-only file system/i),
    ]);
    expect(await node.ok("devices")).not.toContain("invited");
    expect(tunnel.serve.exited).toBe(undefined);

    // It ends, in time, and says that it could not flush.
    await session.logout();
    tunnel.serve.signal("SIGTERM");
    const code = await within(tunnel.serve.ended, {
      what: "the end of serve",
      timeoutMs: 15_000,
    });
    expect([code, tunnel.serve.stderr]).toEqual([
      1,
      expect.stringContaining("the volume failed before"),
    ]);
    place.mend();
    tunnel.serve = await startServe(node, tunnel.servePort);
    expect((await show()).health).toBe("ok");
    ({ session, disk } = await logInAgain(tunnel));
    expectSame(await disk.read(0, 4 * BLOCKS_PER_MIB), numbered(4 * MIB, 7));
    await disk.write(8 * BLOCKS_PER_MIB, numbered(MIB, 3));
    await disk.flush();
    await session.logout();
  },
);
