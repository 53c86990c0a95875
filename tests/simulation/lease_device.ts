/** A device in memory: attaches the volume, writes and reads, loses its link, is asked to let go, is fenced, is killed and comes again. */

import type { Clock } from "../../lib/base/clock.ts";
import { silent } from "../../lib/base/log.ts";
import { HeldLease } from "../../lib/daemon/held_lease.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import type { Mode } from "../../lib/lease/holder.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { type LinkPair, linkPair } from "../../tunnel/testing/links.ts";
import { IQN, type LeaseNode } from "./lease_node.ts";
import { blockOf, BLOCKS } from "./lease_oracle.ts";

const RESUME_WINDOW_MS = 120_000;

/** How soon an initiator logs in again. */
const RETRY_MS = 500;

/** How a device takes it when another wants the volume. */
const HANDS_OVER = 0;
const IS_SLOW = 1;

let links = 0;

export class LeaseDevice {
  readonly name: string;
  pair: LinkPair | undefined;
  readonly #node: LeaseNode;
  readonly #clock: Clock;
  readonly #roll: (below: number) => number;
  #lease: HeldLease | undefined;
  #mode: Mode = "write";
  #taking = false;
  #session: InitiatorSession | undefined;
  #disk: RemoteDisk | undefined;
  #written = 0;
  /** Commands under way. */
  #pending = 0;
  /** How often it was granted the volume, and how often it lost it. */
  readonly counts = { granted: 0, fenced: 0, handedOver: 0, refused: 0 };

  constructor(
    name: string,
    world: {
      readonly node: LeaseNode;
      readonly clock: Clock;
      readonly roll: (below: number) => number;
    },
  ) {
    this.name = name;
    this.#node = world.node;
    this.#clock = world.clock;
    this.#roll = world.roll;
  }

  get holds(): boolean {
    return this.#lease !== undefined && !this.#taking;
  }

  /** Dials, unless there is a link. */
  dial(): void {
    if (this.pair && this.pair.device.state !== "ended") return;
    const roll = this.#roll;
    const pair = linkPair({
      name: this.name,
      seed: ++links,
      clock: this.#clock,
      resumeWindowMs: RESUME_WINDOW_MS,
      chunkBytes: 600 + roll(6000),
      windowBytes: 2000 + roll(100_000),
    });
    this.pair = pair;
    void this.#node.serve(pair.node);
    if (this.holds) this.#lease?.linkBegan(pair.device);
  }

