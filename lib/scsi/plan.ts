/**
 * What a CDB asks of a volume. `scsi` makes plans and knows no store; `target/execute.ts` carries them out and knows no CDB.
 * Offsets and lengths are bytes, already checked against the capacity.
 */

import type { Extent } from "../base/extent.ts";

/** What a command ends with: a status and, with CHECK CONDITION, sense data in the format that the control mode page asks for. */
export interface Outcome {
  /** SAM-5 table 38. */
  readonly status: number;
  readonly sense?: Uint8Array;
}

/** The command is over: GOOD without data, or refused. */
export interface Answer {
  readonly kind: "answer";
  readonly outcome: Outcome;
}

/** Parameter data for the initiator (INQUIRY, MODE SENSE, …), already cut to the allocation length. Status is GOOD. */
export interface DataIn {
  readonly kind: "data-in";
  readonly data: Uint8Array;
}

/** Send the extent's bytes. The target reads straight into its outgoing PDUs. */
export interface Read {
  readonly kind: "read";
  readonly extent: Extent;
}

/** Receive `extent.length` bytes and write them. With `fua` a flush follows before GOOD. */
export interface Write {
  readonly kind: "write";
  readonly extent: Extent;
  readonly fua: boolean;
}

/** Receive `length` bytes; what they say decides how it goes on (MODE SELECT, UNMAP, COMPARE AND WRITE, …). */
export interface DataOut {
  readonly kind: "data-out";
  readonly length: number;
  /** `data` is whole and lent for the call and for the carrying out of the plan that it returns. */
  readonly then: (data: Uint8Array) => Plan;
}

/** All that was written is made stable; with `immediate` GOOD does not wait for it, and a failure is reported afterwards. */
export interface Flush {
  readonly kind: "flush";
  readonly immediate: boolean;
}

/** Each extent reads as zeros afterwards. */
export interface Unmap {
  readonly kind: "unmap";
  readonly extents: readonly Extent[];
  readonly fua: boolean;
}

/** `pattern` repeated over the extent; its length is a multiple of the pattern's. */
export interface WriteSame {
  readonly kind: "write-same";
  readonly extent: Extent;
  readonly pattern: Uint8Array;
  readonly fua: boolean;
}

/** Compare the bytes at `offset` with `expected`; on a miscompare `miscompare` makes the outcome from the first differing byte. */
export interface Compare {
  readonly kind: "compare";
  readonly offset: number;
  readonly expected: Uint8Array;
  readonly miscompare: (at: number) => Outcome;
  /** Written at `offset` when all is equal, with nothing in between (COMPARE AND WRITE). */
  readonly then?: { readonly data: Uint8Array; readonly fua: boolean };
}

/** Read the extent and give nothing back: VERIFY without BYTCHK, PRE-FETCH. */
export interface Probe {
  readonly kind: "probe";
  readonly extent: Extent;
}

/** GET LBA STATUS: the target finds what is mapped, `render` makes the parameter data of it. */
export interface MapQuery {
  readonly kind: "map-query";
  readonly extent: Extent;
  readonly maxExtents: number;
  readonly render: (
    extents: readonly { readonly extent: Extent; readonly mapped: boolean }[],
  ) => Uint8Array;
}

/** The plans before in order; the first that does not end with GOOD ends the command. */
export interface Sequence {
  readonly kind: "sequence";
  readonly steps: readonly Plan[];
}

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
  | Sequence;
