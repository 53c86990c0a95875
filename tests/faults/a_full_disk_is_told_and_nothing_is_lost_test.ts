/**
 * A node on a small file system that fills up: writes are refused for want of room, everything else goes on, the state folder stays
 * whole, people are told, and room that is given back is used.
 */
import { expect } from "expect";
import { putU16, putU32, putU64 } from "../../lib/base/bytes.ts";
import { MAX_LINES } from "../../lib/daemon/bounded_log.ts";
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
const SPACE_ALLOCATION_FAILED = "7 2707";

const EXT4 = { type: "ext4", sizeBytes: 64 * MIB } as const;

scenario(
  "a disk that is full refuses what needs room, says so everywhere, and loses nothing",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 180_000,
  },
  async () => {
    using place = new MountedFolder(EXT4);
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "256MiB" }],
      nodeState: `${place.path}/state`,
    });
    const { node } = tunnel;
    const show = () => node.json<VolumeInfo>("volume", "show", "disk");
    let { session, disk } = await logIn(tunnel);
    expect((await show()).health).toBe("ok");

    // Until there is no room.
    let written = 0;
    let refusal: string | undefined;
    while (refusal === undefined) {
      const bytes = numbered(MIB, written);
      refusal = await senseOf(disk.write(written * BLOCKS_PER_MIB, bytes));
      if (refusal === undefined) written++;
      expect(written).toBeLessThan(64);
    }
    expect(refusal).toBe(SPACE_ALLOCATION_FAILED);
    expect(written).toBeGreaterThan(20);
    await disk.flush();
    // Whoever goes on trying does not fill the log.
    for (let n = 0; n < 150; n++) {
      const bytes = numbered(MIB, n);
      expect(await senseOf(disk.write(120 * BLOCKS_PER_MIB, bytes)))
        .toBe(SPACE_ALLOCATION_FAILED);
    }
    const lines = tunnel.serve.stderr.split("A write failed").length - 1;
    expect(lines).toBeGreaterThan(10);
    expect(lines).toBeLessThanOrEqual(3 * MAX_LINES);
    const expectAllThere = async () => {
      for (let n = 0; n < written; n++) {
        expectSame(
          await disk.read(n * BLOCKS_PER_MIB, BLOCKS_PER_MIB),
          numbered(MIB, n),
        );
      }
    };
    await expectAllThere();

    // What needs no room goes on, and is no reason to call the volume well.
    await disk.write(0, numbered(MIB, 0));
    await disk.flush();
    expect((await show()).health).toMatch(
      /^no room since 2\d{3}-.*No space left/,
    );
    expect(await node.ok("status")).toContain("no room since");
    const doctor = await node.run(["doctor"]);
    expect(doctor.stdout + doctor.stderr).toMatch(/no room since[^]*Make room/);

    // Not a byte is left, either, for what the node itself wants to store.
    fillUp(`${place.path}/filler`);
    const before = documentsOf(node.state);
    const refused: readonly (readonly string[])[] = [
      ["invite", "desk", "--advertise", "127.0.0.1:1"],
      ["volume", "create", "other", "--size", "1MiB"],
      ["volume", "resize", "disk", "300MiB"],
      ["snapshot", "create", "disk", "before"],
    ];
    for (const words of refused) {
      const { code, stderr } = await node.run(words);
      expect([words[0], code, stderr]).toEqual([
        words[0],
        1,
        expect.stringMatching(/^vault: .*(room|space)/im),
      ]);
    }
    // A reservation that is to outlive the process cannot be kept.
    const kept = await session.command({
      lun: 0,
      cdb: Uint8Array.of(0x5f, 0, 0, 0, 0, 0, 0, 0, 24),
      dataOut: registration(),
    });
    expect([kept.status, kept.sense.length > 0]).toEqual([2, true]);
    expect(documentsOf(node.state)).toEqual(before);
    expect(await node.ok("volume", "list")).not.toContain("other");
    expect(tunnel.serve.exited).toBe(undefined);
    await expectAllThere();

    // A node that has to start while there is no room starts: how else would anybody give some back?
    await session.logout();
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(node, tunnel.servePort);
    ({ session, disk } = await logInAgain(tunnel));
    await expectAllThere();
    Deno.removeSync(`${place.path}/filler`);

    // Room that the initiator gives back is found, and the volume is well again by itself.
    expect(
      await senseOf(disk.write(100 * BLOCKS_PER_MIB, numbered(4 * MIB, 1))),
    )
      .toBe(SPACE_ALLOCATION_FAILED);
    const given = await session.command(unmap(0, 8 * BLOCKS_PER_MIB));
    expect(given.status).toBe(0);
    expect((await show()).health).toMatch(/^no room/);
    await disk.write(100 * BLOCKS_PER_MIB, numbered(4 * MIB, 1));
    await disk.flush();
    expect((await show()).health).toBe("ok");

    // And after a kill everything that was flushed is there.
    await session.logout();
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(node, tunnel.servePort);
    ({ session, disk } = await logInAgain(tunnel));
    expectSame(await disk.read(0, 8 * BLOCKS_PER_MIB), new Uint8Array(8 * MIB));
    for (let n = 8; n < written; n++) {
      expectSame(
        await disk.read(n * BLOCKS_PER_MIB, BLOCKS_PER_MIB),
        numbered(MIB, n),
      );
    }
    expectSame(
      await disk.read(100 * BLOCKS_PER_MIB, 4 * BLOCKS_PER_MIB),
      numbered(4 * MIB, 1),
    );
    expect((await show()).health).toBe("ok");
    await session.logout();
  },
);

