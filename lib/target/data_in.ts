/**
 * Read data on their way out: bytes of the store go straight into the queue of what is sent, one Data-In for each
 * MaxRecvDataSegmentLength, and the last of them carries GOOD.
 *
 * What fits into the queue and comes from a store that answers at once is done in one go. Longer reads wait for the queue to be
 * written, and reads of a store that waits keep their bytes in buffers of their own meanwhile, within the session's budget.
 */

import { MAX_DATA_SEGMENT_BYTES } from "../base/limits.ts";
import type { Parameters } from "../iscsi/parameters.ts";
import { ReadTransfer, type Residual, residualOf } from "../iscsi/transfer.ts";
import { readInto, type Refusal } from "./access.ts";
import { DataRoom } from "./data_room.ts";
import { DATA_IN_BUDGET_BYTES } from "./limits.ts";
import { QUEUE_LIMIT_BYTES } from "./outgoing.ts";
import type { Phase } from "./phase.ts";
import type { Task } from "./task.ts";

/** Where the bytes come from. */
export interface Source {
  readonly length: number;
  /** Fills `into` with the bytes from `offset` on. */
  readonly fill: (
    offset: number,
    into: Uint8Array,
  ) => Refusal | Promise<Refusal>;
}

export interface DataInOptions {
  readonly phase: Phase;
  /** The task's data are sent, with its status where `withStatus`: it is over. */
  readonly sent: (task: Task) => void;
  /** The task was aborted, and nothing more is sent of it. */
  readonly abandoned: (task: Task) => void;
  /** The task ends with this instead. */
  readonly refused: (task: Task, refusal: NonNullable<Refusal>) => void;
}

/** One read while it is being sent. */
interface Sending {
  readonly task: Task;
  readonly source: Source;
  readonly transfer: ReadTransfer;
  readonly residual: Residual;
}

export class DataIn {
  readonly #phase: Phase;
  readonly #sent: (task: Task) => void;
  readonly #abandoned: (task: Task) => void;
  readonly #refused: (task: Task, refusal: NonNullable<Refusal>) => void;
  readonly #room = new DataRoom(DATA_IN_BUDGET_BYTES);
  constructor(options: DataInOptions) {
    this.#phase = options.phase;
    this.#sent = options.sent;
    this.#abandoned = options.abandoned;
    this.#refused = options.refused;
  }

  /** Sends `source`, cut to what the initiator expects. False where there is nothing to send: a response has to say so. */
  send(task: Task, source: Source): boolean {
    const transfer = new ReadTransfer({
      dataLength: source.length,
      expectedLength: task.expectedIn,
      parameters: cuts(this.#phase.parameters),
    });
    if (!transfer.next()) return false;
    const residual = residualOf(source.length, task.expectedLength);
    const sending = { task, source, transfer, residual };
    const { out } = this.#phase.replies;
    const fits = out.queued < QUEUE_LIMIT_BYTES &&
      transfer.length <= QUEUE_LIMIT_BYTES;
    if (task.volume.waits || !fits) {
      this.#later(task, this.#sendInTurn(sending));
    } else this.#sendNow(sending);
    return true;
  }

  #sendNow(sending: Sending): void {
    const { transfer, task } = sending;
    do {
      const { out } = this.#phase.replies;
      const at = this.#phase.replies.begin(transfer.dataSegmentLength);
      const into = this.#dataView(at, transfer.dataSegmentLength);
      const refusal = sending.source.fill(transfer.bufferOffset, into);
      if (refusal instanceof Promise) {
        // The store writes into this block later on; the queue goes on in another.
        out.leave(at);
        this.#later(task, this.#sendFrom(sending, refusal, into));
        return;
      }
      if (refusal) {
        out.unclaim(at);
        this.#refused(task, refusal);
        return;
      }
      this.#dataIn(sending, at);
    } while (transfer.next());
  }

  async #sendFrom(
    sending: Sending,
    pending: Promise<Refusal>,
    into: Uint8Array,
  ): Promise<void> {
    const refusal = await pending;
    if (!(await this.#copyOut(sending, refusal, into))) return;
    if (sending.transfer.next()) await this.#sendInTurn(sending);
  }

  async #sendInTurn(sending: Sending): Promise<void> {
    const { transfer, task } = sending;
    do {
      const length = transfer.dataSegmentLength;
      await this.#granted(task, length);
      if (task.aborted) {
        this.#room.release(length);
        return this.#abandon(task);
      }
      const buffer = this.#room.take(length);
      const into = buffer.subarray(0, length);
      const refusal = await sending.source.fill(transfer.bufferOffset, into);
      const goesOn = await this.#copyOut(sending, refusal, into);
      this.#room.give(buffer);
      this.#room.release(length);
      if (!goesOn) return;
    } while (transfer.next());
  }

  /** Sends the PDU at hand out of `from`; false where that ends the read. */
  async #copyOut(
    sending: Sending,
    refusal: Refusal,
    from: Uint8Array,
  ): Promise<boolean> {
    const { task } = sending;
    const { out } = this.#phase.replies;
    task.waitsForPeer = true;
    await out.room();
    task.waitsForPeer = false;
    if (task.aborted) {
      this.#abandon(task);
      return false;
    }
    if (refusal) {
      this.#refused(task, refusal);
      out.flushSoon();
      return false;
    }
    const at = this.#phase.replies.begin(from.length);
    this.#dataView(at, from.length).set(from);
    this.#dataIn(sending, at);
    out.flushSoon();
    return true;
  }

  #dataIn(sending: Sending, at: number): void {
    const { task, transfer, residual } = sending;
    const { session } = this.#phase;
    session.read.pdus++;
    session.read.bytes += transfer.dataSegmentLength;
    task.pdusSent++;
    task.bytesSent += transfer.dataSegmentLength;
    // The window opens before the PDU that tells of it.
    if (transfer.last) this.#sent(task);
    this.#phase.replies.dataIn(at, {
      initiatorTaskTag: task.initiatorTaskTag,
      transfer,
      withStatus: transfer.last,
      residual,
    });
  }

  #dataView(at: number, length: number): Uint8Array {
    const { replies } = this.#phase;
    const from = replies.dataAt(at);
    return replies.out.bytes.subarray(from, from + length);
  }

  async #granted(task: Task, bytes: number): Promise<void> {
    task.waitsForPeer = true;
    await new Promise<void>((resolve) => this.#room.request(bytes, resolve));
    task.waitsForPeer = false;
  }

  #abandon(task: Task): void {
    if (!task.over) this.#abandoned(task);
  }

  #later(task: Task, work: Promise<void>): void {
    work.catch((thrown) => {
      this.#phase.defect(thrown);
      this.#abandon(task);
    });
  }
}

/** The longest Data-In that we send, whatever the initiator takes, keeps the queue small. */
function cuts(parameters: Parameters) {
  return {
    maxBurstLength: parameters.maxBurstLength,
    maxRecvDataSegmentLength: Math.min(
      parameters.maxRecvDataSegmentLength,
      MAX_DATA_SEGMENT_BYTES,
    ),
  };
}

/** Bytes of the task's volume. */
export function storeSource(
  task: Task,
  extent: { readonly offset: number; readonly length: number },
): Source {
  return {
    length: extent.length,
    fill: (offset, into) =>
      readInto(task.volume, task.nexus, {
        offset: extent.offset + offset,
        into,
      }),
  };
}

/** Bytes that are there already. */
export function bytesSource(data: Uint8Array): Source {
  return {
    length: data.length,
    fill: (offset, into) => {
      into.set(data.subarray(offset, offset + into.length));
      return undefined;
    },
  };
}
