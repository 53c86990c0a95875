/**
 * A direct-access block device (SBC-3). A CDB is looked at in this order, and the first objection is the answer:
 *
 *   1. reservations of others      RESERVATION CONFLICT (SAM-5 section 5.3.3: before every other status)
 *   2. a pending unit attention    CHECK CONDITION, UNIT ATTENTION
 *   3. the operation code          ILLEGAL REQUEST 20/00; a service action of a known code 24/00
 *   4. an error of an earlier one  CHECK CONDITION with a deferred error, of which the same three commands are exempt
 *   5. a medium out of reach       NOT READY, or MEDIUM ERROR where it could not be erased
 *   6. bits that this unit ignores ILLEGAL REQUEST 24/00
 *   7. write protection            DATA PROTECT 27/00
 *   8. the command's own fields
 *
 * An operation code that is in no table row is in no allow list either: while somebody else holds a reservation it conflicts.
 */

import { invariant } from "../base/errors.ts";
import { accessOf, type Command } from "./command.ts";
import { CommandTable } from "./commands.ts";
import { Device } from "./device.ts";
import type { ErasureAsk, ErasureNotes } from "./erasure.ts";
import type { LogicalUnit } from "./logical_unit.ts";
import { Medium } from "./medium.ts";
import type { Nexus } from "./nexus.ts";
import type { Answer, Erasure, Outcome, Plan } from "./plan.ts";
import type { Keeping } from "./reservation.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";
import { Status } from "./status.ts";
import { isRefusal, senseOf } from "./store_sense.ts";
import {
  type Caller,
  type Geometry,
  type Identity,
  RESERVATION_CONFLICT,
  Unit,
} from "./unit.ts";
import { Attentions } from "./unit_attention.ts";

/** What a disk is made with. */
export interface DiskOptions {
  /** By what name it is known. */
  readonly identity: Identity;
  /** Its blocks. */
  readonly geometry: Geometry;
  /** Every command that changes the medium is refused, and MODE SENSE says so. */
  readonly readOnly: boolean;
  /** The medium can be ejected and loaded; it is in at first. */
  readonly removable?: boolean;
  /** Where a note is kept of the medium's being erased. Without it there is no FORMAT UNIT and no SANITIZE. */
  readonly erasureNotes?: ErasureNotes;
  /** The erasure that such a note is about: the end of the process has interrupted it, and it has to be carried on. */
  readonly interrupted?: ErasureAsk;
  /** The store can write all or nothing. */
  readonly atomicWrites?: boolean;
  /** What a plan `keep` asks for is done, and this is what was kept before. Without it there is no APTPL. */
  readonly keptReservations?: Keeping;
}

/** The SCSI state of one disk: what its commands ask for and how they are refused. It does no I/O. */
export class Disk implements LogicalUnit {
  readonly #unit: Unit;
  readonly #table: CommandTable;

  /** A disk as after power on. @throws {InvariantError} where the size is less than a block */
  constructor(options: DiskOptions) {
    const device = new Device();
    const { erasureNotes: notes, interrupted } = options;
    const features = {
      removable: options.removable ?? false,
      erasable: notes !== undefined,
      atomicWrites: options.atomicWrites ?? false,
    };
    this.#table = new CommandTable(features);
    const medium = new Medium({
      blockSizeBytes: options.geometry.blockSizeBytes,
      ...(notes && { notes }),
      ...(interrupted && { interrupted }),
    });
    const { commands } = this.#table;
    this.#unit = new Unit({ ...options, features, medium, commands, device });
    this.appear(device, 0);
  }

