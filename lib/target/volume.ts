/** One logical unit as it is served: its SCSI state, its bytes, and the order of what is done to them. */

import type { Clock } from "../base/clock.ts";
import { invariant, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { MediaError } from "../base/media_error.ts";
import type { LogicalUnit } from "../scsi/logical_unit.ts";
import type { Nexus } from "../scsi/nexus.ts";
import type { Erasure, Outcome } from "../scsi/plan.ts";
import type { KeptReservations } from "../scsi/reservation.ts";
import type { Health, Store } from "../store/store.ts";
import type { Job } from "./job.ts";
import { inTurn } from "./access.ts";
import { carryOut } from "./erasing.ts";
import { Order } from "./order.ts";
import { TaskSet } from "./task_set.ts";

export interface VolumeOptions {
  readonly unit: LogicalUnit;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Keeps registrations and a reservation over the end of the process; undefined: forgets what was kept. Whole or not at all, and on stable
   * storage when it returns. A unit that offers APTPL needs it.
   */
  readonly keep?: (reservations: KeptReservations | undefined) => void;
}

export class Volume {
  readonly unit: LogicalUnit;
  /** Another one only by {@linkcode Volume.replaceStore}. */
  store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly order = new Order();
  readonly taskSet = new TaskSet();
  readonly #keep: VolumeOptions["keep"];
  /** The units of its target by LUN, itself among them. */
  beside: ReadonlyMap<number, Volume> = new Map([[0, this]]);
  /**
   * Ends the tasks that these nexuses have here, but not `by`, without a response. Resolves when they cannot touch the store any more. Its
   * target knows how.
   */
  abortTasks: (
    nexuses: ReadonlySet<number>,
    by: Job,
  ) => Promise<void> = () => Promise.resolve();
  #sizeBytes: number;
  /** Which want of room was met, and when. */
  #want: { readonly health: Health; readonly sinceMs: number } | undefined;
  #erasing: Promise<boolean> | undefined;
  #erasingStopped = false;

  /**
   * Whether the store has answered with a promise before. Then data is put where it can stay until the promise settles, rather than
   * into buffers that the next PDU wants.
   */
  waits = false;

  constructor(options: VolumeOptions) {
    this.unit = options.unit;
    this.store = options.store;
    this.clock = options.clock;
    this.log = options.log;
    this.#keep = options.keep;
    this.#sizeBytes = options.store.sizeBytes;
  }

  /** What initiators reach. The store is longer where it could not be cut or its growth could not be noted: the rest is given up. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Initiators reach so much from now on, and are told. */
  resized(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes;
    this.unit.resized(sizeBytes);
  }

  /**
   * The store, for one change: the nexus proves that its lease still holds. Nothing may be awaited between this and the change.
   *
   * @throws {MediaError} where it cannot: initiators are told that the medium is write protected
   */
  change({ proof }: Nexus): Store {
    if (!proof || proof.held) return this.store;
    throw new MediaError("read-only", "The lease of the volume has moved on");
  }

  /** Runs `work` when all that is under way is over, and nothing else meanwhile: a moment to take a picture. It should be short. */
  standStill<T>(work: () => Promise<T>): Promise<T> {
    const whole = { offset: 0, length: this.#sizeBytes };
    return inTurn(this, { extent: whole, company: "alone" }, work);
  }

  /** Puts other bytes under the disk while nothing reaches it: those that `next` gives, which closes the ones that it has. */
  replaceStore(next: (before: Store) => Promise<Store>): Promise<void> {
    return this.standStill(async () => {
      this.store = await next(this.store);
      this.waits = false;
      const { sizeBytes } = this.store;
      if (sizeBytes !== this.#sizeBytes) this.resized(sizeBytes);
    });
  }

  /** Whether that was done: see {@linkcode VolumeOptions.keep}. */
  keep(reservations: KeptReservations | undefined): boolean {
    try {
      invariant(this.#keep, "There is no place to keep reservations");
      this.#keep(reservations);
      return true;
    } catch (thrown) {
      this.log.error(`Reservations were not kept: ${messageOf(thrown)}`);
      return false;
    }
  }

  /** Carries out an erasure that has begun; resolves with whether the medium may be used again. */
  erase(erasure: Erasure): Promise<boolean> {
    const over = carryOut(this, erasure, () => this.#erasingStopped);
    this.#erasing = over;
    return over;
  }

  /** Carries on what the end of an earlier process has interrupted. */
  carryOn(): void {
    const erasure = this.unit.interrupted();
    if (erasure) void this.erase(erasure);
  }

  /** Resolves when nothing is erased any more. What is not finished is carried on when the volume is served the next time. */
  async stopErasing(): Promise<void> {
    this.#erasingStopped = true;
    await this.#erasing;
  }

  /** What the initiator is told of a store that threw. The log is told why. */
  failure(
    nexus: Nexus,
    during: "read" | "write" | "flush",
    thrown: unknown,
  ): Outcome {
    this.log.error(`A ${during} failed: ${messageOf(thrown)}`);
    const { health } = this.store;
    const isWant = health.state === "ok" && health.noRoom !== undefined;
    if (isWant && this.#want?.health !== health) {
      this.#want = { health, sinceMs: this.clock.now() };
    }
    return this.unit.failure(nexus, during, thrown);
  }

  /** Since when writes that need room are refused, in milliseconds since the epoch; undefined where none was since one found room. */
  get noRoomSinceMs(): number | undefined {
    return this.#want?.health === this.store.health
      ? this.#want.sinceMs
      : undefined;
  }
}