  /** Attaches the volume, unless it has. */
  attach(mode: Mode, takeOver?: { boundMs: number; now: boolean }): void {
    if (this.#lease || !this.pair || this.pair.device.state === "ended") return;
    const lease = new HeldLease({
      volume: "disk",
      mode,
      takeOver,
      clock: this.#clock,
      primitives,
      log: silent,
      progress: () => {},
    });
    this.#lease = lease;
    this.#mode = mode;
    this.#taking = true;
    lease.take(this.pair.device).then(() => {
      if (this.#lease !== lease) return;
      this.#taking = false;
      this.counts.granted++;
      lease.start({
        wanted: (ask) => void this.#wanted(lease, ask),
        unwanted: () => {},
        fenced: () => {
          if (this.#lease !== lease) return;
          this.counts.fenced++;
          this.#detached();
        },
      });
      void this.#stayConnected(lease);
    }).catch(() => {
      if (this.#lease !== lease) return;
      this.counts.refused++;
      this.#detached();
    });
  }

  /** Its initiator logs in again and again, for as long as it holds the volume. */
  async #stayConnected(lease: HeldLease): Promise<void> {
    while (this.#lease === lease) {
      await this.#connect(lease);
      await this.#session?.closed;
      await this.#clock.sleep(RETRY_MS);
    }
  }

  async #connect(lease: HeldLease): Promise<void> {
    if (!this.pair || this.pair.device.state === "ended") return;
    try {
      const { attachment, grant: { generation } } = lease;
      const channel = await this.pair.device.open({
        kind: "iscsi",
        ...{ volume: "disk", attachment, generation },
        portal: "127.0.0.1:3260",
      });
      const session = await connectInitiator({
        duplex: channel,
        primitives,
        initiatorName: `iqn.2026-11.internal.vault:${this.name}`,
        targetName: IQN,
      });
      if (this.#lease !== lease) return session.abort();
      this.#session = session;
      void session.closed.then(() => {
        if (this.#session !== session) return;
        this.#session = undefined;
        this.#disk = undefined;
      });
      const disk = await openDisk(session);
      if (this.#session === session) this.#disk = disk;
    } catch {
      // It is tried again.
    }
  }

  /** Writes one to three blocks. What is not acknowledged may be made or not. */
  write(): void {
    const disk = this.#disk;
    const lease = this.#lease;
    if (!disk || !lease || this.#pending > 8) return;
    const { generation } = lease.grant;
    const block = this.#roll(BLOCKS - 2);
    const marks = Array.from(
      { length: 1 + this.#roll(3) },
      () => ({ generation, number: ++this.#written }),
    );
    const bytes = marks.map(blockOf);
    const all = new Uint8Array(bytes.length * bytes[0]!.length);
    bytes.forEach((one, at) => all.set(one, at * one.length));
    this.#do(
      disk.write(block, all).then(() => {
        for (const mark of marks) this.#node.oracle.acknowledged(mark);
        if (this.#mode === "read") {
          this.#node.oracle.faults.push("A reader has written");
        }
      }),
    );
  }

  read(): void {
    const disk = this.#disk;
    if (!disk || this.#pending > 8) return;
    const { oracle } = this.#node;
    const block = this.#roll(BLOCKS);
    const began = oracle.age(block);
    this.#do(
      disk.read(block, 1).then((bytes) => oracle.seen(block, began, bytes)),
    );
  }

  /** Detaches it in good order. */
  async detach(): Promise<boolean> {
    const lease = this.#lease;
    if (!lease || this.#taking) return false;
    const session = this.#session;
    await session?.logout().catch(() => {});
    const released = await lease.release();
    if (this.#lease === lease) this.#detached();
    return released;
  }

  /** The attachment is killed: nobody says goodbye. */
  kill(): void {
    const { pair } = this;
    this.pair = undefined;
    pair?.device.abort("killed");
    this.#detached();
  }

  /** One end, the other, or both lose the connection. */
  cut(): void {
    const { pair } = this;
    if (!pair) return;
    const who = this.#roll(3);
    if (who !== 1 && pair.device.state === "up") pair.device.pause("cut");
    if (who !== 0 && pair.node.state === "up") pair.node.pause("cut");
  }

  reconnect(): void {
    const { pair } = this;
    if (!pair || pair.device.state === "ended" || pair.node.state === "ended") {
      return this.dial();
    }
    if (pair.device.state !== "up" || pair.node.state !== "up") {
      pair.reconnect();
    }
  }

  async #wanted(lease: HeldLease, { boundMs }: { boundMs: number }) {
    const manner = this.#roll(3);
    // Most let go in time, some too late, and some never: a process that is stopped, say.
    if (manner !== HANDS_OVER && manner !== IS_SLOW) return;
    lease.progress("unmounting");
    const longMs = manner === IS_SLOW ? 2 * boundMs : boundMs / 2;
    await this.#clock.sleep(this.#roll(1 + Math.ceil(longMs)));
    if (this.#lease !== lease) return;
    if (await this.detach()) this.counts.handedOver++;
  }

  #detached(): void {
    this.#lease = undefined;
    this.#taking = false;
    this.#session?.abort();
    this.#session = undefined;
    this.#disk = undefined;
  }

  #do(work: Promise<void>): void {
    this.#pending++;
    work.catch((thrown) => {
      // Refusals and cuts are what this is about; what is no refusal is a fault.
      if (thrown instanceof Error && /torn/.test(thrown.message)) {
        this.#node.oracle.faults.push(thrown.message);
      }
    }).finally(() => this.#pending--);
  }
}
