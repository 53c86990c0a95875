/** A SCSI command as a caller puts it, and how it ended. */

/** A SCSI command. Data goes one way: out (`dataOut`) or in (`dataInLength` or `into`). */
export interface Command {
  /** The logical unit, 0 to 16383. A volume of this project is LUN 0 of a target of its own, or another of a target that it shares. */
  readonly lun: number;
  /** The command descriptor block, at most 16 bytes; what is missing of them is sent as zeros. */
  readonly cdb: Uint8Array;
  /** Sent to the target. Lent until the command is over. */
  readonly dataOut?: Uint8Array;
  /** Most bytes to be read, into a new buffer. */
  readonly dataInLength?: number;
  /** In place of `dataInLength`: where to read to, and how much. Lent until the command is over. */
  readonly into?: Uint8Array;
  /** Sent ahead of what waits for the target's command window, and outside of it (RFC 7143 section 4.2.2.1). */
  readonly immediate?: boolean;
  /**
   * Task attribute (RFC 7143 section 11.3.1): 0 untagged, 1 simple, 2 ordered, 3 head of queue, 4 ACA. Simple unless given.
   */
  readonly attr?: number;
  /** Told the command's task tag as soon as it is sent: what ABORT TASK refers to. */
  readonly onTag?: (initiatorTaskTag: number) => void;
}

/** How a command ended. */
export interface CommandResult {
  /** SAM status: 0x00 GOOD, 0x02 CHECK CONDITION, 0x18 RESERVATION CONFLICT and others. Meaningful where `response` is 0. */
  readonly status: number;
  /** iSCSI response: 0, or the target failed (RFC 7143 section 11.4.3). */
  readonly response: number;
  /** Sense data as they came, in fixed or descriptor format; empty where there are none. */
  readonly sense: Uint8Array;
  /** What was read: a view of the buffer that the caller gave, or of a new one. Shorter than that where less came. */
  readonly dataIn: Uint8Array;
  /** The command had more to give or take than was expected. */
  readonly overflow: boolean;
  /** The command had less. */
  readonly underflow: boolean;
  /** By how many bytes, where it is one of the two. */
  readonly residualCount: number;
}
