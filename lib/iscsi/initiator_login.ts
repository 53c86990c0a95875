/**
 * A login, the initiator's side (RFC 7143 sections 6.3, 11.12 and 12.1): Login Responses in, Login Requests out.
 *
 *     names, AuthMethod ─► [CHAP_A ─► CHAP_N, CHAP_R (and CHAP_I, CHAP_C)] ─► operational keys ─► full feature phase
 *
 * With credentials only CHAP is offered: a target that would go on without it is refused here. With `target` credentials its
 * proof is demanded before anything else is told to it.
 */

import { equalBytes } from "../base/bytes.ts";
import { InvariantError, PeerError } from "../base/errors.ts";
import type { ChapCredentials, ChapPrimitives } from "./chap.ts";
import type { Pdu } from "./framer.ts";
import { InitiatorSecurity } from "./initiator_security.ts";
import { NO_DIGESTS, pduLength, sealPdu } from "./layout.ts";
import { LoginFailure, meaningOf } from "./login_failure.ts";
import { LOGIN_DATA_SEGMENT_BYTES } from "./login_reply.ts";
import { Negotiation } from "./negotiation.ts";
import { INITIATOR_OFFER, type Offer } from "./offer.ts";
import type { Parameters, SessionType } from "./parameters.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";
import {
  encodeLoginRequest,
  FULL_FEATURE_PHASE,
  LOGIN_OPERATIONAL_NEGOTIATION,
  SECURITY_NEGOTIATION,
} from "./pdu/login_request.ts";
import {
  decodeLoginResponse,
  LOGIN_SUCCESS,
  type LoginResponse,
} from "./pdu/login_response.ts";
import { type Pair, renderText, TextCollector } from "./text.ts";

/** Most responses of one login, whatever they say. */
const MAX_LOGIN_RESPONSES = 64;
/** The first command's number; any would do. */
const FIRST_CMD_SN = 1;
const LOGIN_TASK_TAG = 0;

/** Who proves what in a login. */
export interface InitiatorChap {
  /** What we prove. */
  readonly initiator: ChapCredentials;
  /** What the target has to prove, where it has to. */
  readonly target?: ChapCredentials;
  /**
   * CHAP_A values to offer, best first; all that we have unless given. Some targets take the first that they know, and tgt takes
   * 7, which is SHA-256 by IANA's list, for SHA-1.
   */
  readonly algorithms?: readonly number[];
}

export interface InitiatorLoginOptions {
  readonly initiatorName: string;
  /** Without one the session is a discovery session. */
  readonly targetName?: string;
  /** Six bytes. */
  readonly isid: Uint8Array;
  readonly primitives: ChapPrimitives;
  readonly chap?: InitiatorChap;
  readonly offer?: Offer;
}

/** A login that has succeeded. */
export interface InitiatorLoginResult {
  readonly parameters: Parameters;
  readonly tsih: number;
  /** The CmdSN of the first command. */
  readonly cmdSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** The StatSN that the target's next PDU with one carries. */
  readonly expStatSn: number;
}

/** A request to send next, or the end. */
export type InitiatorLoginStep =
  | { readonly kind: "request"; readonly request: Uint8Array }
  | { readonly kind: "complete"; readonly login: InitiatorLoginResult };

export class InitiatorLogin {
  readonly #options: InitiatorLoginOptions;
  readonly #sessionType: SessionType;
  readonly #negotiation: Negotiation;
  readonly #security: InitiatorSecurity;
  readonly #collector = new TextCollector();
  #stage = SECURITY_NEGOTIATION;
  #expStatSn: number | undefined;
  #responses = 0;
  #proposed = false;
  /** Whether the last request asked for the next stage. */
  #asked = false;
  #over = false;

