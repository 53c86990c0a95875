/** One iSCSI target: a name, its logical units, who may log in, and who has. */

import { invariant } from "../base/errors.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import type { LogicalUnit } from "../scsi/logical_unit.ts";
import { NoUnit } from "../scsi/no_unit.ts";
import type { Volume } from "./volume.ts";
import type { Session } from "./session.ts";

export interface TargetOptions {
  readonly iqn: string;
  /** The volume's name, for people. */
  readonly name: string;
  /** By LUN. A volume's disk is LUN 0. */
  readonly units: ReadonlyMap<number, Volume>;
  /** Who has to prove what; nobody anything unless given. */
  readonly chap?: ChapPolicy;
}

export class Target {
  readonly iqn: string;
  readonly name: string;
  readonly units: ReadonlyMap<number, Volume>;
  /** What answers at a LUN where there is nothing. */
  readonly none: LogicalUnit;
  /** Counts for logins from now on. */
  chap: ChapPolicy;
  /** Those in full feature phase, and those that are ending. */
  readonly sessions = new Set<Session>();

  constructor(options: TargetOptions) {
    invariant(options.units.has(0), `${options.iqn} has no logical unit 0`);
    this.none = new NoUnit([...options.units.keys()]);
    this.iqn = options.iqn;
    this.name = options.name;
    this.units = options.units;
    this.chap = options.chap ?? { users: [] };
  }

  /** Changes the capacity of a unit; initiators learn it from a unit attention. On stable storage when it resolves. */
  async resize(lun: number, sizeBytes: number): Promise<void> {
    const volume = this.units.get(lun);
    if (!volume) throw new RangeError(`No logical unit ${lun}`);
    if (sizeBytes < volume.store.sizeBytes) {
      // No new command may reach the tail, and those under way have to be over, before it goes.
      volume.unit.resized(sizeBytes);
      await volume.order.settled();
      await volume.store.resize(sizeBytes);
    } else {
      await volume.store.resize(sizeBytes);
      volume.unit.resized(sizeBytes);
    }
  }

  /** Ends every session and resolves when nothing of them is left. */
  async endSessions(why: string): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.end(why)));
  }

  /** Makes all volumes stable. @throws {MediaError} the first that fails */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.units.values()].map((volume) => volume.store.flush()),
    );
  }
}