scenario(
  "a device that is revoked while the disk is full is shut out at once, and the command may be said again",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 120_000,
  },
  async () => {
    using place = new MountedFolder(EXT4);
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "8MiB" }],
      nodeState: `${place.path}/state`,
    });
    const { node } = tunnel;
    const { session } = await logIn(tunnel);
    fillUp(`${place.path}/filler`);
    const { code, stderr } = await node.run(["revoke", "laptop"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("No space left"),
    ]);
    await within(session.closed, {
      what: "the end of the session",
      timeoutMs: 1000,
    });
    Deno.removeSync(`${place.path}/filler`);
    await node.ok("revoke", "laptop");
    // What the audit log lacks is said once, and counted as soon as it can be.
    expect(tunnel.serve.stderr.split("The audit log has gaps").length).toBe(2);
    expect(await node.ok("audit", "--kind", "gap")).toContain(
      "lines could not",
    );

    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(node, tunnel.servePort);
    expect(await node.ok("devices")).toContain("revoked");

    expect(tunnel.serve.exited).toBe(undefined);
    expect(await node.ok("audit", "--kind", "revoked")).toContain("laptop");
  },
);

/** Writes until the file system has room for not one byte more. */
function fillUp(path: string): void {
  const file = Deno.openSync(path, { create: true, write: true });
  try {
    for (const size of [MIB, 4096, 1]) {
      const bytes = new Uint8Array(size);
      try {
        while (file.writeSync(bytes) > 0);
      } catch {
        // Full, for pieces of this size.
      }
    }
    file.syncSync();
  } finally {
    file.close();
  }
}

/** Everything below `node/` but data, journals and logs: its text by its path. */
function documentsOf(state: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const look = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (name === "journal") continue;
      if (isDirectory) look(path);
      else if (name.endsWith(".log") || name === "data") {
        found[path] = "";
      } else found[path] = Deno.readTextFileSync(path);
    }
  };
  look(`${state}/node`);
  return found;
}

/** PERSISTENT RESERVE OUT parameters (SPC-4 section 6.16.3): a new key, to outlive a power loss (APTPL). */
function registration(): Uint8Array {
  const bytes = new Uint8Array(24);
  putU64(bytes, 8, 0x1234);
  bytes[20] = 0x01;
  return bytes;
}

/** UNMAP (SBC-3 section 5.28). */
function unmap(lba: number, blocks: number) {
  const parameters = new Uint8Array(24);
  putU16(parameters, 0, 22);
  putU16(parameters, 2, 16);
  putU64(parameters, 8, lba);
  putU32(parameters, 16, blocks);
  const cdb = new Uint8Array(10);
  cdb[0] = 0x42;
  putU16(cdb, 7, parameters.length);
  return { lun: 0, cdb, dataOut: parameters };
}
