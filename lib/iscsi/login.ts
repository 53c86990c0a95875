/**
 * A login, the target's side (RFC 7143 sections 6.3, 11.12 and 11.13): Login Requests in, Login Responses out.
 *
 *     start ─► SecurityNegotiation (0) ─► LoginOperationalNegotiation (1) ─► FullFeaturePhase (3)
 *       └──────────── 0 may be left out ──────────┘   └── and so may 1 ──┘
 *
 * A stage ends when a request's T bit asks for the next and nothing is left to settle here. Who comes without the proof that the
 * target asks for never leaves stage 0, and is refused in stage 1.
 */

import { InvariantError, PeerError } from "../base/errors.ts";
import type { ChapPrimitives } from "./chap.ts";
import type { Pdu } from "./framer.ts";
import { SECURITY_KEYS } from "./keys.ts";
import { LoginFailure } from "./login_failure.ts";
import { type Identity, identityOf, refuseOthers } from "./login_identity.ts";
import { checkFirst, checkNext } from "./login_order.ts";
import { LoginReply } from "./login_reply.ts";
import { type ChapPolicy, TargetSecurity } from "./login_security.ts";
import { Negotiation } from "./negotiation.ts";
import { type Offer, TARGET_OFFER } from "./offer.ts";
import type { Parameters } from "./parameters.ts";
import { opcodeOf } from "./pdu/bhs.ts";
import {
  decodeLoginRequest,
  FULL_FEATURE_PHASE,
  LOGIN_OPERATIONAL_NEGOTIATION,
  type LoginRequest,
  SECURITY_NEGOTIATION,
} from "./pdu/login_request.ts";
import {
  AUTHENTICATION_FAILURE,
  INITIATOR_ERROR,
  INVALID_DURING_LOGIN,
  LOGIN_SUCCESS,
  NOT_FOUND,
} from "./pdu/login_response.ts";
import { LOGIN_REQUEST } from "./pdu/opcode.ts";
import { type Pair, refuseRepeats, TextCollector } from "./text.ts";

/** Most requests of one login, whatever they say. */
export const MAX_LOGIN_REQUESTS = 64;

/** What a login has to know of a target. */
export interface LoginTarget {
  readonly chap?: ChapPolicy;
}

export interface TargetLoginOptions<T extends LoginTarget> {
  /** The target of that name that this initiator may see, or undefined. */
  lookup(targetName: string, initiatorName: string): T | undefined;
  /** Whether a session with this handle is there: its further connections are refused in other words than a stranger's. */
  hasSession(tsih: number): boolean;
  /** The handle for a new session, 1 to 65535. Called once, when the login completes. */
  newTsih(): number;
  readonly primitives: ChapPrimitives;
  /** Commands that an initiator may have under way: MaxCmdSN in the responses. */
  readonly windowCommands: number;
  readonly offer?: Offer;
  /** Proof that a discovery session needs. None unless given. */
  readonly discoveryChap?: ChapPolicy;
  /** 1 unless given. */
  readonly targetPortalGroupTag?: number;
}

/** A login that has succeeded. */
export interface Login<T> extends Identity {
  /** What `lookup` gave; undefined for a discovery session. */
  readonly target: T | undefined;
  readonly parameters: Parameters;
  /** The initiator's half of the session's name, six bytes. */
  readonly isid: Uint8Array;
  readonly tsih: number;
  readonly cid: number;
  /** The CmdSN of the first command: the window's ExpCmdSN. */
  readonly cmdSn: number;
  /** The StatSN of the next PDU to the initiator that has one. */
  readonly statSn: number;
  /** Whom CHAP has proven. */
  readonly chapUser: string | undefined;
}

/** What to do after a request. The response is a whole PDU without digests; a refused login's connection is closed after it. */
export type LoginStep<T> =
  | { readonly kind: "continue"; readonly response: Uint8Array }
  | {
    readonly kind: "refused";
    readonly response: Uint8Array;
    /** Status-Class << 8 | Status-Detail. */
    readonly status: number;
    readonly reason: string;
  }
  | {
    readonly kind: "complete";
    readonly response: Uint8Array;
    readonly login: Login<T>;
  };

export class TargetLogin<T extends LoginTarget> {
  readonly #options: TargetLoginOptions<T>;
  readonly #collector = new TextCollector();
  readonly #reply: LoginReply;
  #first: LoginRequest | undefined;
  #stage = SECURITY_NEGOTIATION;
  #requests = 0;
  #over = false;
  #identity: Identity | undefined;
  #target: T | undefined;
  #security: TargetSecurity | undefined;
  #negotiation: Negotiation | undefined;

  constructor(options: TargetLoginOptions<T>) {
    this.#options = options;
    this.#reply = new LoginReply(options.windowCommands);
  }

