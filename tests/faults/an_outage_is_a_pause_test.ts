/**
 * The connection between the two ends goes away in every way it can; the initiator's session does not. Nothing fails, nothing is lost,
 * nothing comes twice: one session writes and reads back all along.
 */
import { expect } from "expect";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { Proxy } from "../harness/proxy.ts";
import { scenario } from "../harness/scenario.ts";
import { eventually, pause } from "../harness/until.ts";
import { startServe, Tunnel } from "../harness/vault.ts";

const BLOCK_BYTES = 512;
const PIECE_BLOCKS = 256;
const PIECES = 64;
const RESETS = 30;
/** Longer than a dead peer takes to be found. */
const BLACK_HOLE_MS = 18_000;
const STALL_MS = 9_000;

class Stage implements AsyncDisposable {
  /** What each piece was last written with. */
  readonly #written = new Map<number, number>();
  #round = 0;
  #stopped = false;

  private constructor(
    readonly tunnel: Tunnel,
    readonly proxy: Proxy,
    readonly session: InitiatorSession,
    readonly disk: RemoteDisk,
  ) {}

  static async open(): Promise<Stage> {
    let proxy: Proxy | undefined;
    const tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "16MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    const { iqn } = await onlyDisk(tunnel.portal);
    const session = await connectInitiator({
      duplex: await connectTcp(parseAddress(tunnel.portal)),
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-11.internal.vault:writer",
      targetName: iqn,
    });
    return new Stage(tunnel, proxy!, session, await openDisk(session));
  }

  /** Writes, and reads back what was written before, until `over`; rejects with the first thing that is wrong. */
  async load(over: Promise<unknown>): Promise<number> {
    let isOver = false;
    const settled = () => void (isOver = true);
    over.then(settled, settled);
    let done = 0;
    while (!isOver) {
      const round = this.#round++;
      const pieces = Array.from(
        { length: 8 },
        (_, n) => (round * 11 + n) % PIECES,
      );
      await Promise.all(
        pieces.map((piece) => this.#write(piece, round + piece)),
      );
      await this.#check((round * 7) % PIECES);
      done++;
    }
    await over;
    return done;
  }

  async checkAll(): Promise<void> {
    for (const piece of this.#written.keys()) await this.#check(piece);
  }

  async #write(piece: number, seed: number): Promise<void> {
    this.#written.set(piece, seed);
    await this.disk.write(piece * PIECE_BLOCKS, fill(seed));
  }

  async #check(piece: number): Promise<void> {
    const seed = this.#written.get(piece);
    if (seed === undefined) return;
    const found = await this.disk.read(piece * PIECE_BLOCKS, PIECE_BLOCKS);
    const wanted = fill(seed);
    expect(found.findIndex((byte, at) => byte !== wanted[at])).toBe(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.session.abort();
    await this.tunnel[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

function fill(seed: number): Uint8Array {
  const bytes = new Uint8Array(PIECE_BLOCKS * BLOCK_BYTES);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (at >> 9) + at + seed * 31;
  }
  return bytes;
}

/** The state of the attachment's link, as `vault status` tells it. */
async function linkState(tunnel: Tunnel): Promise<string> {
  const { attachments } = await tunnel.device.json<
    { attachments: { link: { state: string } }[] }
  >("status");
  return attachments[0]!.link.state;
}

scenario("an initiator does not notice that connections are reset", {
  peers: ["iscsi-ls"],
  timeoutMs: 120_000,
}, async () => {
  await using stage = await Stage.open();
  const { proxy } = stage;
  const resets = (async () => {
    for (let n = 0; n < RESETS; n++) {
      const { taken } = proxy;
      await eventually("a connection is there", () => {
        if (proxy.open.size === 0) throw new Error("none");
        return Promise.resolve();
      }, { timeoutMs: 20_000 });
      await pause(20 + Math.random() * 150);
      proxy.cutAll();
      await eventually("another is made", () => {
        if (proxy.taken === taken) throw new Error("none yet");
        return Promise.resolve();
      }, { timeoutMs: 20_000 });
    }
  })();
  expect(await stage.load(resets)).toBeGreaterThan(0);
  await stage.checkAll();
});

scenario(
  "an initiator does not notice that the network stalls, or is a black hole for a while",
  {
    peers: ["iscsi-ls"],
    timeoutMs: 120_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { proxy, tunnel } = stage;
    const outages = (async () => {
      await pause(300);
      proxy.hold("toServer");
      proxy.hold("toClient");
      await pause(STALL_MS);
      proxy.release("toServer");
      proxy.release("toClient");
      await pause(1000);
      // Nothing is refused and nothing comes: only the silence tells.
      const before = [...proxy.open];
      proxy.hold("toServer");
      proxy.hold("toClient");
      await pause(BLACK_HOLE_MS);
      expect(await linkState(tunnel)).toBe("paused");
      proxy.release("toServer");
      proxy.release("toClient");
      for (const passage of before) passage.cut();
      await eventually("the link goes on", async () => {
        if (await linkState(tunnel) !== "up") throw new Error("not yet");
      }, { timeoutMs: 30_000 });
      await pause(500);
    })();
    expect(await stage.load(outages)).toBeGreaterThan(0);
    await stage.checkAll();
  },
);

scenario(
  "a node that comes back after kill -9 makes initiators log in again, and what was flushed is there",
  {
    peers: ["iscsi-ls"],
    timeoutMs: 120_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { tunnel, disk, session } = stage;
    await disk.write(0, fill(1));
    await disk.flush();
    await tunnel.serve.stop("SIGKILL");
    const reading = disk.read(0, PIECE_BLOCKS).then(() => "read", () => "cut");
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    expect(await reading).toBe("cut");
    session.abort();
    const again = await eventually(
      "the target is back",
      async () =>
        await connectInitiator({
          duplex: await connectTcp(parseAddress(tunnel.portal)),
          primitives: systemPrimitives,
          initiatorName: "iqn.2026-11.internal.vault:writer",
          targetName: (await onlyDisk(tunnel.portal)).iqn,
        }),
      { timeoutMs: 30_000 },
    );
    const found = await (await openDisk(again)).read(0, PIECE_BLOCKS);
    expect(found).toEqual(fill(1));
    again.abort();
  },
);