  /** It was LUN 0 of a device of its own before. */
  appear(device: Device, lun: number): void {
    this.disappear();
    this.#unit.device = device;
    device.add(lun, { logicalUnit: this, unit: this.#unit });
  }

  /** Nothing reaches it any more through its device. */
  disappear(): void {
    this.#unit.device.remove(this);
  }

  /** A nexus came to be; it begins with a unit attention 29/00. */
  join(nexus: Nexus): void {
    const attentions = new Attentions();
    attentions.add(SenseCode.POWER_ON_RESET_OR_BUS_DEVICE_RESET_OCCURRED);
    this.#unit.callers.set(nexus.id, { unit: this.#unit, nexus, attentions });
  }

  /** A nexus ended, and with it its RESERVE. Its registration stays. */
  leave(nexus: Nexus): void {
    this.#unit.callers.delete(nexus.id);
    this.#unit.reservations.release(nexus);
    this.#unit.medium.allow(nexus);
    this.#unit.device.copies.forget(nexus.id);
  }

  /** Whether the initiator port has a registration. */
  isRegistered(initiatorPort: string): boolean {
    return this.#unit.reservations.keys.has(initiatorPort);
  }

  /**
   * What the CDB asks for, or why it is refused.
   *
   * @throws {InvariantError} where the nexus never joined; nothing that a CDB holds throws
   */
  plan(nexus: Nexus, cdb: Uint8Array, dataOutBytes?: number): Plan {
    const caller = this.#unit.callers.get(nexus.id);
    invariant(caller, "A command came from a nexus that never joined");
    const command = this.#table.of(cdb);
    if (typeof command === "string") return this.#unknown(caller, command);
    if (this.#unit.reservations.forbids(nexus, accessOf(command, cdb))) {
      return RESERVATION_CONFLICT;
    }
    if (caller.attentions.first !== undefined && !command.exempt) {
      return this.#attention(caller);
    }
    if (caller.deferred && !command.exempt) {
      const { deferred } = caller;
      caller.deferred = undefined;
      return this.#unit.check(deferred);
    }
    if (!this.#unit.medium.free) {
      const obstacle = this.#unit.medium.obstacle(command.needs ?? "medium");
      if (obstacle) return this.#unit.check(obstacle);
    }
    const objection = this.#objection(command, cdb, nexus);
    return objection ?? command.plan(cdb, caller, dataOutBytes);
  }

  /** The outcome for a store that threw: sense by the fault of a MediaError; anything else is HARDWARE ERROR 44/00. */
  failure(
    _nexus: Nexus,
    during: "read" | "write" | "flush",
    thrown: unknown,
  ): Outcome {
    this.#count(during, thrown);
    return this.#unit.check(senseOf(during, thrown)).outcome;
  }

  /** The next command of the nexus ends with a deferred error. */
  deferred(nexus: Nexus, during: "write" | "flush", thrown: unknown): void {
    this.#count(during, thrown);
    const caller = this.#unit.callers.get(nexus.id);
    if (caller) {
      caller.deferred = { ...senseOf(during, thrown), deferred: true };
    }
  }

  /** The medium was taken away, stopped or is being erased after the plan was made. */
  refusal(_nexus: Nexus): Outcome | undefined {
    const { medium } = this.#unit;
    if (medium.free) return undefined;
    const obstacle = medium.obstacle("medium");
    return obstacle && this.#unit.check(obstacle).outcome;
  }

  /** What the end of the process has interrupted and is to be carried on. */
  interrupted(): Erasure | undefined {
    // Nobody waits for its outcome.
    return this.#unit.medium.interrupted(() => ({
      status: Status.TASK_ABORTED,
    }));
  }

  /** CHECK CONDITION, ABORTED COMMAND. */
  aborted(_nexus: Nexus, code: number): Outcome {
    return this.#unit.check({ key: SenseKey.ABORTED_COMMAND, code }).outcome;
  }

  /** The capacity changed: 2A/09 for every nexus. */
  resized(sizeBytes: number): void {
    this.#unit.resize(sizeBytes);
    this.#unit.attention(SenseCode.CAPACITY_DATA_HAS_CHANGED);
  }

  /** Mode pages go back to their defaults, a RESERVE ends, persistent reservations stay; 29/xx for all but `by`. */
  reset(
    kind: "logical-unit" | "target-warm" | "target-cold",
    by?: Nexus,
  ): void {
    this.#unit.resets++;
    this.#unit.modes.reset();
    this.#unit.reservations.reset();
    this.#unit.medium.reset();
    this.#unit.attention(RESET_CODES[kind], by);
  }

  /** 2F/00 for the nexus whose commands another took. */
  commandsCleared(nexus: Nexus): void {
    this.#unit.callers.get(nexus.id)?.attentions.add(
      SenseCode.COMMANDS_CLEARED_BY_ANOTHER_INITIATOR,
    );
  }

  #unknown(caller: Caller, what: "opcode" | "service-action"): Plan {
    if (this.#unit.reservations.forbids(caller.nexus, "write")) {
      return RESERVATION_CONFLICT;
    }
    if (caller.attentions.first !== undefined) return this.#attention(caller);
    return what === "opcode"
      ? this.#unit.illegal(SenseCode.INVALID_COMMAND_OPERATION_CODE)
      : this.#unit.invalidField(1);
  }

  #count(during: "read" | "write" | "flush", thrown: unknown): void {
    if (isRefusal(thrown)) return;
    this.#unit.failures[during === "read" ? "read" : "write"]++;
  }

  #attention(caller: Caller): Answer {
    const code = caller.attentions.take() ??
      SenseCode.NO_ADDITIONAL_SENSE_INFORMATION;
    return this.#unit.check({ key: SenseKey.UNIT_ATTENTION, code });
  }

  #objection(
    command: Command,
    cdb: Uint8Array,
    nexus: Nexus,
  ): Answer | undefined {
    const { mask } = command;
    if (cdb.length < mask.length) return this.#unit.invalidField(cdb.length);
    for (let i = 1; i < mask.length; i++) {
      if ((cdb[i]! & ~mask[i]!) !== 0) return this.#unit.invalidField(i);
    }
    return command.mutates || command.governs
      ? this.#protection(command, nexus)
      : undefined;
  }

  #protection(command: Command, nexus: Nexus): Answer | undefined {
    const key = SenseKey.DATA_PROTECT;
    if (nexus.readOnly || (command.mutates && this.#unit.readOnly)) {
      return this.#unit.check({ key, code: SenseCode.WRITE_PROTECTED });
    }
    return command.mutates && this.#unit.modes.softwareWriteProtect
      ? this.#unit.check({ key, code: SenseCode.SOFTWARE_WRITE_PROTECTED })
      : undefined;
  }
}

const RESET_CODES = {
  "logical-unit": SenseCode.BUS_DEVICE_RESET_FUNCTION_OCCURRED,
  "target-warm": SenseCode.SCSI_BUS_RESET_OCCURRED,
  "target-cold": SenseCode.POWER_ON_OCCURRED,
} as const;
