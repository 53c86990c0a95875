/** One SCSI command that an initiator has under way: what it has got so far, and whether the target may send or ask for more. */

import { PeerError } from "../base/errors.ts";
import { serialAdd } from "../base/serial.ts";
import type { DataIn } from "../iscsi/pdu/data_in.ts";
import type { R2t } from "../iscsi/pdu/r2t.ts";

export interface TaskOptions {
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly cmdSn: number;
  readonly dataOut: Uint8Array;
  readonly dataIn: Uint8Array;
}

export class Task {
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly cmdSn: number;
  readonly dataOut: Uint8Array;
  readonly #dataIn: Uint8Array;
  #received = 0;
  #dataSn = 0;
  #r2tSn = 0;
  /** Where the last R2T ended: data is asked for in order, and once. */
  #asked = 0;

  constructor(options: TaskOptions) {
    this.lun = options.lun;
    this.initiatorTaskTag = options.initiatorTaskTag;
    this.cmdSn = options.cmdSn;
    this.dataOut = options.dataOut;
    this.#dataIn = options.dataIn;
  }

  /** Most bytes that may come in. */
  get readLength(): number {
    return this.#dataIn.length;
  }

  /** All that has come in. */
  get dataIn(): Uint8Array {
    return this.#dataIn.subarray(0, this.#received);
  }

  /** @throws {PeerError} where the data is out of order or more than was asked for */
  take(pdu: DataIn, data: Uint8Array): void {
    if (pdu.dataSn !== this.#dataSn || pdu.bufferOffset !== this.#received) {
      throw new PeerError("Data-In came out of order");
    }
    if (data.length > this.#dataIn.length - this.#received) {
      throw new PeerError("Data-In is longer than what was asked for");
    }
    this.#dataIn.set(data, this.#received);
    this.#received += data.length;
    this.#dataSn = serialAdd(this.#dataSn, 1);
  }

  /** @throws {PeerError} where the target asks out of order or for what there is not */
  checkR2t(pdu: R2t): void {
    if (pdu.r2tSn !== this.#r2tSn) {
      throw new PeerError("R2T came out of order");
    }
    const end = pdu.bufferOffset + pdu.desiredDataTransferLength;
    if (pdu.desiredDataTransferLength === 0 || end > this.dataOut.length) {
      throw new PeerError("R2T asks for data that there is not");
    }
    if (pdu.bufferOffset < this.#asked) {
      throw new PeerError("R2T asks for data a second time");
    }
    this.#asked = end;
    this.#r2tSn = serialAdd(this.#r2tSn, 1);
  }
}
