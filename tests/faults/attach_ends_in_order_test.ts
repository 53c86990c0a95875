/**
 * `vault attach` is told to stop: initiators are asked to log out, what is under way is answered, also where the link has to come back
 * first, and it ends in time, whoever does not play along.
 */
import { expect } from "expect";
import {
  type DiskSession,
  expectSame,
  logIn,
  numbered,
  targetOf,
} from "../harness/disk_session.ts";
import { freePort } from "../harness/loopback.ts";
import { Proxy } from "../harness/proxy.ts";
import { RawConnection } from "../harness/raw_initiator.ts";
import { scenario } from "../harness/scenario.ts";
import { pause, until, within } from "../harness/until.ts";
import { enrol, Machine, startAttach, Tunnel } from "../harness/vault.ts";

const PIECE_BLOCKS = 128;
const PIECE_BYTES = PIECE_BLOCKS * 512;
const PIECES = 256;
/** 5 s for those who do not log out, and some for the goodbye. */
const BOUND_MS = 9_000;
const SOON_MS = 3_000;
const INTERRUPTED = 130;
/** Another device has the volume, too. */
const SHARED = ["--shared"];

class Stage implements AsyncDisposable {
  readonly acknowledged = new Map<number, number>();
  /** Begun and not answered, or failed: they may have been written all the same. */
  readonly uncertain = new Set<number>();
  asked = false;
  begun = 0;
  failed = 0;
  othersAsked = 0;

  private constructor(readonly tunnel: Tunnel, readonly proxy: Proxy) {}

  static async open(): Promise<Stage> {
    let proxy: Proxy | undefined;
    const tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
      attachArgs: SHARED,
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    return new Stage(tunnel, proxy!);
  }

  logIn(): Promise<DiskSession> {
    return logIn(this.tunnel, {
      onEvent: (event) => {
        if (event.kind === "async") this.asked = event.asyncEvent === 1;
      },
    });
  }

  /** Writes, eight at a time, until it is asked to log out or something fails. */
  async load({ disk }: DiskSession): Promise<void> {
    const write = async () => {
      while (!this.asked && this.failed === 0) {
        const number = this.begun++;
        const piece = number % PIECES;
        const bytes = numbered(PIECE_BYTES, number);
        this.uncertain.add(number);
        await disk.write(piece * PIECE_BLOCKS, bytes);
        this.uncertain.delete(number);
        const before = this.acknowledged.get(piece) ?? -1;
        this.acknowledged.set(piece, Math.max(before, number));
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, () => write().catch(() => this.failed++)),
    );
  }

  /** A session with writes under way, some of which are over. */
  async logInAndLoad() {
    const one = await this.logIn();
    const load = this.load(one);
    await until("some writes", () => this.begun > 100);
    return { one, load };
  }

  /** The link is paused, until what this gives is called. */
  breakLink(): () => void {
    const { targetPort } = this.proxy;
    this.proxy.targetPort = freePort();
    this.proxy.cutAll();
    return () => this.proxy.targetPort = targetPort;
  }

  async attachAgain(): Promise<void> {
    const { device, portalPort } = this.tunnel;
    this.tunnel.attach = await startAttach(device, "disk", {
      portalPort,
      args: SHARED,
    });
  }

  async expectAcknowledged(): Promise<void> {
    const { session, disk } = await logIn(this.tunnel);
    expect(this.acknowledged.size).toBeGreaterThan(20);
    for (const [piece, number] of this.acknowledged) {
      const found = await disk.read(piece * PIECE_BLOCKS, PIECE_BLOCKS);
      expectSame(found, numbered(PIECE_BYTES, number));
    }
    await session.logout();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tunnel[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

function endOf(stage: Stage, timeoutMs: number): Promise<number> {
  const { attach } = stage.tunnel;
  return within(attach.ended, { what: attach.words, timeoutMs });
}

scenario(
  "attach asks initiators to log out, answers what is under way, and is gone when they are",
  {
    timeoutMs: 60_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { node, servePort, dir } = stage.tunnel;
    // Another device, which nobody asks.
    const desk = new Machine(dir.at("desk"));
    await enrol({ node, device: desk, name: "desk", port: servePort });
    const deskPort = freePort();
    await using _desk = await startAttach(desk, "disk", {
      portalPort: deskPort,
      args: SHARED,
    });
    const { session: other } = await logIn(stage.tunnel, {
      portal: `127.0.0.1:${deskPort}`,
      initiatorName: "iqn.2026-11.internal.vault:desk",
      onEvent: ({ kind }) => {
        if (kind === "async") stage.othersAsked++;
      },
    });

    const { one, load } = await stage.logInAndLoad();
    stage.tunnel.attach.signal("SIGTERM");
    await within(load, { what: "the writes", timeoutMs: 4000 });

    expect([stage.asked, stage.failed]).toEqual([true, 0]);
    await one.session.logout();
    expect(await endOf(stage, SOON_MS)).toBe(0);
    expect(await other.nop(Uint8Array.of(7))).toEqual(Uint8Array.of(7));
    expect(stage.othersAsked).toBe(0);
    await other.logout();
    await stage.attachAgain();

    await stage.expectAcknowledged();
  },
);

scenario(
  "attach ends in time although an initiator ignores it, and at once when it is told so twice",
  {
    timeoutMs: 60_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { portal } = stage.tunnel;
    const iqn = await targetOf(stage.tunnel);
    {
      using _raw = await RawConnection.login({ portal, iqn });
      const began = performance.now();
      stage.tunnel.attach.signal("SIGTERM");
      expect(await endOf(stage, BOUND_MS)).toBe(0);
      // It was given its time.
      expect(performance.now() - began).toBeGreaterThan(4000);
    }
    await stage.attachAgain();
    using raw = await RawConnection.login({ portal, iqn });
    stage.tunnel.attach.signal("SIGTERM");
    while ((((await raw.receive())[0] ?? 0) & 0x3f) !== 0x32);
    stage.tunnel.attach.signal("SIGTERM");
    expect(await endOf(stage, 1500)).toBe(INTERRUPTED);
    await stage.attachAgain();
    const { session } = await stage.logIn();
    await session.logout();
  },
);

scenario(
  "attach that is told to stop while its link is paused waits for it a little, and finishes what is under way when it is back",
  {
    timeoutMs: 60_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { one, load } = await stage.logInAndLoad();
    const mend = stage.breakLink();
    await pause(300);
    stage.tunnel.attach.signal("SIGTERM");
    await pause(1000);
    mend();
    await within(load, { what: "the writes", timeoutMs: 5000 });
    expect([stage.asked, stage.failed]).toEqual([true, 0]);
    await one.session.logout();
    expect(await endOf(stage, SOON_MS)).toBe(0);
    await stage.attachAgain();
    await stage.expectAcknowledged();
  },
);

scenario(
  "attach that is told to stop while its link is paused ends in time although it stays so, and loses nothing that was acknowledged",
  {
    timeoutMs: 60_000,
  },
  async () => {
    await using stage = await Stage.open();
    const { load } = await stage.logInAndLoad();
    const mend = stage.breakLink();
    stage.tunnel.attach.signal("SIGTERM");
    expect(await endOf(stage, BOUND_MS)).toBe(0);
    await load;
    expect(stage.failed).toBeGreaterThan(0);
    for (const number of stage.uncertain) {
      stage.acknowledged.delete(number % PIECES);
    }
    mend();
    await stage.attachAgain();
    await stage.expectAcknowledged();
  },
);
