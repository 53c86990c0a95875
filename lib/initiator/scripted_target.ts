/** For tests: a target that logs an initiator in and then says what it is told to. */

import type { Duplex } from "../base/duplex.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import type { Primitives } from "../base/primitives.ts";
import { Framer, type Pdu } from "../iscsi/framer.ts";
import {
  dataStart,
  type Digests,
  NO_DIGESTS,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import { type Login, TargetLogin } from "../iscsi/login.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import { type Offer, TARGET_OFFER } from "../iscsi/offer.ts";
import { encodeDataIn } from "../iscsi/pdu/data_in.ts";
import { encodeScsiResponse } from "../iscsi/pdu/scsi_response.ts";
import { connectSession, type InitiatorOptions } from "./initiator.ts";
import type { SessionEvent } from "./initiator_session.ts";
import type { Session } from "./session.ts";

const NOTHING = new Uint8Array(0);

export class ScriptedTarget {
  readonly #duplex: Duplex;
  readonly #framer = new Framer({ maxDataSegmentBytes: 2 ** 24 });
  #digests: Digests = NO_DIGESTS;
  login: Login<object> | undefined;
  statSn = 0;
  expCmdSn = 0;
  maxCmdSn = 0;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  /** Carries out a login; false where it was refused. */
  async accept(
    options: {
      readonly primitives: Primitives;
      readonly windowCommands?: number;
      readonly offer?: Partial<Offer>;
      readonly chap?: ChapPolicy;
    },
  ): Promise<boolean> {
    const windowCommands = options.windowCommands ?? 8;
    const machine = new TargetLogin({
      lookup: () => ({ ...(options.chap && { chap: options.chap }) }),
      hasSession: () => false,
      newTsih: () => 1,
      primitives: options.primitives,
      windowCommands,
      offer: { ...TARGET_OFFER, ...options.offer },
    });
    for (;;) {
      const pdu = await this.next();
      if (pdu === undefined) return false;
      const step = machine.receive(pdu);
      await this.#duplex.write(step.response);
      if (step.kind === "refused") return false;
      if (step.kind === "continue") continue;
      const { parameters, statSn, cmdSn } = step.login;
      this.login = step.login;
      this.statSn = statSn;
      this.expCmdSn = cmdSn;
      this.maxCmdSn = cmdSn + windowCommands - 1;
      this.#digests = {
        header: parameters.headerDigest,
        data: parameters.dataDigest,
      };
      this.#framer.set({ digests: this.#digests });
      return true;
    }
  }

  /** The initiator's next PDU, or undefined at its end. The views hold until the next call. */
  async next(): Promise<Pdu | undefined> {
    for (;;) {
      const pdu = this.#framer.next();
      if (pdu !== undefined) return pdu;
      const chunk = await this.#duplex.read();
      if (chunk === undefined) return undefined;
      this.#framer.push(chunk);
    }
  }

  /** The next PDU by its decoder. */
  async expect<F>(decode: (bytes: Uint8Array) => F): Promise<F> {
    const pdu = await this.next();
    if (pdu === undefined) throw new Error("The initiator has closed");
    return decode(pdu.bytes);
  }

  /** Sends one PDU by its encoder. */
  async send<F>(
    encode: (fields: F, into: Uint8Array, at: number) => void,
    fields: F,
    data: Uint8Array = NOTHING,
  ): Promise<void> {
    await this.raw(this.make(encode, fields, data));
  }

  make<F>(
    encode: (fields: F, into: Uint8Array, at: number) => void,
    fields: F,
    data: Uint8Array = NOTHING,
  ): Uint8Array {
    const bytes = new Uint8Array(pduLength(data.length, this.#digests));
    encode(fields, bytes, 0);
    bytes.set(data, dataStart(this.#digests));
    sealPdu(bytes, 0, { dataLength: data.length, digests: this.#digests });
    return bytes;
  }

  async raw(bytes: Uint8Array): Promise<void> {
    await this.#duplex.write(bytes);
  }

  /** What every PDU carries; takes up a StatSN. */
  counted(): { statSn: number; expCmdSn: number; maxCmdSn: number } {
    return {
      statSn: this.statSn++,
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
    };
  }

  /** Ends a command with a SCSI Response. */
  async respond(
    initiatorTaskTag: number,
    how: {
      readonly status?: number;
      readonly data?: Uint8Array;
      /** One byte less than expected. */
      readonly underflow?: boolean;
    } = {},
  ): Promise<void> {
    await this.send(encodeScsiResponse, {
      bidirectionalOverflow: false,
      bidirectionalUnderflow: false,
      overflow: false,
      underflow: how.underflow ?? false,
      response: 0,
      status: how.status ?? 0,
      dataSegmentLength: how.data?.length ?? 0,
      initiatorTaskTag,
      snackTag: 0,
      ...this.counted(),
      expDataSn: 0,
      bidirectionalReadResidualCount: 0,
      residualCount: how.underflow ? 1 : 0,
    }, how.data);
  }

  /** Sends a piece of a read's data, with GOOD where it is the last. */
  async dataIn(
    initiatorTaskTag: number,
    piece: {
      readonly data: Uint8Array;
      readonly bufferOffset: number;
      readonly dataSn: number;
      readonly last: boolean;
    },
  ): Promise<void> {
    const { data, bufferOffset, dataSn, last } = piece;
    await this.send(encodeDataIn, {
      final: last,
      acknowledge: false,
      overflow: false,
      underflow: false,
      hasStatus: last,
      status: 0,
      dataSegmentLength: data.length,
      initiatorTaskTag,
      targetTransferTag: 0xffff_ffff,
      statSn: last ? this.statSn++ : 0,
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
      dataSn,
      bufferOffset,
      residualCount: 0,
    }, data);
  }

  close(): Promise<void> {
    return this.#duplex.close();
  }
}

/** How {@linkcode connectPair} connects. */
export interface PairOptions {
  readonly primitives: Primitives;
  readonly options?: Partial<InitiatorOptions>;
  readonly offer?: Partial<Offer>;
  readonly windowCommands?: number;
  readonly chunkBytes?: number;
}

/** A session and the target that it is with, over memory. */
export async function connectPair(setup: PairOptions): Promise<{
  session: Session;
  target: ScriptedTarget;
  events: SessionEvent[];
}> {
  const { primitives, chunkBytes, windowCommands, offer, options } = setup;
  const [near, far] = duplexPair({ ...(chunkBytes && { chunkBytes }) });
  const target = new ScriptedTarget(far);
  const events: SessionEvent[] = [];
  const [session] = await Promise.all([
    connectSession({
      duplex: near,
      primitives,
      initiatorName: "iqn.1994-05.example:laptop",
      targetName: "iqn.2024-01.example:photos",
      onEvent: (event) => events.push(event),
      ...options,
    }),
    target.accept({
      primitives,
      ...(windowCommands && { windowCommands }),
      ...(offer && { offer }),
    }),
  ]);
  return { session, target, events };
}

/** Bytes that tell where they belong. */
export function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
}