  constructor(options: InitiatorLoginOptions) {
    this.#options = options;
    this.#sessionType = options.targetName === undefined
      ? "Discovery"
      : "Normal";
    this.#negotiation = new Negotiation({
      role: "initiator",
      offer: options.offer ?? INITIATOR_OFFER,
      sessionType: this.#sessionType,
    });
    this.#security = new InitiatorSecurity(options);
  }

  /** The first request. */
  start(): Uint8Array {
    const { initiatorName, targetName } = this.#options;
    const names: Pair[] = [
      { key: "InitiatorName", value: initiatorName },
      { key: "SessionType", value: this.#sessionType },
    ];
    if (targetName !== undefined) {
      names.push({ key: "TargetName", value: targetName });
    }
    return this.#request([...names, ...this.#security.start()]);
  }

  /**
   * Takes the next PDU of the connection.
   *
   * @throws {LoginFailure} with the target's status where it refuses
   * @throws {PeerError} where it breaks the protocol, or does not prove itself
   */
  receive(pdu: Pdu): InitiatorLoginStep {
    if (this.#over) throw new InvariantError("The login is over");
    const response = decodeLoginResponse(pdu.bytes);
    this.#checkOrder(response);
    const pairs = this.#collector.add(pdu.data, response.continue);
    if (pairs === undefined) {
      return { kind: "request", request: this.#request([], false) };
    }
    const answers = this.#stage === SECURITY_NEGOTIATION
      ? this.#security.receive(pairs)
      : [];
    answers.push(...this.#negotiation.receive(pairs));
    if (response.transit) this.#enter(response.nsg);
    if (this.#stage === FULL_FEATURE_PHASE) return this.#complete(response);
    if (this.#stage === LOGIN_OPERATIONAL_NEGOTIATION && !this.#proposed) {
      this.#proposed = true;
      answers.push(...this.#negotiation.propose());
    }
    return { kind: "request", request: this.#request(answers) };
  }

  #checkOrder(response: LoginResponse): void {
    if (response.status !== LOGIN_SUCCESS) {
      this.#over = true;
      throw new LoginFailure(
        response.status,
        `The target refused the login: ${meaningOf(response.status)}`,
      );
    }
    if (++this.#responses > MAX_LOGIN_RESPONSES) {
      throw new PeerError(
        `A login of more than ${MAX_LOGIN_RESPONSES} responses`,
      );
    }
    if (
      response.initiatorTaskTag !== LOGIN_TASK_TAG ||
      !equalBytes(response.isid, this.#options.isid)
    ) throw new PeerError("A Login Response answers another login");
    if (response.csg !== this.#stage) {
      throw new PeerError(
        `The login is in stage ${this.#stage}, not ${response.csg}`,
      );
    }
    if (
      this.#expStatSn !== undefined && response.statSn !== this.#expStatSn
    ) throw new PeerError("StatSN is out of order during login");
    if (response.transit && (response.continue || !this.#asked)) {
      throw new PeerError("The target changed the stage out of turn");
    }
    this.#expStatSn = (response.statSn + 1) >>> 0;
  }

  #enter(nsg: number): void {
    const next = this.#stage === SECURITY_NEGOTIATION
      ? LOGIN_OPERATIONAL_NEGOTIATION
      : FULL_FEATURE_PHASE;
    if (nsg !== next) {
      throw new PeerError(`Stage ${nsg} was not asked for`);
    }
    if (!this.#security.passed) {
      throw new PeerError("The target would go on without authentication");
    }
    this.#stage = nsg;
  }

  #complete(response: LoginResponse): InitiatorLoginStep {
    if (response.tsih === 0) {
      throw new PeerError("The login completed without a session handle");
    }
    this.#over = true;
    return {
      kind: "complete",
      login: {
        parameters: this.#negotiation.parameters,
        tsih: response.tsih,
        cmdSn: FIRST_CMD_SN,
        expCmdSn: response.expCmdSn,
        maxCmdSn: response.maxCmdSn,
        expStatSn: this.#expStatSn!,
      },
    };
  }

  #request(pairs: readonly Pair[], mayTransit = true): Uint8Array {
    const text = renderText(pairs);
    if (text.length > LOGIN_DATA_SEGMENT_BYTES) {
      throw new PeerError("The target asks for too many answers at once");
    }
    this.#asked = mayTransit && this.#ready();
    const pdu = new Uint8Array(pduLength(text.length, NO_DIGESTS));
    encodeLoginRequest(
      {
        transit: this.#asked,
        continue: false,
        csg: this.#stage,
        nsg: !this.#asked
          ? 0
          : this.#stage === SECURITY_NEGOTIATION
          ? LOGIN_OPERATIONAL_NEGOTIATION
          : FULL_FEATURE_PHASE,
        versionMax: 0,
        versionMin: 0,
        dataSegmentLength: text.length,
        isid: this.#options.isid,
        tsih: 0,
        initiatorTaskTag: LOGIN_TASK_TAG,
        cid: 0,
        cmdSn: FIRST_CMD_SN,
        expStatSn: this.#expStatSn ?? 0,
      },
      pdu,
      0,
    );
    pdu.set(text, BHS_BYTES);
    sealPdu(pdu, 0, { dataLength: text.length, digests: NO_DIGESTS });
    return pdu;
  }

  /** Whether all that we have to say in this stage is said with the next request. */
  #ready(): boolean {
    return this.#stage !== SECURITY_NEGOTIATION || this.#security.said;
  }
}
