/** What a target may ask of a logical unit's SCSI state. `disk.ts` implements it for a direct-access block device. */

import type { Device } from "./device.ts";
import type { Nexus } from "./nexus.ts";
import type { Erasure, Outcome, Plan } from "./plan.ts";

/** The SCSI state of one logical unit, or of a LUN where there is none. */
export interface LogicalUnit {
  /** It is that LUN of the device from now on: REPORT LUNS tells so, and a unit attention 3F/0E at every other unit. */
  appear(device: Device, lun: number): void;
  /** It is no more in its device. */
  disappear(): void;

  /** A nexus came to be (login) or ended (logout, loss, reinstatement). Each begins with a unit attention 29/00. */
  join(nexus: Nexus): void;
  /** See {@linkcode join}. */
  leave(nexus: Nexus): void;

  /** Whether the initiator port has a registration (PERSISTENT RESERVE OUT): it outlives the port's sessions. */
  isRegistered(initiatorPort: string): boolean;

  /**
   * What the CDB asks for, or why it is refused: unit attentions, reservations, bad fields and the capacity are looked at here.
   * Pure state, no I/O; the CDB is lent for the call. `dataOutBytes` is what the transport expects the initiator to send (its Expected
   * Data Transfer Length, 0 where it expects to send nothing): the few commands that must not guess compare it with what they need.
   */
  plan(nexus: Nexus, cdb: Uint8Array, dataOutBytes?: number): Plan;

  /** The outcome for a store that threw while carrying out a plan: a medium or hardware error or write protection, with sense. */
  failure(
    nexus: Nexus,
    during: "read" | "write" | "flush",
    thrown: unknown,
  ): Outcome;

  /** What failed belongs to a command that has ended with GOOD: the next one of the nexus tells of it. */
  deferred(nexus: Nexus, during: "write" | "flush", thrown: unknown): void;

  /** Why the medium cannot be reached now, although a plan was made before; undefined where it can. */
  refusal(nexus: Nexus): Outcome | undefined;

  /** The erasure that the end of an earlier process interrupted: whoever serves the unit carries it on, once. */
  interrupted(): Erasure | undefined;

  /** CHECK CONDITION / ABORTED COMMAND with additional sense code `code` (ASC << 8 | ASCQ), for faults of the transport. */
  aborted(nexus: Nexus, code: number): Outcome;

  /** The capacity changed: a unit attention 2A/09 for every nexus. */
  resized(sizeBytes: number): void;

  /** LOGICAL UNIT RESET or a target reset: unit attentions 29/xx for every nexus, except no more for `by` where given. */
  reset(kind: "logical-unit" | "target-warm" | "target-cold", by?: Nexus): void;

  /** CLEAR TASK SET or another nexus's abort took this nexus's commands: 2F/00. */
  commandsCleared(nexus: Nexus): void;
}
