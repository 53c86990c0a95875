/**
 * `vault serve` is told to stop, whatever is going on: initiators are asked to log out and told to try again later, what is under way is
 * answered, what was acknowledged is there afterwards, and it ends in time, whoever does not play along.
 */
import { expect } from "expect";
import { snapshotBytes, snapshotsOf } from "../harness/allocated.ts";
import { freePort } from "../harness/loopback.ts";
import {
  expectSame,
  logIn,
  logInAgain,
  numbered,
  targetOf,
} from "../harness/disk_session.ts";
import { MountedFolder, needsExt4 } from "../harness/mounted_folder.ts";
import { type Program, start } from "../harness/process.ts";
import { Proxy } from "../harness/proxy.ts";
import { RawConnection } from "../harness/raw_initiator.ts";
import { scenario } from "../harness/scenario.ts";
import { until, within } from "../harness/until.ts";
import { startServe, Tunnel, vaultCommand } from "../harness/vault.ts";

const MIB = 2 ** 20;
const PIECE_BLOCKS = 128;
const PIECE_BYTES = PIECE_BLOCKS * 512;
const PIECES = 256;
/** 10 s for those who do not log out, and some for the goodbyes. */
const BOUND_MS = 16_000;
/** Where nobody is logged in. */
const SOON_MS = 5_000;
const INTERRUPTED = 130;

const ASYNC_MESSAGE = 0x32;
const LOGOUT_REQUESTED = 1;

/** The exit status of a program that ends in time. */
async function endOf(program: Program, timeoutMs: number): Promise<number> {
  return await within(program.ended, { what: program.words, timeoutMs });
}

/** An initiator that logs in, and never does what it is asked. */
async function stubborn(tunnel: Tunnel) {
  const { portal } = tunnel;
  return await RawConnection.login({ portal, iqn: await targetOf(tunnel) });
}

/** The seconds within which the target asks it to log out. */
async function askedOut(raw: RawConnection): Promise<number> {
  for (;;) {
    const header = await raw.receive();
    if ((header[0]! & 0x3f) !== ASYNC_MESSAGE) continue;
    expect(header[36]).toBe(LOGOUT_REQUESTED);
    return header[42]! << 8 | header[43]!;
  }
}

scenario(
  "serve asks initiators to log out, answers what is under way, lets nobody else in, and ends although one ignores it",
  {
    timeoutMs: 90_000,
  },
  async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
    });
    const iqn = await targetOf(tunnel);
    let asked = false;
    const { session, disk } = await logIn(tunnel, {
      onEvent: (event) => {
        if (event.kind === "async") {
          asked = event.asyncEvent === LOGOUT_REQUESTED;
        }
      },
    });
    const acknowledged = new Map<number, number>();
    let next = 0;
    const write = async () => {
      while (!asked) {
        const number = next++;
        const piece = number % PIECES;
        await disk.write(piece * PIECE_BLOCKS, numbered(PIECE_BYTES, number));
        if (number > (acknowledged.get(piece) ?? -1)) {
          acknowledged.set(piece, number);
        }
      }
    };
    using raw = await stubborn(tunnel);
    // Eight at a time, none of which may fail.
    const load = Promise.all(Array.from({ length: 8 }, write));
    await until("some writes", () => next > 100);
    tunnel.serve.signal("SIGTERM");
    const seconds = await askedOut(raw);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(10);
    await within(load, { what: "the writes", timeoutMs: 5000 });
    expect(asked).toBe(true);
    await session.logout();

    // Who comes now is to come again later: status class 3, service unavailable.
    const late = await RawConnection.tryLogin({ portal: tunnel.portal, iqn });
    expect([late.response[36], late.response[37]]).toEqual([3, 1]);
    late.raw[Symbol.dispose]();
    const invited = await tunnel.node.run(["invite", "x"]);
    expect(invited.code).not.toBe(0);
    expect(await endOf(tunnel.serve, BOUND_MS)).toBe(0);

    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    const again = await logInAgain(tunnel);
    expect(acknowledged.size).toBeGreaterThan(50);
    for (const [piece, number] of acknowledged) {
      expectSame(
        await again.disk.read(piece * PIECE_BLOCKS, PIECE_BLOCKS),
        numbered(PIECE_BYTES, number),
      );
    }
    await again.session.logout();
  },
);