  /**
   * Takes the next PDU of the connection.
   *
   * @throws {PeerError} where there is nothing to answer: the first PDU is no Login Request
   */
  receive(pdu: Pdu): LoginStep<T> {
    if (this.#over) throw new InvariantError("The login is over");
    if (this.#first === undefined && opcodeOf(pdu.bytes) !== LOGIN_REQUEST) {
      this.#over = true;
      throw new PeerError(
        `Expected a Login Request, got opcode 0x${
          opcodeOf(pdu.bytes).toString(16)
        }`,
      );
    }
    let request = this.#first;
    try {
      if (opcodeOf(pdu.bytes) !== LOGIN_REQUEST) {
        throw new LoginFailure(
          INVALID_DURING_LOGIN,
          "Something other than a Login Request came during login",
        );
      }
      request = decodeLoginRequest(pdu.bytes);
      return this.#step(request, pdu.data);
    } catch (thrown) {
      if (!(thrown instanceof PeerError)) throw thrown;
      return this.#refuse(request!, thrown);
    }
  }

  #step(request: LoginRequest, data: Uint8Array): LoginStep<T> {
    this.#checkOrder(request);
    if (this.#reply.pending) {
      // The rest of an answer that did not fit into one response; meanwhile requests are empty (RFC 7143 section 6.2).
      if (data.length > 0) {
        throw new LoginFailure(INITIATOR_ERROR, "Text came out of turn");
      }
      return this.#answer(request, []);
    }
    const pairs = this.#collector.add(data, request.continue);
    if (pairs === undefined) {
      return {
        kind: "continue",
        response: this.#reply.acknowledge(request),
      };
    }
    refuseRepeats(pairs);
    const first = this.#identity === undefined;
    if (this.#identity === undefined) this.#identify(pairs);
    else refuseOthers(this.#identity, pairs);
    const answers = this.#negotiate(pairs);
    if (first && this.#target !== undefined) {
      // RFC 7143 section 13.9: with the first response after the target's name.
      answers.unshift({
        key: "TargetPortalGroupTag",
        value: String(this.#options.targetPortalGroupTag ?? 1),
      });
    }
    return this.#answer(request, answers);
  }

  #checkOrder(request: LoginRequest): void {
    if (++this.#requests > MAX_LOGIN_REQUESTS) {
      throw new LoginFailure(
        INITIATOR_ERROR,
        `A login of more than ${MAX_LOGIN_REQUESTS} requests`,
      );
    }
    if (this.#first === undefined) {
      // The header's views are lent.
      this.#first = { ...request, isid: request.isid.slice() };
      checkFirst(request, (tsih) => this.#options.hasSession(tsih));
      this.#stage = request.csg;
    } else checkNext(request, { first: this.#first, stage: this.#stage });
  }

  /** Who comes, and to what: known from the first whole text on. */
  #identify(pairs: readonly Pair[]): void {
    const identity = identityOf(pairs);
    this.#identity = identity;
    const { lookup, discoveryChap, primitives, offer } = this.#options;
    if (identity.targetName !== undefined) {
      this.#target = lookup(identity.targetName, identity.initiatorName);
      if (this.#target === undefined) {
        throw new LoginFailure(
          NOT_FOUND,
          `No target ${identity.targetName} for ${identity.initiatorName}`,
        );
      }
    }
    this.#security = new TargetSecurity({
      policy: this.#target === undefined ? discoveryChap : this.#target.chap,
      primitives,
    });
    this.#negotiation = new Negotiation({
      role: "target",
      offer: offer ?? TARGET_OFFER,
      sessionType: identity.sessionType,
    });
  }

  #negotiate(pairs: readonly Pair[]): Pair[] {
    const security = this.#security!;
    const negotiation = this.#negotiation!;
    if (this.#stage === SECURITY_NEGOTIATION) {
      return [...security.receive(pairs), ...negotiation.receive(pairs)];
    }
    if (!security.passed) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The target asks for CHAP, and the initiator left the security stage out",
      );
    }
    const stray = pairs.find(({ key }) => SECURITY_KEYS.has(key));
    if (stray !== undefined) {
      throw new LoginFailure(
        INITIATOR_ERROR,
        `${stray.key} came outside of the security stage`,
      );
    }
    return [...negotiation.receive(pairs), ...negotiation.declare()];
  }

  /** The response with these answers, or with what is left of earlier ones, and the step to the next stage where it is due. */
  #answer(request: LoginRequest, answers: readonly Pair[]): LoginStep<T> {
    const security = this.#security!;
    const whole = this.#reply.queue(answers);
    const transit = request.transit && whole && security.passed;
    if (request.transit && !security.passed && !security.begun) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The target asks for CHAP, and the initiator would go on without",
      );
    }
    if (!transit || request.nsg !== FULL_FEATURE_PHASE) {
      if (transit) this.#stage = LOGIN_OPERATIONAL_NEGOTIATION;
      return {
        kind: "continue",
        response: this.#reply.next(request, { transit, tsih: 0 }),
      };
    }
    this.#over = true;
    const tsih = this.#options.newTsih();
    const response = this.#reply.next(request, { transit, tsih });
    return { kind: "complete", response, login: this.#complete(tsih) };
  }

  #complete(tsih: number): Login<T> {
    const first = this.#first!;
    return {
      ...this.#identity!,
      target: this.#target,
      parameters: this.#negotiation!.parameters,
      isid: first.isid,
      tsih,
      cid: first.cid,
      cmdSn: first.cmdSn,
      statSn: this.#reply.statSn,
      chapUser: this.#security!.user,
    };
  }

  #refuse(request: LoginRequest, failure: PeerError): LoginStep<T> {
    this.#over = true;
    const status = failure instanceof LoginFailure
      ? failure.status
      : INITIATOR_ERROR;
    if (status === LOGIN_SUCCESS) {
      throw new InvariantError("A refusal with the status of a success");
    }
    return {
      kind: "refused",
      response: this.#reply.refuse(request, status),
      status,
      reason: failure.message,
    };
  }
}
