/** A target with two real disks in memory, LUN 0 and LUN 1, and as many sessions as a test asks for. */

import type { Clock } from "../../base/clock.ts";
import { duplexPair } from "../../base/duplex_pair.ts";
import { silent } from "../../base/log.ts";
import type { Primitives } from "../../base/primitives.ts";
import { Disk } from "../../scsi/disk.ts";
import { MemoryStore } from "../../store/memory_store.ts";
import { ReadOnlyStore } from "../../store/read_only_store.ts";
import type { Store } from "../../store/store.ts";
import { type ConnectionOptions, serveConnection } from "../connection.ts";
import { encodeLun } from "../../iscsi/pdu/lun.ts";
import type { Target } from "../target.ts";
import { Targets } from "../targets.ts";
import { Volume } from "../volume.ts";
import { INITIATOR, RawInitiator } from "./raw_initiator.ts";

export const DISKS_IQN = "iqn.2026-01.example:disks";
export const DISK_BYTES = 8 * 1024 * 1024;

export interface DiskOptions {
  readonly clock: Clock;
  /** Makes its names unlike another's. */
  readonly n: number;
  readonly blockSizeBytes?: 512 | 4096;
  readonly readOnly?: boolean;
  /** In memory unless given. */
  readonly store?: Store;
}

/** The NAA designator of disk `n`. */
export function naaOf(n: number): string {
  return `3${n.toString(16).padStart(15, "0")}`;
}

export function diskVolume(options: DiskOptions): Volume {
  const { clock, n, blockSizeBytes = 512, readOnly = false } = options;
  const bytes = options.store ?? new MemoryStore(DISK_BYTES);
  const store = readOnly ? new ReadOnlyStore(bytes) : bytes;
  const unit = new Disk({
    identity: {
      vendor: "VAULT",
      product: "DISK",
      revision: "1",
      serial: `disk${n}`,
      naa: naaOf(n),
      targetName: DISKS_IQN,
    },
    geometry: { blockSizeBytes, sizeBytes: store.sizeBytes },
    readOnly,
  });
  return new Volume({ unit, store, clock, log: silent });
}

export interface DiskFixture {
  readonly targets: Targets;
  readonly target: Target;
  /** A session that has taken its first unit attentions. `n` makes its initiator port unlike others. */
  session(
    options?: Partial<ConnectionOptions> & { n?: number },
  ): Promise<{ initiator: RawInitiator; served: Promise<void> }>;
}

/** What makes targets of two disks; `disks` says what is not as usual about each. */
export function diskFixturesOf(
  world: { readonly clock: Clock; readonly primitives: Primitives },
): (disks?: readonly Partial<DiskOptions>[]) => DiskFixture {
  return (disks = [{}, {}]) => {
    const { clock, primitives } = world;
    const targets = new Targets({ clock, log: silent });
    const units = new Map(
      disks.map((disk, n) => [n, diskVolume({ clock, n, ...disk })]),
    );
    const target = targets.add({ iqn: DISKS_IQN, name: "disks", units });
    const session: DiskFixture["session"] = async (more = {}) => {
      const [ours, theirs] = duplexPair();
      const served = serveConnection(theirs, {
        targets,
        targetAddress: "127.0.0.1:3260",
        device: "laptop",
        clock,
        primitives,
        log: silent,
        ...more,
      });
      const initiator = new RawInitiator(ours);
      const status = await initiator.login({
        target: DISKS_IQN,
        initiator: INITIATOR,
        isid: Uint8Array.of(0, 0, 0, 0, 0, more.n ?? 0),
      });
      if (status !== 0) throw new Error(`Login status ${status.toString(16)}`);
      for (const lun of target.units.keys()) {
        await initiator.run({ cdb: new Uint8Array(16), lun: encodeLun(lun) });
      }
      return { initiator, served };
    };
    return { targets, target, session };
  };
}
