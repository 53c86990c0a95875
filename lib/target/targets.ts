/**
 * All that a node serves: targets by name, added and removed while others are in use, and the rules for who may begin a session.
 */

import type { Clock } from "../base/clock.ts";
import { toHex } from "../base/bytes.ts";
import { invariant, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Proof } from "../lease/proof.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { type Control, Session, type SessionReport } from "./session.ts";
import { Target, type TargetOptions } from "./target.ts";

/** TSIH is 16 bits, and 0 means none (RFC 7143 section 11.12.6). */
const MAX_TSIH = 0xffff;

export interface TargetsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

/** Who asks to begin a session, after it has proved what the target asks for. */
export interface Applicant {
  readonly target: Target;
  readonly initiator: string;
  /** Six bytes. */
  readonly isid: Uint8Array;
  readonly device: string;
  readonly readOnly: boolean;
  /** Proves at every change that it may be made. */
  readonly proof?: Proof;
  /** Of {@linkcode Targets.newTsih}. */
  readonly tsih: number;
  readonly control: Control;
}

/** Why a session is not begun. */
export interface Refused {
  readonly kind: "gone" | "full" | "draining" | "another-device" | "held";
  /** For people. */
  readonly why: string;
}

export class Targets {
  readonly limits: Limits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #targets = new Map<string, Target>();
  #lastTsih = 0;
  #lastNexus = 0;
  #logins = 0;
  #draining = false;

  constructor(options: TargetsOptions) {
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Serves it from now on. The name must be free. */
  add(options: TargetOptions): Target {
    invariant(
      !this.#targets.has(options.iqn),
      `${options.iqn} is served twice`,
    );
    const target = new Target(options);
    this.#targets.set(options.iqn, target);
    return target;
  }

  /**
   * Serves it no more: its sessions are ended, what they have written is flushed. Its stores are the caller's to close.
   *
   * @throws {MediaError} where the flush fails; it is removed nevertheless
   */
  async remove(iqn: string): Promise<void> {
    const target = this.#targets.get(iqn);
    if (!target) return;
    this.#targets.delete(iqn);
    await target.endSessions("The volume is served no more");
    await target.stopErasing();
    await target.flush();
  }

  get(iqn: string): Target | undefined {
    return this.#targets.get(iqn);
  }

  list(): readonly Target[] {
    return [...this.#targets.values()];
  }

  /** Every session in full feature phase. */
  sessions(): SessionReport[] {
    return this.list().flatMap((target) =>
      [...target.sessions].map((session) => session.report())
    );
  }

  /** Whether a session has this handle. */
  hasSession(tsih: number): boolean {
    return this.list().some((target) =>
      [...target.sessions].some((session) => session.tsih === tsih)
    );
  }

  /** A handle that no session has, 1 to 65535. */
  newTsih(): number {
    do {
      this.#lastTsih = this.#lastTsih % MAX_TSIH + 1;
    } while (this.hasSession(this.#lastTsih));
    return this.#lastTsih;
  }

  /** No session begins any more. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * A place among the connections that have not finished their login: gives what frees it again, or undefined where all are taken.
   */
  beginLogin(): (() => void) | undefined {
    if (this.#logins >= this.limits.logins) return undefined;
    this.#logins++;
    let free = () => {
      this.#logins--;
      free = () => {};
    };
    return () => free();
  }

  /**
   * Begins a session. One of the same initiator port is ended first (RFC 7143 section 6.3.5), and none of its commands can touch the
   * volume any more when this resolves. Where the port is another device's, the session is refused (`port_owners.ts`).
   */
  async admit(applicant: Applicant): Promise<Session | Refused> {
    const { target } = applicant;
    const initiatorPort = portName(applicant.initiator, applicant.isid);
    const owner = target.ownerOf(initiatorPort);
    if (owner !== undefined && owner !== applicant.device) {
      return anotherDevice(owner);
    }
    for (const session of target.sessions) {
      if (session.nexus.initiatorPort !== initiatorPort) continue;
      // One that has come while an older one ended.
      if (session.device !== applicant.device) {
        return anotherDevice(session.device);
      }
      await session.end("The initiator has logged in again");
    }
    if (this.#draining) return { kind: "draining", why: "the node stops" };
    if (this.#targets.get(target.iqn) !== target) {
      return { kind: "gone", why: "the target is served no more" };
    }
    if (target.sessions.size >= this.limits.sessionsPerTarget) {
      return { kind: "full", why: "the target has too many sessions" };
    }
    const { proof } = applicant;
    if (proof && !proof.held) {
      return { kind: "held", why: "the lease of the volume has moved on" };
    }
    const session = new Session({
      target,
      nexus: {
        initiatorPort,
        id: ++this.#lastNexus,
        readOnly: applicant.readOnly,
        ...(proof && { proof }),
      },
      initiator: applicant.initiator,
      device: applicant.device,
      tsih: applicant.tsih,
      since: this.#clock.now(),
      control: applicant.control,
    });
    target.begin(session);
    return session;
  }

  /**
   * Ends everything in order: no session begins any more, initiators are asked to log out, those that have not within `timeoutMs` are
   * cut, and all volumes are flushed.
   *
   * @throws {MediaError} where a flush fails, after all else is done
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const sessions = this.list().flatMap((target) => [...target.sessions]);
    const seconds = Math.ceil(timeoutMs / 1000);
    for (const { control } of sessions) control.requestLogout(seconds);
    const patience = new AbortController();
    await Promise.race([
      Promise.all(sessions.map((session) => session.ended)),
      this.#clock.sleep(timeoutMs, patience.signal).catch(() => {}),
    ]);
    patience.abort();
    await Promise.all(
      this.list().map((target) => target.endSessions("The node stops")),
    );
    await Promise.all(this.list().map((target) => target.stopErasing()));
    await this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    const flushes = await Promise.allSettled(
      this.list().map((target) => target.flush()),
    );
    for (const flush of flushes) {
      if (flush.status === "fulfilled") continue;
      this.#log.error(`A volume was not flushed: ${messageOf(flush.reason)}`);
      throw flush.reason;
    }
  }
}

function anotherDevice(device: string): Refused {
  const why =
    `${device} has a session or a registration under the same initiator name and ISID: give one of the two another initiator name`;
  return { kind: "another-device", why };
}

/** The initiator port's name (RFC 7143 section 4.2.7.1). */
function portName(initiator: string, isid: Uint8Array): string {
  return `${initiator},i,0x${toHex(isid)}`;
}
