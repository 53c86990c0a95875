/** The two things that an initiator sends: a single PDU, and a sequence of Data-Out. */

import {
  dataStart,
  type Digests,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import { encodeDataOut } from "../iscsi/pdu/data_out.ts";
import type { Sendable } from "./outgoing.ts";
import type { Task } from "./task.ts";

/** One PDU: a header that is written when its turn comes, and data. */
export class SinglePdu implements Sendable {
  readonly #header: (into: Uint8Array, at: number) => void;
  readonly #data: Uint8Array;
  readonly #digests: Digests;
  #sent = false;

  constructor(
    options: {
      readonly header: (into: Uint8Array, at: number) => void;
      readonly data: Uint8Array;
      readonly digests: Digests;
    },
  ) {
    this.#header = options.header;
    this.#data = options.data;
    this.#digests = options.digests;
  }

  nextBytes(): number {
    return this.#sent ? 0 : pduLength(this.#data.length, this.#digests);
  }

  encode(into: Uint8Array, at: number): void {
    this.#sent = true;
    this.#header(into, at);
    into.set(this.#data, at + dataStart(this.#digests));
    sealPdu(into, at, {
      dataLength: this.#data.length,
      digests: this.#digests,
    });
  }
}

export interface DataOutSequenceOptions {
  readonly task: Task;
  /** Bytes of the task's data. */
  readonly start: number;
  readonly end: number;
  readonly targetTransferTag: number;
  readonly maxSegmentBytes: number;
  readonly digests: Digests;
  readonly expStatSn: () => number;
  /** Whether the task is still there: what is left of an ended one is not sent. */
  readonly wanted: () => boolean;
}

/** A sequence of Data-Out: what an R2T asks for, or what may go without one. */
export class DataOutSequence implements Sendable {
  readonly #options: DataOutSequenceOptions;
  #offset: number;
  #dataSn = 0;

  constructor(options: DataOutSequenceOptions) {
    this.#options = options;
    this.#offset = options.start;
  }

  nextBytes(): number {
    const length = this.#segment();
    return length === 0 || !this.#options.wanted()
      ? 0
      : pduLength(length, this.#options.digests);
  }

  encode(into: Uint8Array, at: number): void {
    const { task, digests, end } = this.#options;
    const offset = this.#offset;
    const dataLength = this.#segment();
    encodeDataOut(
      {
        final: offset + dataLength === end,
        dataSegmentLength: dataLength,
        lun: task.lun,
        initiatorTaskTag: task.initiatorTaskTag,
        targetTransferTag: this.#options.targetTransferTag,
        expStatSn: this.#options.expStatSn(),
        dataSn: this.#dataSn++,
        bufferOffset: offset,
      },
      into,
      at,
    );
    into.set(
      task.dataOut.subarray(offset, offset + dataLength),
      at + dataStart(digests),
    );
    sealPdu(into, at, { dataLength, digests });
    this.#offset = offset + dataLength;
  }

  #segment(): number {
    return Math.min(
      this.#options.end - this.#offset,
      this.#options.maxSegmentBytes,
    );
  }
}
