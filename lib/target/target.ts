/** One iSCSI target: a name, its logical units, who may log in, and who has. */

import { invariant } from "../base/errors.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import { Device } from "../scsi/device.ts";
import type { LogicalUnit } from "../scsi/logical_unit.ts";
import { NoUnit } from "../scsi/no_unit.ts";
import { SenseCode } from "../scsi/sense_code.ts";
import { illegalRequest } from "./addressing.ts";
import type { Job } from "./job.ts";
import { PortOwners } from "./port_owners.ts";
import type { Volume } from "./volume.ts";
import type { Session } from "./session.ts";

export interface TargetOptions {
  readonly iqn: string;
  /** The name of the volume at LUN 0, for people. */
  readonly name: string;
  /** By LUN, 0 among them. */
  readonly units: ReadonlyMap<number, Volume>;
  /** Who has to prove what; nobody anything unless given. */
  readonly chap?: ChapPolicy;
  /** The target that it is a picture of: whose CHAP it asks for, and beside which discovery does not list it. */
  readonly pictureOf?: Target;
}

/** A new capacity. */
export interface Resize {
  readonly sizeBytes: number;
  /**
   * Makes a note that outlives the process. It is made before initiators reach what a disk has grown by, and before the end of a disk
   * that shrinks is lost: so what they were told is stable is never beyond what is noted. Where it throws, they see no change.
   */
  readonly record?: () => void;
}

/** What the commands of a unit that goes are answered with. */
const NO_UNIT = illegalRequest(SenseCode.LOGICAL_UNIT_NOT_SUPPORTED).outcome;

export class Target {
  readonly iqn: string;
  readonly name: string;
  readonly #units = new Map<number, Volume>();
  readonly #device = new Device();
  /** What answers at a LUN where there is nothing. */
  readonly none: LogicalUnit;
  /** See {@linkcode TargetOptions.pictureOf}. */
  readonly pictureOf: Target | undefined;
  /** Those in full feature phase, and those that are ending. */
  readonly sessions = new Set<Session>();
  readonly #portOwners = new PortOwners();
  #chap: ChapPolicy;

