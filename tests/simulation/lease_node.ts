/** A node in memory that has one volume: its target, its lease, and what it answers to devices. Everything but the store can be restarted. */

import * as v from "valibot";
import type { Clock } from "../../lib/base/clock.ts";
import type { Extent } from "../../lib/base/extent.ts";
import { silent } from "../../lib/base/log.ts";
import { addDiskTarget } from "../../lib/daemon/disk_target.ts";
import { LeaseKeeper } from "../../lib/daemon/lease_keeper.ts";
import { LeaseService } from "../../lib/daemon/lease_service.ts";
import { ChannelAsk } from "../../lib/daemon/requests.ts";
import { type KeptLease, NEVER_HELD } from "../../lib/lease/holder.ts";
import type { Proof } from "../../lib/lease/proof.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import type { Maybe } from "../../lib/store/store.ts";
import { FaultStore } from "../../lib/store/fault_store.ts";
import { serveConnection } from "../../lib/target/connection.ts";
import type { Target } from "../../lib/target/target.ts";
import { Targets } from "../../lib/target/targets.ts";
import type { IncomingChannel } from "../../tunnel/channel.ts";
import type { Link } from "../../tunnel/link.ts";
import { BLOCK_BYTES, LeaseOracle } from "./lease_oracle.ts";

export const IQN = "iqn.2026-11.internal.vault:simulation.disk";

/** The disk as one process reaches it, for as long as that lives. */
class Process extends MemoryStore {
  killed = false;
  readonly #disk: LeaseOracle;
  constructor(disk: LeaseOracle) {
    super(disk.sizeBytes);
    this.#disk = disk;
  }
  override read(offset: number, into: Uint8Array): Maybe {
    return this.#disk.read(offset, into);
  }
  override write(offset: number, from: Uint8Array): Maybe {
    if (!this.killed) return this.#disk.write(offset, from);
  }
  override unmap(extent: Extent): Maybe {
    if (!this.killed) return this.#disk.unmap(extent);
  }
}

function writing({ holders }: KeptLease): number[] {
  return holders.filter(({ mode }) => mode !== "read")
    .map(({ generation }) => generation);
}

export class LeaseNode {
  readonly oracle = new LeaseOracle();
  readonly #clock: Clock;
  readonly #roll: (below: number) => number;
  /** What survives a crash. */
  #kept: KeptLease = NEVER_HELD;
  /** The disk under the node's documents is full. */
  full = false;
  #links = new Set<Link>();
  #process!: Process;
  #target!: Target;
  #targets!: Targets;
  #keeper!: LeaseKeeper;
  #service!: LeaseService;

  constructor(clock: Clock, roll: (below: number) => number) {
    this.#clock = clock;
    this.#roll = roll;
    this.start();
  }

  get keeper(): LeaseKeeper {
    return this.#keeper;
  }

  get sessions(): number {
    return this.#target.sessions.size;
  }

  /** A new process, with what the last one has stored. */
  start(): void {
    const clock = this.#clock;
    const log = silent;
    const process = new Process(this.oracle);
    this.#process = process;
    this.oracle.grant(writing(this.#kept));
    this.#targets = new Targets({ clock, log });
    this.#service = new LeaseService(clock);
    const store = new FaultStore(process, ({ kind }) => {
      // Now and then the disk takes its time, so that there is something under way whenever anything happens.
      const slow = kind === "write" && this.#roll(3) === 0;
      return slow ? { delay: clock.sleep(this.#roll(3000)) } : undefined;
    });
    this.#target = addDiskTarget(this.#targets, {
      ...{ store, iqn: IQN, name: "disk", product: "SIMULATION" },
      ...{ serial: "0".repeat(16), naa: "3".repeat(16) },
      ...{ blockSizeBytes: BLOCK_BYTES, readOnly: false, chap: { users: [] } },
      ...{ clock, log },
    });
    this.#keeper = new LeaseKeeper({
      place: {
        name: "disk",
        // What was a process before is none any more, although its code runs here.
        keep: (kept) => process.killed || this.#keep(kept),
        clear: (proof, why) =>
          process.killed ? Promise.resolve() : this.#clear(proof, why),
        requestLogout: (proof, seconds) => {
          for (const session of this.#sessions(proof)) {
            session.control.requestLogout(seconds);
          }
        },
      },
      kept: this.#kept,
      clock,
      log,
      audit: () => {},
    });
  }

  /** `kill -9`, and another process. */
  crash(): void {
    this.#process.killed = true;
    for (const link of this.#links) link.abort("the node was killed");
    this.#links = new Set();
    this.start();
  }

  /** Answers on that link until it ends. */
  async serve(link: Link): Promise<void> {
    this.#links.add(link);
    for (let incoming; (incoming = await link.accept());) {
      void this.#answer(link, incoming).catch(() => {});
    }
    this.#links.delete(link);
  }

  #keep(kept: KeptLease): void {
    if (this.full) throw new Error("No space left on device");
    // One that has lost it may have something under way until that is cleared.
    const granted = kept.lastGeneration > this.#kept.lastGeneration;
    this.#kept = structuredClone(kept);
    if (granted) this.oracle.grant(writing(kept));
  }

  #sessions(proof: Proof) {
    return [...this.#target.sessions]
      .filter(({ nexus }) => nexus.proof === proof);
  }

  async #clear(proof: Proof, why: string): Promise<void> {
    await this.#target.endSessions(why, this.#sessions(proof));
    await this.#target.flush();
    this.oracle.over(proof.generation);
  }

  async #answer(link: Link, incoming: IncomingChannel): Promise<void> {
    const ask = v.parse(ChannelAsk, incoming.request);
    const keeper = this.#keeper;
    const targets = this.#targets;
    if (ask.kind === "lease") {
      const channel = incoming.accept();
      const call = { link, channel, ask, keeper, iqn: IQN, chap: false };
      return await this.#service.serve(call);
    }
    const { attachment, generation } = ask;
    const who = { device: link.peer.name, attachment, generation };
    const held = keeper.find(who);
    if (!held) return incoming.refuse("not held");
    const { proof, holder } = held;
    await serveConnection(incoming.accept(), {
      targets,
      only: IQN,
      targetAddress: "127.0.0.1:3260",
      device: who.device,
      readOnly: holder.mode === "read",
      tenancy: () => Promise.resolve({ proof, release: () => {} }),
      clock: this.#clock,
      primitives,
      log: silent,
    });
  }
}
