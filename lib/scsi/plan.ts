/**
 * What a CDB asks of a volume. `scsi` makes plans and knows no store; `target/execute.ts` carries them out and knows no CDB.
 * Offsets and lengths are bytes, already checked against the capacity.
 */

import type { Extent } from "../base/extent.ts";
import type { LogicalUnit } from "./logical_unit.ts";
import type { KeptReservations } from "./reservation.ts";

/** What a command ends with: a status and, with CHECK CONDITION, sense data in the format that the control mode page asks for. */
export interface Outcome {
  /** SAM-5 table 38. */
  readonly status: number;
  /** Sense data, with CHECK CONDITION alone. */
  readonly sense?: Uint8Array;
}

/** The command is over: GOOD without data, or refused. */
export interface Answer {
  /** Which plan it is. */
  readonly kind: "answer";
  /** What the initiator is told. */
  readonly outcome: Outcome;
}

/** Parameter data for the initiator (INQUIRY, MODE SENSE, …), already cut to the allocation length. Status is GOOD. */
export interface DataIn {
  /** Which plan it is. */
  readonly kind: "data-in";
  /** What the initiator is sent. */
  readonly data: Uint8Array;
}

/** Send the extent's bytes. The target reads straight into its outgoing PDUs. */
export interface Read {
  /** Which plan it is. */
  readonly kind: "read";
  /** The bytes of the volume that it is about. */
  readonly extent: Extent;
}

/** Receive `extent.length` bytes and write them. With `fua` a flush follows before GOOD. */
export interface Write {
  /** Which plan it is. */
  readonly kind: "write";
  /** The bytes of the volume that it is about. */
  readonly extent: Extent;
  /** Stable before GOOD. */
  readonly fua: boolean;
  /**
   * Where the initiator gives less than the extent and ends inside a block: so many bytes, whole blocks, are written, and the rest of
   * what comes is dropped. No block is ever half old and half new.
   */
  readonly wholeBytes?: number;
}

/** Receive `length` bytes; what they say decides how it goes on (MODE SELECT, UNMAP, COMPARE AND WRITE, …). */
export interface DataOut {
  /** Which plan it is. */
  readonly kind: "data-out";
  /** Bytes of Data-Out. */
  readonly length: number;
  /**
   * `data` is lent for the call and for the carrying out of the plan that it returns. It is shorter than `length` only where the
   * initiator had announced less to its transport.
   */
  readonly then: (data: Uint8Array) => Plan;
}

/** All that was written is made stable; with `immediate` GOOD does not wait for it, and a failure is reported afterwards. */
export interface Flush {
  /** Which plan it is. */
  readonly kind: "flush";
  /** GOOD comes before it is done. */
  readonly immediate: boolean;
}

/** Each extent reads as zeros afterwards. */
export interface Unmap {
  /** Which plan it is. */
  readonly kind: "unmap";
  /** In any order; they may overlap. */
  readonly extents: readonly Extent[];
  /** Stable before GOOD. */
  readonly fua: boolean;
}

/** `pattern` repeated over the extent; its length is a multiple of the pattern's. */
export interface WriteSame {
  /** Which plan it is. */
  readonly kind: "write-same";
  /** The bytes of the volume that it is about. */
  readonly extent: Extent;
  /** What is written over and over. */
  readonly pattern: Uint8Array;
  /** Stable before GOOD. */
  readonly fua: boolean;
}

/** Compare the bytes at `offset` with `expected`; on a miscompare `miscompare` makes the outcome from the first differing byte. */
export interface Compare {
  /** Which plan it is. */
  readonly kind: "compare";
  /** Where the comparison begins. */
  readonly offset: number;
  /** What ought to be there. */
  readonly expected: Uint8Array;
  /** The outcome for a first difference at that byte of `expected`. */
  readonly miscompare: (at: number) => Outcome;
  /** Written at `offset` when all is equal, with nothing in between (COMPARE AND WRITE). */
  readonly then?: { readonly data: Uint8Array; readonly fua: boolean };
}

/** Read the extent and give nothing back: VERIFY without BYTCHK, PRE-FETCH. */
export interface Probe {
  /** Which plan it is. */
  readonly kind: "probe";
  /** The bytes of the volume that it is about. */
  readonly extent: Extent;
}

/** GET LBA STATUS: the target finds what is mapped, `render` makes the parameter data of it. */
export interface MapQuery {
  /** Which plan it is. */
  readonly kind: "map-query";
  /** The bytes of the volume that it is about. */
  readonly extent: Extent;
  /** The most runs that `render` can use. */
  readonly maxExtents: number;
  /** Makes the parameter data of runs that follow each other without gaps. */
  readonly render: (
    extents: readonly { readonly extent: Extent; readonly mapped: boolean }[],
  ) => Uint8Array;
}

/** Written at `offset` is what is there OR `data`, with nothing in between (ORWRITE). */
export interface Or {
  /** Which plan it is. */
  readonly kind: "or";
  /** Where it begins. */
  readonly offset: number;
  /** The other operand. */
  readonly data: Uint8Array;
  /** Stable before GOOD. */
  readonly fua: boolean;
}