  constructor(options: TargetOptions) {
    invariant(options.units.has(0), `${options.iqn} has no logical unit 0`);
    this.none = new NoUnit(this.#device);
    this.iqn = options.iqn;
    this.name = options.name;
    this.pictureOf = options.pictureOf;
    this.#chap = options.chap ?? { users: [] };
    for (const [lun, volume] of options.units) this.addUnit(lun, volume);
  }

  /** Who has to prove what. Counts for logins from now on. */
  get chap(): ChapPolicy {
    return this.pictureOf?.chap ?? this.#chap;
  }
  set chap(policy: ChapPolicy) {
    this.#chap = policy;
  }

  /** By LUN. */
  get units(): ReadonlyMap<number, Volume> {
    return this.#units;
  }

  /** The device that an initiator port belongs to: it has a session or a registration here. */
  ownerOf(initiatorPort: string): string | undefined {
    const inUse = new Set(
      [...this.sessions].map(({ nexus }) => nexus.initiatorPort),
    );
    this.#portOwners.keep((port) =>
      inUse.has(port) ||
      [...this.#units.values()].some(({ unit }) => unit.isRegistered(port))
    );
    return this.#portOwners.get(initiatorPort);
  }

  /** The session has begun. Its initiator port belongs to its device from now on. */
  begin(session: Session): void {
    const { nexus, device } = session;
    this.sessions.add(session);
    this.#portOwners.set(nexus.initiatorPort, device);
    for (const { unit } of this.#units.values()) unit.join(nexus);
    session.ended.then(() => {
      this.sessions.delete(session);
      for (const { unit } of this.#units.values()) unit.leave(nexus);
    });
  }

  /** Every session reaches it from now on, and is told at its other units (3F/0E). The LUN must be free. */
  addUnit(lun: number, volume: Volume): void {
    invariant(!this.#units.has(lun), `LUN ${lun} of ${this.iqn} is taken`);
    volume.unit.appear(this.#device, lun);
    volume.beside = this.#units;
    volume.abortTasks = (nexuses, by) => this.#abortTasks(lun, { nexuses, by });
    this.#units.set(lun, volume);
    for (const { nexus } of this.sessions) volume.unit.join(nexus);
    volume.carryOn();
  }

  /**
   * Nothing reaches it any more, and every session is told at its other units (3F/0E). Commands that are under way there are answered like
   * those that come later: LOGICAL UNIT NOT SUPPORTED. Nothing touches its store when the promise resolves or rejects; LUN 0 goes with its
   * target.
   *
   * @throws {MediaError} where what was written cannot be made stable
   */
  async removeUnit(lun: number): Promise<void> {
    const volume = this.#units.get(lun);
    invariant(lun !== 0 && volume, `LUN ${lun} of ${this.iqn} cannot go`);
    this.#units.delete(lun);
    volume.unit.disappear();
    await Promise.all(
      [...this.sessions].map(({ control }) =>
        control.dismissTasks(lun, NO_UNIT)
      ),
    );
    await volume.stopErasing();
    await volume.order.settled();
    await volume.store.flush();
  }

  /** What goes on without a session ends; it is carried on when the units are served the next time. */
  async stopErasing(): Promise<void> {
    const volumes = [...this.#units.values()];
    await Promise.all(volumes.map((volume) => volume.stopErasing()));
  }

  /**
   * Changes the capacity of a unit; initiators learn it from a unit attention. On stable storage when it resolves.
   *
   * Where growing fails, the disk keeps its size. Where the store cannot be cut, the disk is small nevertheless, and what is beyond its
   * end never comes back: the store is cut before it grows again.
   *
   * @throws {MediaError} where the store fails, and what `record` throws
   */
  async resize(lun: number, to: Resize): Promise<void> {
    const volume = this.units.get(lun);
    if (!volume) throw new RangeError(`No logical unit ${lun}`);
    if (to.sizeBytes < volume.sizeBytes) await shrink(volume, to);
    else await grow(volume, to);
  }

  /** PREEMPT AND ABORT. Others who lost commands are told (SAM-5 section 5.6). */
  async #abortTasks(
    lun: number,
    whose: { readonly nexuses: ReadonlySet<number>; readonly by: Job },
  ): Promise<void> {
    const { nexuses, by } = whose;
    const unit = this.#units.get(lun)?.unit;
    const sessions = [...this.sessions].filter(({ nexus }) =>
      nexuses.has(nexus.id)
    );
    await Promise.all(sessions.map(async ({ nexus, control }) => {
      const own = nexus.id === by.nexus.id;
      const count = await control.abortTasks(lun, own ? by : undefined);
      if (!own && count > 0) unit?.commandsCleared(nexus);
    }));
  }

  /** Ends these sessions, all unless told otherwise, and resolves when nothing of them is left. */
  async endSessions(
    why: string,
    sessions: Iterable<Session> = this.sessions,
  ): Promise<void> {
    await Promise.all([...sessions].map((session) => session.end(why)));
  }

  /** Makes all volumes stable. @throws {MediaError} the first that fails */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.units.values()].map((volume) => volume.store.flush()),
    );
  }
}

async function shrink(
  volume: Volume,
  { sizeBytes, record }: Resize,
): Promise<void> {
  record?.();
  // No new command may reach the tail, and those under way have to be over, before it goes.
  volume.resized(sizeBytes);
  await volume.order.settled();
  await volume.store.resize(sizeBytes);
}

async function grow(
  volume: Volume,
  { sizeBytes, record }: Resize,
): Promise<void> {
  const { store } = volume;
  if (store.sizeBytes > volume.sizeBytes) await store.resize(volume.sizeBytes);
  await store.resize(sizeBytes);
  record?.();
  volume.resized(sizeBytes);
}
