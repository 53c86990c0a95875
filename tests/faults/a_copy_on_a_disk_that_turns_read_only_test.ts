/** While a snapshot is copied the file system turns read-only: the copy ends with its reason, the node goes on, and nothing half is left. */
import { expect } from "expect";
import { snapshotBytes, snapshotsOf } from "../harness/allocated.ts";
import { exists } from "../harness/exists.ts";
import { logIn, numbered } from "../harness/disk_session.ts";
import { MountedFolder, needsExt4 } from "../harness/mounted_folder.ts";
import { start } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { within } from "../harness/until.ts";
import { startServe, Tunnel, vaultCommand } from "../harness/vault.ts";

const MIB = 2 ** 20;
const EXT4 = { type: "ext4", sizeBytes: 512 * MIB } as const;

scenario(
  "a snapshot that is copied when the disk turns read-only is none, and the node goes on",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 180_000,
  },
  async () => {
    using place = new MountedFolder(EXT4);
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "192MiB" }],
      nodeState: `${place.path}/state`,
    });
    const { node } = tunnel;
    const { session, disk } = await logIn(tunnel);
    for (let n = 0; n < 48; n++) {
      await disk.write(n * 4 * MIB / 512, numbered(4 * MIB, n));
    }
    await disk.flush();
    await using making = await start({
      ...vaultCommand(["snapshot", "create", "disk", "before"]),
      env: node.env,
      ready: () => snapshotBytes(node) > MIB / 2,
    });
    place.turnReadOnly();
    expect([
      await within(making.ended, { what: "its end", timeoutMs: 30_000 }),
      making.stderr,
    ]).toEqual([1, expect.stringContaining("Read-only file system")]);
    expect(await disk.read(0, 4 * MIB / 512)).toBeDefined();
    expect(tunnel.serve.exited).toBe(undefined);
    await session.logout();
    await tunnel.serve.stop();
    place.mend();
    tunnel.serve = await startServe(node, tunnel.servePort);
    expect(await node.json("snapshot", "list", "disk")).toEqual([]);
    // The folder itself may not have come to the disk in time.
    const snapshots = snapshotsOf(node);
    const left = exists(snapshots) ? [...Deno.readDirSync(snapshots)] : [];
    expect(left).toEqual([]);
  },
);
