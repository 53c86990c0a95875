/** The state that the commands of one logical unit share, and who calls on it. */

import { invariant } from "../base/errors.ts";
import type { Command } from "./command.ts";
import type { Device } from "./device.ts";
import type { Medium } from "./medium.ts";
import { ModeState } from "./mode/state.ts";
import type { Nexus } from "./nexus.ts";
import type { Answer } from "./plan.ts";
import { type Keeping, Reservations } from "./reservation.ts";
import { encodeSense, type Sense } from "./sense.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";
import { Status } from "./status.ts";
import { Attentions } from "./unit_attention.ts";

/** By what name the unit is known. ASCII. */
export interface Identity {
  /** T10 vendor identification, at most 8 characters. */
  readonly vendor: string;
  /** Product identification, at most 16 characters. */
  readonly product: string;
  /** Product revision level, at most 4 characters. */
  readonly revision: string;
  /** Unit serial number, VPD page 80h, at most 32 characters. */
  readonly serial: string;
  /** NAA designator of 64 bits, 16 hexadecimal digits; the first is 3 (locally assigned). */
  readonly naa: string;
  /** The iSCSI target's name. */
  readonly targetName: string;
  /** Target portal group tag, which ends the target port's name; 1 unless told otherwise. */
  readonly portalGroupTag?: number;
}

/** `sizeBytes` is cut to whole blocks. */
export interface Geometry {
  /** Bytes of a logical block. */
  readonly blockSizeBytes: 512 | 4096;
  /** Bytes of the whole volume, at least one block. */
  readonly sizeBytes: number;
}

/** What not every unit can do: commands that need it are there or not. */
export interface Features {
  /** The medium can be taken out. */
  readonly removable: boolean;
  /** A note of an erasure that is under way outlives the process. */
  readonly erasable: boolean;
  /** The store can write all or nothing. */
  readonly atomicWrites: boolean;
}

/** One I_T nexus as the unit sees it. Made once at login, so that a command need not make anything. */
export interface Caller {
  /** Whom it calls on. */
  readonly unit: Unit;
  /** Who it is. */
  readonly nexus: Nexus;
  /** What it has to be told. */
  readonly attentions: Attentions;
  /** What went wrong with a command of its that had ended with GOOD (SPC-4 section 4.5.5). */
  deferred?: Sense | undefined;
}

/** One logical unit. */
export class Unit {
  /** By what name it is known. */
  readonly identity: Identity;
  /** Bytes of a logical block. */
  readonly blockSizeBytes: 512 | 4096;
  /** The volume takes no writes, whatever the initiator sets. */
  readonly readOnly: boolean;
  /** The device that it belongs to, with its other units. */
  device: Device;
  /** What it can do that others cannot. */
  readonly features: Features;
  /** The command table, for REPORT SUPPORTED OPERATION CODES. */
  readonly commands: readonly Command[];
  /** Whether the medium can be reached. */
  readonly medium: Medium;
  /** Reads, writes and flushes that the store could not do, since power on: what the log pages tell. */
  readonly failures = { read: 0, write: 0 };
  /** The mode pages as they are now. */
  readonly modes: ModeState;
  /** Who may do what. */
  readonly reservations: Reservations;
  /** Registrations can outlive the process (APTPL). */
  readonly keepsReservations: boolean;
  /** Who is logged in, by nexus. */
  readonly callers = new Map<number, Caller>();
  /** Resets since power on: whoever works on it for long sees by this that it was reset. */
  resets = 0;
  #blocks: number;

  /** A unit as after power on. @throws {InvariantError} where the size is less than a block */
  constructor(options: {
    readonly identity: Identity;
    readonly geometry: Geometry;
    readonly readOnly: boolean;
    readonly device: Device;
    readonly features: Features;
    readonly medium: Medium;
    readonly commands: readonly Command[];
    readonly keptReservations?: Keeping;
  }) {
    this.keepsReservations = options.keptReservations !== undefined;
    this.reservations = new Reservations(options.keptReservations?.now);
    this.identity = options.identity;
    this.blockSizeBytes = options.geometry.blockSizeBytes;
    this.readOnly = options.readOnly;
    this.device = options.device;
    this.features = options.features;
    this.medium = options.medium;
    this.commands = options.commands;
    this.modes = new ModeState();
    this.#blocks = this.#wholeBlocks(options.geometry.sizeBytes);
  }

  /** Logical blocks of the medium; the last LBA is one less. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Whether a nexus may not write: because of the volume, of itself, or of the SWP bit that an initiator has set. */
  writeProtects(nexus: Nexus): boolean {
    return this.readOnly || nexus.readOnly === true ||
      this.modes.softwareWriteProtect;
  }

  /** Changes the capacity. @throws {InvariantError} where the size is less than a block */
  resize(sizeBytes: number): void {
    this.#blocks = this.#wholeBlocks(sizeBytes);
  }

  /** Establishes a unit attention for every nexus but `except`. */
  attention(code: number, except?: Nexus): void {
    for (const caller of this.callers.values()) {
      if (caller.nexus.id !== except?.id) caller.attentions.add(code);
    }
  }

  /** Establishes a unit attention for the sessions of one initiator port. One that is not logged in gets 29/00 when it is. */
  attentionOfPort(port: string, code: number): void {
    for (const caller of this.callers.values()) {
      if (caller.nexus.initiatorPort === port) caller.attentions.add(code);
    }
  }

  /** CHECK CONDITION with sense data in the format that the control mode page asks for. */
  check(sense: Sense): Answer {
    return {
      kind: "answer",
      outcome: {
        status: Status.CHECK_CONDITION,
        sense: encodeSense(sense, this.modes.descriptorSense),
      },
    };
  }

  /** ILLEGAL REQUEST with an additional sense code. */
  illegal(code: number): Answer {
    return this.check({ key: SenseKey.ILLEGAL_REQUEST, code });
  }

  /** INVALID FIELD IN CDB, pointing at `byte`. */
  invalidField(byte: number): Answer {
    return this.check({
      key: SenseKey.ILLEGAL_REQUEST,
      code: SenseCode.INVALID_FIELD_IN_CDB,
      field: { in: "cdb", byte },
    });
  }

  /** INVALID FIELD IN PARAMETER LIST, pointing at `byte`. */
  invalidParameter(byte: number): Answer {
    return this.check({
      key: SenseKey.ILLEGAL_REQUEST,
      code: SenseCode.INVALID_FIELD_IN_PARAMETER_LIST,
      field: { in: "parameters", byte },
    });
  }

  #wholeBlocks(sizeBytes: number): number {
    const blocks = Math.floor(sizeBytes / this.blockSizeBytes);
    invariant(
      Number.isSafeInteger(sizeBytes) && blocks > 0,
      `A disk has at least one block, not ${sizeBytes} bytes`,
    );
    return blocks;
  }
}

/** The command is over and all is well. */
export const GOOD: Answer = Object.freeze({
  kind: "answer",
  outcome: Object.freeze({ status: Status.GOOD }),
});

/** RESERVATION CONFLICT carries no sense data. */
export const RESERVATION_CONFLICT: Answer = Object.freeze({
  kind: "answer",
  outcome: Object.freeze({ status: Status.RESERVATION_CONFLICT }),
});