/** All of `data` is written at `offset` or, whatever happens, nothing of it; stable before GOOD (WRITE ATOMIC). */
export interface WriteAtomic {
  /** Which plan it is. */
  readonly kind: "write-atomic";
  /** Where it begins. */
  readonly offset: number;
  /** What is written. */
  readonly data: Uint8Array;
}

/** One pass over the whole medium. */
export type Pass =
  | { readonly kind: "unmap" }
  | {
    readonly kind: "overwrite";
    /** Written over and over. */
    readonly pattern: Uint8Array;
    /** Also where nothing is mapped. */
    readonly everywhere: boolean;
  };

/** Work over the whole medium that goes on whatever becomes of the command that asked for it. */
export interface Erasure {
  /** One after the other, each stable before the next. */
  readonly passes: readonly Pass[];
  /** The medium is out of reach from now on, also for another process. @throws where no note of that can be made; nothing has changed then */
  begin(): void;
  /** So much is done, 0 to 1. */
  progressed(fraction: number): void;
  /** All is done and stable: the medium may be used. @throws where the note stays; the medium stays out of reach */
  finished(): void;
  /** It cannot be finished: the medium stays out of reach. */
  failed(): void;
  /** The outcome for whoever waits for an erasure that fails. */
  failure(): Outcome;
}

/** FORMAT UNIT and SANITIZE. With `immediate` GOOD comes as soon as it has begun. */
export interface Erase {
  /** Which plan it is. */
  readonly kind: "erase";
  /** What is to be done. */
  readonly erasure: Erasure;
  /** GOOD comes before it is done. */
  readonly immediate: boolean;
}

/** Carry out `plan`; where that does not end with GOOD, it ends with `otherwise` (a self-test that fails). */
export interface Attempt {
  /** Which plan it is. */
  readonly kind: "attempt";
  /** What is tried. */
  readonly plan: Plan;
  /** How the command ends where it fails. */
  readonly otherwise: Outcome;
}

/**
 * Registrations and a reservation outlive the process from now on, or do not any more: whole or not at all, and on stable storage before
 * anything else happens.
 */
export interface Keep {
  /** Which plan it is. */
  readonly kind: "keep";
  /** All of them; undefined: nothing is to be left of what was kept. */
  readonly reservations: KeptReservations | undefined;
  /** How it goes on: `kept` tells whether it worked. Called once, before anybody else's plan is carried out. */
  readonly then: (kept: boolean) => Plan;
}

/**
 * The tasks that these nexuses have at this unit end without a response, but not the one that asks. They cannot touch the volume any more
 * when it is answered with GOOD. Who lost some to another nexus is told (2F/00).
 */
export interface AbortTasks {
  /** Which plan it is. */
  readonly kind: "abort-tasks";
  /** By {@linkcode Nexus.id}. */
  readonly nexuses: ReadonlySet<number>;
}

/** One end of what is copied. */
export interface CopyEnd {
  /** A unit of the same target. */
  readonly unit: LogicalUnit;
  /** Where in its bytes it begins. */
  readonly offset: number;
}

/** Bytes that are copied in one go, as if all were read before the first is written. */
export interface CopySegment {
  /** Where they are read. */
  readonly source: CopyEnd;
  /** Where they are written. */
  readonly destination: CopyEnd;
  /** How many; 0 copies nothing. */
  readonly length: number;
  /** So many zeros are written behind them. */
  readonly padBytes: number;
  /** Stable before GOOD. */
  readonly fua: boolean;
}

/** What the copy manager says while a copy is carried out, and what it is told of it. */
export interface CopyOperation {
  /** Segments, carried out in their order. */
  readonly segments: number;
  /** It begins; or the outcome where it may not. {@linkcode end} follows in the first case, and only then. */
  begin(): Outcome | undefined;
  /** A segment whose turn has come, or how the command ends because it cannot be copied. */
  segment(index: number): CopySegment | Outcome;
  /** How the command ends because that segment must not be read or written, or must not any more. Looked at before each access. */
  objection(): Outcome | undefined;
  /** So many bytes of the segment were written. */
  written(bytes: number): void;
  /** All of the segment was. */
  segmentDone(): void;
  /** How the command ends because one of the segment's ends failed so. */
  failed(side: "source" | "destination", outcome: Outcome): Outcome;
  /** It has ended; undefined: nobody waits for it any more. */
  end(outcome: Outcome | undefined): void;
}

/** EXTENDED COPY: from unit to unit of one target. */
export interface Copy {
  /** Which plan it is. */
  readonly kind: "copy";
  /** What is copied. */
  readonly operation: CopyOperation;
}

/** The plans before in order; the first that does not end with GOOD ends the command. */
export interface Sequence {
  /** Which plan it is. */
  readonly kind: "sequence";
  /** Carried out one after the other. */
  readonly steps: readonly Plan[];
}

/** What a command asks of a volume. */
export type Plan =
  | Answer
  | DataIn
  | Read
  | Write
  | DataOut
  | Flush
  | Unmap
  | WriteSame
  | Compare
  | Probe
  | MapQuery
  | Copy
  | Or
  | WriteAtomic
  | Erase
  | Attempt
  | Keep
  | AbortTasks
  | Sequence;
