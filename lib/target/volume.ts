/** One logical unit as it is served: its SCSI state, its bytes, and the order of what is done to them. */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LogicalUnit } from "../scsi/logical_unit.ts";
import type { Nexus } from "../scsi/nexus.ts";
import type { Outcome } from "../scsi/plan.ts";
import type { Store } from "../store/store.ts";
import { Order } from "./order.ts";

export interface VolumeOptions {
  readonly unit: LogicalUnit;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export class Volume {
  readonly unit: LogicalUnit;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly order = new Order();
  /** The units of its target by LUN, itself among them. */
  beside: ReadonlyMap<number, Volume> = new Map([[0, this]]);
  #sizeBytes: number;

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

  /** What the initiator is told of a store that threw. The log is told why. */
  failure(
    nexus: Nexus,
    during: "read" | "write" | "flush",
    thrown: unknown,
  ): Outcome {
    this.log.error(`A ${during} failed: ${messageOf(thrown)}`);
    return this.unit.failure(nexus, during, thrown);
  }
}
