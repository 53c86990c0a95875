/** The disk fills up while something large is copied: there is no such snapshot and no such volume, and with room again the same command does it. */
import { expect } from "expect";
import { freeBytes } from "../../lib/os/free_space.ts";
import {
  allocatedBytes,
  snapshotBytes,
  snapshotsOf,
} from "../harness/allocated.ts";
import { expectSame, logIn, numbered } from "../harness/disk_session.ts";
import { MountedFolder, needsExt4 } from "../harness/mounted_folder.ts";
import { runOk, start } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { within } from "../harness/until.ts";
import { Tunnel, vaultCommand } from "../harness/vault.ts";

const MIB = 2 ** 20;
const EXT4 = { type: "ext4", sizeBytes: 512 * MIB } as const;
const DATA_MIB = 192;

/** Takes all room but a few MiB, at once. */
async function fillUp(place: MountedFolder): Promise<void> {
  const size = (freeBytes(place.path) ?? 0) - 8 * MIB;
  await runOk({
    command: "fallocate",
    args: ["-l", String(size), `${place.path}/filler`],
  });
}

/** Runs `vault` with `words`, and lets the disk fill up once it has copied something. */
async function runIntoFullDisk(
  tunnel: Tunnel,
  place: MountedFolder,
  what: { readonly words: readonly string[]; readonly copied: () => number },
): Promise<void> {
  await using copying = await start({
    ...vaultCommand(what.words),
    env: tunnel.node.env,
    ready: () => what.copied() > MIB,
  });
  await fillUp(place);
  const code = await within(copying.ended, {
    what: copying.words,
    timeoutMs: 30_000,
  });
  expect([code, copying.stderr]).toEqual([
    1,
    expect.stringMatching(/No space left|room/),
  ]);
}

scenario(
  "a snapshot and an import that run out of room leave nothing half done, and work when there is room",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 180_000,
  },
  async () => {
    using place = new MountedFolder(EXT4);
    using dir = new TempDir();
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: `${DATA_MIB}MiB` }],
      nodeState: `${place.path}/state`,
    });
    const { node } = tunnel;
    const { session, disk } = await logIn(tunnel);
    const image = dir.at("image.raw");
    for (let n = 0; n < DATA_MIB / 4; n++) {
      const bytes = numbered(4 * MIB, n);
      await disk.write(n * 8192, bytes);
      Deno.writeFileSync(image, bytes, { append: true });
    }
    await disk.flush();

    await runIntoFullDisk(tunnel, place, {
      words: ["snapshot", "create", "disk", "before"],
      copied: () => snapshotBytes(node),
    });
    expect(await node.json("snapshot", "list", "disk")).toEqual([]);
    expect([...Deno.readDirSync(snapshotsOf(node))]).toEqual([]);
    // The disk is as it was, and takes what it has room for.
    expectSame(await disk.read(8192, 8192), numbered(4 * MIB, 1));
    await disk.write(8192, numbered(4 * MIB, 1));
    await disk.flush();
    Deno.removeSync(`${place.path}/filler`);
    await node.ok("snapshot", "create", "disk", "before");
    await node.ok("snapshot", "delete", "disk", "before", "--yes");

    const words = ["volume", "import", image, "--name", "other"];
    await runIntoFullDisk(tunnel, place, {
      words,
      copied: () => allocatedBytes(`${node.state}/node/imports/other/data`),
    });
    expect(await node.ok("volume", "list")).not.toContain("other");
    // Without any room it does not even begin.
    expect(await node.run(words)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/room|free|space/i),
    });
    Deno.removeSync(`${place.path}/filler`);
    const { sha256 } = await node.json<{ sha256: string }>(...words);
    const digest = await crypto.subtle.digest(
      "SHA-256",
      Deno.readFileSync(image),
    );
    expect(sha256).toBe(new Uint8Array(digest).toHex());
    await session.logout();
    expect(tunnel.serve.exited).toBe(undefined);
  },
);
