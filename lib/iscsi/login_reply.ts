/** Login Responses as whole PDUs, and answers too long for one of them. */

import { serialAdd } from "../base/serial.ts";
import { NO_DIGESTS, pduLength, sealPdu } from "./layout.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import type { LoginRequest } from "./pdu/login_request.ts";
import { encodeLoginResponse, LOGIN_SUCCESS } from "./pdu/login_response.ts";
import { type Pair, renderText } from "./text.ts";

/** Longest data segment during login (RFC 7143 section 13.12). */
export const LOGIN_DATA_SEGMENT_BYTES = 8192;
/** The connection's first StatSN; any would do. */
const FIRST_STAT_SN = 1;
const NOTHING = new Uint8Array(0);

export class LoginReply {
  readonly #windowCommands: number;
  #statSn = FIRST_STAT_SN;
  /** Text not sent yet. */
  #rest: Uint8Array = NOTHING;

  constructor(windowCommands: number) {
    this.#windowCommands = windowCommands;
  }

  /** The StatSN of the next response. */
  get statSn(): number {
    return this.#statSn;
  }

  /** Whether an answer's rest waits for the initiator to ask for it. */
  get pending(): boolean {
    return this.#rest.length > 0;
  }

  /** Adds answers to what is to be sent. Whether all of it fits into the next response. */
  queue(answers: readonly Pair[]): boolean {
    if (answers.length > 0) this.#rest = renderText(answers);
    return this.#rest.length <= LOGIN_DATA_SEGMENT_BYTES;
  }

  /** The next response with as much of the text as it takes. */
  next(
    request: LoginRequest,
    how: { readonly transit: boolean; readonly tsih: number },
  ): Uint8Array {
    const text = this.#rest.subarray(0, LOGIN_DATA_SEGMENT_BYTES);
    this.#rest = this.#rest.subarray(text.length);
    return this.#make(request, {
      ...how,
      text,
      status: LOGIN_SUCCESS,
      continues: this.#rest.length > 0,
    });
  }

  /** An empty response to a request whose text goes on. */
  acknowledge(request: LoginRequest): Uint8Array {
    return this.#make(request, {
      transit: false,
      tsih: 0,
      text: NOTHING,
      status: LOGIN_SUCCESS,
      continues: false,
    });
  }

  refuse(request: LoginRequest, status: number): Uint8Array {
    return this.#make(request, {
      transit: false,
      tsih: 0,
      text: NOTHING,
      status,
      continues: false,
    });
  }

  #make(
    request: LoginRequest,
    how: {
      readonly transit: boolean;
      readonly continues: boolean;
      readonly tsih: number;
      readonly status: number;
      readonly text: Uint8Array;
    },
  ): Uint8Array {
    const { text, transit, tsih, status } = how;
    const pdu = new Uint8Array(pduLength(text.length, NO_DIGESTS));
    encodeLoginResponse(
      {
        transit,
        continue: how.continues,
        csg: request.csg,
        nsg: transit ? request.nsg : 0,
        versionMax: 0,
        versionActive: 0,
        dataSegmentLength: text.length,
        isid: request.isid,
        tsih,
        initiatorTaskTag: request.initiatorTaskTag,
        statSn: this.#statSn,
        expCmdSn: request.cmdSn,
        maxCmdSn: serialAdd(request.cmdSn, this.#windowCommands - 1),
        status,
      },
      pdu,
      0,
    );
    pdu.set(text, BHS_BYTES);
    sealPdu(pdu, 0, { dataLength: text.length, digests: NO_DIGESTS });
    this.#statSn = serialAdd(this.#statSn, 1);
    return pdu;
  }
}