scenario(
  "serve ends at once when it is told so twice, and what was flushed is there",
  {
    timeoutMs: 60_000,
  },
  async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
    });
    const { session, disk } = await logIn(tunnel);
    using raw = await stubborn(tunnel);
    await disk.write(0, numbered(8 * MIB, 5));
    await disk.flush();
    const load = Array.from(
      { length: 16 },
      (_, n) => disk.write((n + 16) * 2048, numbered(MIB, n)).catch(() => {}),
    );
    tunnel.serve.signal("SIGTERM");
    await askedOut(raw);
    tunnel.serve.signal("SIGTERM");
    expect(await endOf(tunnel.serve, 1500)).toBe(INTERRUPTED);
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    await Promise.all(load);
    session.abort();
    const again = await logInAgain(tunnel);
    expectSame(await again.disk.read(0, 8 * MIB / 512), numbered(8 * MIB, 5));
    await again.disk.write(0, numbered(MIB, 6));
    await again.disk.flush();
    await again.session.logout();
  },
);

for (
  const [what, breakIt] of [
    ["swallows everything", (proxy: Proxy) => {
      proxy.hold("toServer");
      proxy.hold("toClient");
    }],
    ["is gone, and the link waits for another", (proxy: Proxy) => {
      proxy.targetPort = freePort();
      proxy.cutAll();
    }],
  ] as const
) {
  scenario(`serve ends in time where the way to the device ${what}`, {
    timeoutMs: 90_000,
  }, async () => {
    let proxy: Proxy | undefined;
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    await using between = proxy!;
    const { session, disk } = await logIn(tunnel);
    await disk.write(0, numbered(MIB, 1));
    await disk.flush();
    await disk.write(2048, numbered(MIB, 2));
    const before = between.targetPort;
    breakIt(between);
    const stuck = disk.write(4096, numbered(MIB, 3)).catch(() => {});
    tunnel.serve.signal("SIGTERM");
    expect(await endOf(tunnel.serve, BOUND_MS)).toBe(0);
    between.release("toServer");
    between.release("toClient");
    between.targetPort = before;
    between.cutAll();
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    await stuck;
    session.abort();
    const again = await logInAgain(tunnel);
    // It was flushed at the end, too.
    expectSame(await again.disk.read(0, 2048), numbered(MIB, 1));
    expectSame(await again.disk.read(2048, 2048), numbered(MIB, 2));
    await again.session.logout();
  });
}

const EXT4 = { type: "ext4", sizeBytes: 512 * MIB } as const;

scenario(
  "serve ends soon while a snapshot is copied, and there is no such snapshot",
  {
    ...needsExt4(EXT4.sizeBytes),
    timeoutMs: 120_000,
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
      await disk.write(n * 8192, numbered(4 * MIB, n));
    }
    await session.logout();
    await using making = await start({
      ...vaultCommand(["snapshot", "create", "disk", "before"]),
      env: node.env,
      ready: () => snapshotBytes(node) > MIB,
    });
    tunnel.serve.signal("SIGTERM");
    expect(await endOf(tunnel.serve, SOON_MS)).toBe(0);
    expect(await endOf(making, SOON_MS)).not.toBe(0);
    tunnel.serve = await startServe(node, tunnel.servePort);
    expect(await node.json("snapshot", "list", "disk")).toEqual([]);
    expect([...Deno.readDirSync(snapshotsOf(node))]).toEqual([]);
  },
);

scenario(
  "serve ends soon while a volume is erased, which goes on the next time",
  {
    timeoutMs: 120_000,
  },
  async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "128MiB" }],
    });
    const { session } = await logIn(tunnel);
    // SANITIZE, OVERWRITE, IMMED, one pass of 5a.
    const { status } = await session.command({
      lun: 0,
      cdb: Uint8Array.of(0x48, 0x81, 0, 0, 0, 0, 0, 0, 5, 0),
      dataOut: Uint8Array.of(1, 0, 0, 1, 0x5a),
    });
    expect(status).toBe(0);
    await session.logout();
    tunnel.serve.signal("SIGTERM");
    expect(await endOf(tunnel.serve, SOON_MS)).toBe(0);
    const note = `${tunnel.node.state}/node/volumes/disk/erasure.json`;
    expect(Deno.statSync(note).isFile).toBe(true);
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    const again = await logInAgain(tunnel);
    const bytes = await again.disk.read(0, 128 * 2048);
    expect(bytes.every((byte) => byte === 0x5a)).toBe(true);
    await again.session.logout();
  },
);
