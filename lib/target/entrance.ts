/**
 * A connection before its full feature phase: the login, and whether the target takes the session that it asks for.
 */

import type { Audit, AuditEvent } from "../base/audit.ts";
import type { Log } from "../base/log.ts";
import type { Proof } from "../lease/proof.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Pdu } from "../iscsi/framer.ts";
import { type Login, TargetLogin } from "../iscsi/login.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import { type Offer, TARGET_OFFER } from "../iscsi/offer.ts";
import { BHS_BYTES } from "../iscsi/pdu/bhs.ts";
import {
  AUTHORIZATION_FAILURE,
  decodeLoginResponse,
  encodeLoginResponse,
  OUT_OF_RESOURCES,
  SERVICE_UNAVAILABLE,
  TARGET_REMOVED,
} from "../iscsi/pdu/login_response.ts";
import { COMMAND_WINDOW } from "./limits.ts";
import { type Control, Session } from "./session.ts";
import type { Target } from "./target.ts";
import type { Refused, Targets } from "./targets.ts";

/** One R2T of a task at a time bounds what it holds; bursts are long enough for that to cost nothing. */
export const OFFER: Offer = { ...TARGET_OFFER, maxOutstandingR2T: 1 };

export interface EntranceOptions {
  readonly targets: Targets;
  /** The only target that is visible here; all are unless given. */
  readonly only?: string;
  readonly readOnly?: boolean;
  /** Under what a session may begin; under nothing unless given. */
  readonly tenancy?: Tenancy;
  readonly device: string;
  readonly address?: string;
  readonly discoveryChap?: ChapPolicy;
  readonly primitives: Primitives;
  readonly log: Log;
  readonly audit?: Audit;
}

/** A lease for one session, and what gives it back when the session has ended or was not begun. */
export interface Tenant {
  readonly proof: Proof;
  release(): void;
}

/** Gives the lease under which a session of `target` may begin, or says why none may. */
export type Tenancy = (
  target: Target,
) => Promise<Tenant | { readonly why: string }>;

/** What came of a PDU. Each carries the response to send. */
export type Entry =
  | { readonly kind: "on" | "refused"; readonly response: Uint8Array }
  | {
    readonly kind: "in";
    readonly response: Uint8Array;
    readonly login: Login<Target>;
    /** Undefined for a discovery session. */
    readonly session: Session | undefined;
  };

const REFUSALS: Readonly<Record<Refused["kind"], number>> = {
  gone: TARGET_REMOVED,
  full: OUT_OF_RESOURCES,
  draining: SERVICE_UNAVAILABLE,
  // Not a target error: the initiator would try again and again.
  "another-device": AUTHORIZATION_FAILURE,
  held: AUTHORIZATION_FAILURE,
};

export class Entrance {
  readonly #options: EntranceOptions;
  readonly #control: Control;
  readonly #login: TargetLogin<Target>;
  /** Who has said that they come, and for what. */
  #claimed: Pick<AuditEvent, "volume" | "initiator"> = {};

  /** `control` is the connection's, for the session that it may become. */
  constructor(options: EntranceOptions, control: Control) {
    this.#options = options;
    this.#control = control;
    const { targets, primitives, only, discoveryChap } = options;
    this.#login = new TargetLogin<Target>({
      lookup: (name, initiator) => {
        const visible = only === undefined || only === name;
        const target = visible ? targets.get(name) : undefined;
        this.#claimed = { volume: target?.name ?? name, initiator };
        return target;
      },
      hasSession: (tsih) => targets.hasSession(tsih),
      newTsih: () => targets.newTsih(),
      primitives,
      windowCommands: COMMAND_WINDOW,
      offer: OFFER,
      ...(discoveryChap && { discoveryChap }),
    });
  }

  /** @throws {PeerError} where there is nothing to answer */
  receive(pdu: Pdu): Entry | Promise<Entry> {
    const step = this.#login.receive(pdu);
    switch (step.kind) {
      case "continue":
        return { kind: "on", response: step.response };
      case "refused":
        return this.#refused(step.response, step.reason);
      case "complete": {
        const { response, login } = step;
        return login.target
          ? this.#admit(response, login, login.target)
          : { kind: "in", response, login, session: undefined };
      }
    }
  }

  async #admit(
    response: Uint8Array,
    login: Login<Target>,
    target: Target,
  ): Promise<Entry> {
    const { targets, device, readOnly, tenancy, log } = this.#options;
    const tenant = await tenancy?.(target);
    if (tenant && "why" in tenant) {
      return this.#refused(refusalOf(response, REFUSALS.held), tenant.why);
    }
    const session = await targets.admit({
      target,
      initiator: login.initiatorName,
      isid: login.isid,
      device,
      readOnly: readOnly ?? false,
      ...(tenant && { proof: tenant.proof }),
      tsih: login.tsih,
      control: this.#control,
    });
    if (!(session instanceof Session)) {
      const { kind, why } = session;
      tenant?.release();
      return this.#refused(refusalOf(response, REFUSALS[kind]), why);
    }
    if (tenant) void session.ended.then(() => tenant.release());
    log.info(`${login.initiatorName} has logged in to ${target.name}`, {
      device,
    });
    this.#tell("attached");
    session.ended.then(() => this.#tell("detached", session.why));
    return { kind: "in", response, login, session };
  }

  #refused(response: Uint8Array, why: string): Entry {
    this.#options.log.warn(`A login was refused: ${why}`, {
      device: this.#options.device,
    });
    this.#tell("login refused", why);
    return { kind: "refused", response };
  }

  #tell(kind: AuditEvent["kind"], reason?: string): void {
    const { audit, device, address } = this.#options;
    audit?.({
      kind,
      device,
      ...(address === undefined ? {} : { address }),
      ...this.#claimed,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}

/** The Login Response `success`, made one that refuses. */
function refusalOf(success: Uint8Array, status: number): Uint8Array {
  const pdu = new Uint8Array(BHS_BYTES);
  encodeLoginResponse(
    {
      ...decodeLoginResponse(success),
      transit: false,
      continue: false,
      nsg: 0,
      tsih: 0,
      dataSegmentLength: 0,
      status,
    },
    pdu,
    0,
  );
  return pdu;
}
