/** A store as a disk of a target: what a node's volumes and the stores of other programs are offered as. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import { Disk } from "../scsi/disk.ts";
import { MAX_ATOMIC_BYTES } from "../scsi/limits.ts";
import type { Store } from "../store/store.ts";
import type { Resize, Target } from "../target/target.ts";
import type { Targets } from "../target/targets.ts";
import { Volume } from "../target/volume.ts";
import type { ErasureFile } from "./erasure_file.ts";
import type { ReservationFile } from "./reservation_file.ts";
import { VERSION } from "./version.ts";

/** The disk is the first logical unit of its target. */
const DISK_LUN = 0;
/** How long initiators are given to log out before their disk goes. */
export const DRAIN_MS = 10_000;

export interface DiskOptions {
  readonly store: Store;
  /** Its target's name. */
  readonly iqn: string;
  /** T10 product identification, at most 16 characters. */
  readonly product: string;
  readonly serial: string;
  readonly naa: string;
  readonly blockSizeBytes: 512 | 4096;
  readonly readOnly: boolean;
  readonly removable?: boolean;
  /** Where reservations outlive the process, if initiators may ask for that. */
  readonly reservations?: ReservationFile;
  /** Where a note of FORMAT UNIT and SANITIZE outlives the process, if initiators may ask for these. */
  readonly erasure?: ErasureFile;
  readonly clock: Clock;
  readonly log: Log;
}

export interface DiskTargetOptions extends DiskOptions {
  /** The disk's name, for people. */
  readonly name: string;
  readonly chap: ChapPolicy;
}

/** Offers it from now on. The name must be free. */
export function addDiskTarget(
  targets: Targets,
  options: DiskTargetOptions,
): Target {
  const { iqn, name, chap } = options;
  const units = new Map([[DISK_LUN, diskVolume(options)]]);
  return targets.add({ iqn, name, units, chap });
}

/** A disk that a target can have among its units. */
export function diskVolume(options: DiskOptions): Volume {
  const { store, iqn, product, serial, naa, clock, log } = options;
  const { blockSizeBytes, readOnly, reservations, erasure } = options;
  const now = reservations?.read();
  const interrupted = erasure?.read();
  const atomicBytes = store.atomic?.maxBytes ?? 0;
  const unit = new Disk({
    identity: {
      vendor: "VAULT",
      product,
      revision: VERSION.split(".").slice(0, 2).join("."),
      serial,
      naa,
      targetName: iqn,
    },
    geometry: { blockSizeBytes, sizeBytes: store.sizeBytes },
    readOnly,
    removable: options.removable ?? false,
    atomicWrites: !readOnly && atomicBytes >= MAX_ATOMIC_BYTES,
    ...(erasure && { erasureNotes: erasure }),
    ...(interrupted && { interrupted }),
    ...(reservations && { keptReservations: now ? { now } : {} }),
  });
  return new Volume({
    unit,
    store,
    ...(reservations && { keep: (kept) => reservations.write(kept) }),
    clock,
    log,
  });
}

/** Changes the size of the disk and its store; initiators that are logged in learn it from a unit attention. */
export function resizeDisk(target: Target, to: Resize): Promise<void> {
  return target.resize(DISK_LUN, to);
}
