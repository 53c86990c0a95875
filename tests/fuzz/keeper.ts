/** The neighbour of whoever is rude: an initiator with a disk of its own, which must notice nothing of them. */
import { equalBytes } from "../../lib/base/bytes.ts";
import type { Duplex } from "../../lib/base/duplex.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { pause } from "../harness/until.ts";
import { Dice } from "./dice.ts";

/** The part of its disk that it works on, in blocks. */
const BLOCKS = 4096;
const MAX_BLOCKS = 64;

/** One session that writes, reads and compares for as long as it is let. */
export class Keeper {
  readonly #session: InitiatorSession;
  readonly #disk: RemoteDisk;
  readonly #model: Uint8Array;
  readonly #dice: Dice;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  #failed: Error | undefined;
  /** How often it has written, read and compared. */
  turns = 0;
  /** The slowest of them. */
  slowestMs = 0;

  private constructor(
    parts: { session: InitiatorSession; disk: RemoteDisk; seed: number },
  ) {
    this.#session = parts.session;
    this.#disk = parts.disk;
    this.#dice = new Dice(parts.seed);
    this.#model = new Uint8Array(BLOCKS * parts.disk.capacity.blockSizeBytes);
  }

  /** Logs in to `targetName` over `duplex`; the disk must be all zeros. It is at work until it is stopped. */
  static async start(
    options: { duplex: Duplex; targetName: string; seed: number },
  ): Promise<Keeper> {
    const session = await connectInitiator({
      duplex: options.duplex,
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-01.test.vault:keeper",
      targetName: options.targetName,
    });
    const disk = await openDisk(session);
    const keeper = new Keeper({ session, disk, seed: options.seed });
    keeper.#running = keeper.#run();
    return keeper;
  }

  /** @throws what has gone wrong for it so far, a unit attention that was meant for others among it */
  check(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const began = performance.now();
        await this.#turn();
        this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
        this.turns++;
        // Others want their turn, too, where all is one process.
        await pause(1);
      }
      const whole = await this.#disk.read(0, BLOCKS);
      this.#expect(whole, this.#model, "all of it");
      await this.#session.logout();
    } catch (thrown) {
      this.#failed = thrown instanceof Error ? thrown : new Error(`${thrown}`);
      this.#session.abort();
    }
  }

  async #turn(): Promise<void> {
    const { blockSizeBytes } = this.#disk.capacity;
    const blocks = 1 + this.#dice.next(MAX_BLOCKS);
    const lba = this.#dice.next(BLOCKS - blocks);
    const part = this.#model.subarray(
      lba * blockSizeBytes,
      (lba + blocks) * blockSizeBytes,
    );
    part.fill(this.#dice.next(256));
    part[this.#dice.next(part.length)] = this.#dice.next(256);
    await this.#disk.write(lba, part);
    if (this.#dice.once(16)) await this.#disk.flush();
    this.#expect(await this.#disk.read(lba, blocks), part, `block ${lba}`);
  }

  #expect(read: Uint8Array, wanted: Uint8Array, what: string): void {
    if (!equalBytes(read, wanted)) {
      throw new Error(`The neighbour reads other bytes than it wrote: ${what}`);
    }
  }

  /** Ends its work and its session, and compares all that it has ever written. @throws as {@linkcode Keeper.check} */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.check();
  }
}
