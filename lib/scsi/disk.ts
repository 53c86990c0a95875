/**
 * A direct-access block device (SBC-3). A CDB is looked at in this order, and the first objection is the answer:
 *
 *   1. reservations of others      RESERVATION CONFLICT (SAM-5 section 5.3.3: before every other status)
 *   2. a pending unit attention    CHECK CONDITION, UNIT ATTENTION
 *   3. the operation code          ILLEGAL REQUEST 20/00; a service action of a known code 24/00
 *   4. bits that this unit ignores ILLEGAL REQUEST 24/00
 *   5. write protection            DATA PROTECT 27/00
 *   6. the command's own fields
 *
 * An operation code that is in no table row is in no allow list either: while somebody else holds a reservation it conflicts.
 */

import { invariant } from "../base/errors.ts";
import { MediaError } from "../base/media_error.ts";
import { type Command } from "./command.ts";
import { commandOf, commands } from "./commands.ts";
import { Device } from "./device.ts";
import type { LogicalUnit } from "./logical_unit.ts";
import type { Nexus } from "./nexus.ts";
import type { Answer, Outcome, Plan } from "./plan.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";
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
}

/** The SCSI state of one disk: what its commands ask for and how they are refused. It does no I/O. */
export class Disk implements LogicalUnit {
  readonly #unit: Unit;

  /** A disk as after power on. @throws {InvariantError} where the size is less than a block */
  constructor(options: DiskOptions) {
    const device = new Device();
    this.#unit = new Unit({ ...options, commands, device });
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
  }

  /**
   * What the CDB asks for, or why it is refused.
   *
   * @throws {InvariantError} where the nexus never joined; nothing that a CDB holds throws
   */
  plan(nexus: Nexus, cdb: Uint8Array, dataOutBytes?: number): Plan {
    const caller = this.#unit.callers.get(nexus.id);
    invariant(caller, "A command came from a nexus that never joined");
    const command = commandOf(cdb);
    if (typeof command === "string") return this.#unknown(caller, command);
    if (this.#unit.reservations.forbids(nexus, command.access)) {
      return RESERVATION_CONFLICT;
    }
    if (caller.attentions.first !== undefined && !command.exempt) {
      return this.#attention(caller);
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
    return this.#unit.check(senseOf(during, thrown)).outcome;
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
    this.#unit.modes.reset();
    this.#unit.reservations.reset();
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

/** Sense for what a store threw. What is not a medium's fault is ours: HARDWARE ERROR, internal target failure. */
function senseOf(
  during: "read" | "write" | "flush",
  thrown: unknown,
): { key: number; code: number } {
  if (!(thrown instanceof MediaError)) {
    return {
      key: SenseKey.HARDWARE_ERROR,
      code: SenseCode.INTERNAL_TARGET_FAILURE,
    };
  }
  switch (thrown.fault) {
    case "no-space":
      return {
        key: SenseKey.DATA_PROTECT,
        code: SenseCode.SPACE_ALLOCATION_FAILED_WRITE_PROTECT,
      };
    case "read-only":
      return { key: SenseKey.DATA_PROTECT, code: SenseCode.WRITE_PROTECTED };
    case "failed":
      // A write is refused like on a read-only medium; a flush has lost something, and nobody may take that for a lesser matter.
      return during === "flush"
        ? { key: SenseKey.MEDIUM_ERROR, code: SenseCode.WRITE_ERROR }
        : { key: SenseKey.DATA_PROTECT, code: SenseCode.WRITE_PROTECTED };
    case "medium":
      return {
        key: SenseKey.MEDIUM_ERROR,
        code: during === "read"
          ? SenseCode.UNRECOVERED_READ_ERROR
          : SenseCode.WRITE_ERROR,
      };
  }
}
