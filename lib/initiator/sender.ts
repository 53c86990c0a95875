/** What a session sends: single PDUs with the ExpStatSN of the moment they go out, commands, and data. */

import type { Duplex } from "../base/duplex.ts";
import { PeerError } from "../base/errors.ts";
import type { Digests } from "../iscsi/layout.ts";
import type { Parameters } from "../iscsi/parameters.ts";
import { RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { encodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { ATTR_SIMPLE, encodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import type { Command } from "./command.ts";
import { Outgoing } from "./outgoing.ts";
import { DataOutSequence, SinglePdu } from "./sendables.ts";
import type { Task } from "./task.ts";

/** A part of a write's data, and under which tag it goes. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
  readonly targetTransferTag: number;
}

export interface SenderOptions {
  readonly duplex: Duplex;
  readonly parameters: Parameters;
  readonly expStatSn: number;
  /** What is left of the data of a task that has ended is not sent. */
  readonly isActive: (task: Task) => boolean;
  readonly failed: (thrown: unknown) => void;
}

/** Most answers to the target's pings that may wait for a target that does not read them. */
const MAX_PENDING_PONGS = 64;

const NOTHING = new Uint8Array(0);

export class Sender {
  /** What the next PDU tells the target of its status numbers. */
  expStatSn: number;
  readonly #options: SenderOptions;
  readonly #outgoing: Outgoing;
  readonly #digests: Digests;
  #pendingPongs = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.expStatSn = options.expStatSn;
    this.#outgoing = new Outgoing(options.duplex, options.failed);
    this.#digests = {
      header: options.parameters.headerDigest,
      data: options.parameters.dataDigest,
    };
  }

  /** Sends one PDU by its encoder. */
  post<F extends { readonly expStatSn: number }>(
    encode: (fields: F, into: Uint8Array, at: number) => void,
    fields: Omit<F, "expStatSn">,
    data: Uint8Array = NOTHING,
  ): void {
    this.#outgoing.push(
      new SinglePdu({
        header: (into, at) =>
          encode({ ...fields, expStatSn: this.expStatSn } as F, into, at),
        data,
        digests: this.#digests,
      }),
    );
  }

  /** Sends a command with the data that may go without an R2T. */
  command(command: Command, task: Task): void {
    const { dataOut } = task;
    const {
      immediateData,
      initialR2T,
      firstBurstLength,
      maxRecvDataSegmentLength,
    } = this.#options.parameters;
    const first = Math.min(dataOut.length, firstBurstLength);
    const immediate = immediateData
      ? Math.min(first, maxRecvDataSegmentLength)
      : 0;
    const unsolicited = initialR2T ? immediate : first;
    this.post(encodeScsiCommand, {
      immediate: command.immediate ?? false,
      final: unsolicited === immediate,
      read: task.readLength > 0,
      write: dataOut.length > 0,
      attr: command.attr ?? ATTR_SIMPLE,
      totalAhsLength: 0,
      dataSegmentLength: immediate,
      lun: task.lun,
      initiatorTaskTag: task.initiatorTaskTag,
      expectedDataTransferLength: dataOut.length || task.readLength,
      cmdSn: task.cmdSn,
      cdb: command.cdb,
    }, dataOut.subarray(0, immediate));
    if (unsolicited > immediate) {
      this.data(task, {
        start: immediate,
        end: unsolicited,
        targetTransferTag: RESERVED_TAG,
      });
    }
  }

  /** Answers the target's ping. @throws {PeerError} where it asks faster than it reads */
  pong(
    ping: {
      readonly lun: Uint8Array;
      readonly targetTransferTag: number;
      readonly cmdSn: number;
    },
  ): void {
    if (++this.#pendingPongs > MAX_PENDING_PONGS) {
      throw new PeerError("The target pings without reading the answers");
    }
    const header = (into: Uint8Array, at: number) => {
      this.#pendingPongs--;
      encodeNopOut(
        {
          ...ping,
          immediate: true,
          dataSegmentLength: 0,
          initiatorTaskTag: RESERVED_TAG,
          expStatSn: this.expStatSn,
        },
        into,
        at,
      );
    };
    this.#outgoing.push(
      new SinglePdu({ header, data: NOTHING, digests: this.#digests }),
    );
  }

  /** Sends a sequence of Data-Out. */
  data(task: Task, range: DataRange): void {
    this.#outgoing.push(
      new DataOutSequence({
        ...range,
        task,
        maxSegmentBytes: this.#options.parameters.maxRecvDataSegmentLength,
        digests: this.#digests,
        expStatSn: () => this.expStatSn,
        wanted: () => this.#options.isActive(task),
      }),
    );
  }
}
