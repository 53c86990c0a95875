/**
 * One connection from its first byte to its last: the pump that reads, hands PDUs to the login and then to the full feature phase, and
 * writes what they answer, one write for all PDUs of a read.
 *
 *     login ──complete, session admitted──> full feature phase ──logout, cut, error──> ended
 *       └──refused, time-out, error─────────────────────────────────────────────────────^
 *
 * Nothing of the connection touches a volume once {@linkcode serveConnection} has resolved.
 */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, messageOf, PeerError } from "../base/errors.ts";
import { MAX_DATA_SEGMENT_BYTES } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import { Framer, type Pdu } from "../iscsi/framer.ts";
import type { Login } from "../iscsi/login.ts";
import { LOGIN_DATA_SEGMENT_BYTES } from "../iscsi/login_reply.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import {
  type Asked,
  type DiscoveredTarget,
  parseAddress,
} from "../iscsi/send_targets.ts";
import { CommandWindow } from "../iscsi/window.ts";
import type { Outcome } from "../scsi/plan.ts";
import { Entrance, type Entry, OFFER, type Tenancy } from "./entrance.ts";
import { FullFeature } from "./full_feature.ts";
import { Idleness } from "./idleness.ts";
import type { Job } from "./job.ts";
import { COMMAND_WINDOW } from "./limits.ts";
import { Outgoing } from "./outgoing.ts";
import { Replies } from "./replies.ts";
import type { Control, Session } from "./session.ts";
import type { Target } from "./target.ts";
import type { Targets } from "./targets.ts";

export interface ConnectionOptions {
  readonly targets: Targets;
  /** The only target that is visible here; all are unless given. */
  readonly only?: string;
  /** Nothing may be changed over this connection. */
  readonly readOnly?: boolean;
  /** Under what a session may begin; under nothing unless given. */
  readonly tenancy?: Tenancy;
  /** Where the initiator reaches us, for SendTargets: `127.0.0.1:3260`. */
  readonly targetAddress: string;
  /** The device behind the connection, for people. */
  readonly device: string;
  /** HOST:PORT that it comes from, for people. */
  readonly address?: string;
  /** Proof that a discovery session needs. */
  readonly discoveryChap?: ChapPolicy;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  /** Told who logs in, who must not, and whose session ends; nobody is unless given. */
  readonly audit?: Audit;
}

/** So much queued is worth a write of its own while more is handled. */
const WRITE_BYTES = 32 * 1024;

/** How long the initiator may take to read our last words and to close its side. */
const CLOSE_MS = 5000;

/** Any tag but the reserved one: one ping is under way at a time. */
const PING_TAG = 1;

/** Serves one connection until it ends. Never rejects: what went wrong is in the log. */
export async function serveConnection(
  duplex: Duplex,
  options: ConnectionOptions,
): Promise<void> {
  const freeLogin = options.targets.beginLogin();
  if (!freeLogin) {
    options.log.warn("A connection was refused: too many logins at once");
    duplex.abort(new ConnectionLost("Too many logins at once"));
    return;
  }
  await new Connection(duplex, options, freeLogin).run();
}

class Connection implements Control {
  readonly #duplex: Duplex;
  readonly #options: ConnectionOptions;
  readonly #out: Outgoing;
  readonly #framer = new Framer({
    maxDataSegmentBytes: LOGIN_DATA_SEGMENT_BYTES,
  });
  readonly #idleness: Idleness;
  readonly #entrance: Entrance;
  readonly #loginOver: () => void;
  #feature: FullFeature | undefined;
  #replies: Replies | undefined;
  #session: Session | undefined;
  /** Nothing more is read. */
  #ending = false;
  /** The initiator has ended its direction. */
  #peerEnded = false;

  constructor(
    duplex: Duplex,
    options: ConnectionOptions,
    freeLogin: () => void,
  ) {
    this.#duplex = duplex;
    this.#options = options;
    this.#out = new Outgoing(duplex);
    this.#entrance = new Entrance(options, this);
    const { targets, clock } = options;
    const { loginMs, pingAfterMs, pingAnswerMs } = targets.limits;
    const stopTimer = clock.after(
      loginMs,
      () => this.cut("The login took too long"),
    );
    this.#loginOver = () => {
      freeLogin();
      stopTimer();
    };
    this.#idleness = new Idleness({
      clock,
      pingAfterMs,
      pingAnswerMs,
      pauses: () => duplex.pauses ?? 0,
      ping: () => this.#ping(),
      gone: () => this.cut("The initiator does not answer"),
    });
  }

  async run(): Promise<void> {
    try {
      await this.#pump();
      await this.#close();
    } catch (thrown) {
      this.#explain(thrown);
    }
    this.#loginOver();
    this.#idleness.stop();
    this.#duplex.abort();
    await this.#feature?.abandon();
    this.#session?.over();
  }

  cut(why: string): void {
    this.#duplex.abort(new ConnectionLost(why));
  }

  requestLogout(seconds: number): void {
    this.#replies?.logoutRequest(seconds);
    this.#out.flushSoon();
  }

  abortTasks(lun: number | undefined, by?: Job): Promise<number> {
    return this.#feature?.abortTasks(lun, by) ?? Promise.resolve(0);
  }

  async dismissTasks(lun: number, verdict: Outcome): Promise<void> {
    await this.#feature?.dismissTasks(lun, verdict);
  }

  async #pump(): Promise<void> {
    while (!this.#ending) {
      const chunk = await this.#duplex.read();
      if (chunk === undefined) {
        this.#peerEnded = true;
        return;
      }
      this.#idleness.active();
      this.#framer.push(chunk);
      for (let pdu = this.#framer.next(); pdu; pdu = this.#framer.next()) {
        const wait = this.#take(pdu);
        if (wait) await wait;
        if (this.#ending) break;
      }
      this.#out.flush();
      const lent = this.#feature?.commands?.takeLent();
      if (lent) await lent;
      if (this.#feature?.closing) {
        await this.#feature.closing;
        this.#ending = true;
      }
    }
  }

  #take(pdu: Pdu): Promise<unknown> | undefined {
    if (!this.#feature) return this.#takeLogin(pdu);
    this.#feature.receive(pdu);
    if (this.#out.queued < WRITE_BYTES) return undefined;
    this.#out.flush();
    // A turn for whoever carries the bytes: they are on their way while the rest of the batch is worked on.
    return this.#out.room() ?? Promise.resolve();
  }

  #takeLogin(pdu: Pdu): Promise<void> | undefined {
    const entry = this.#entrance.receive(pdu);
    if (entry instanceof Promise) {
      return entry.then((entry) => this.#enter(entry));
    }
    this.#enter(entry);
    return undefined;
  }

  #enter(entry: Entry): void {
    const at = this.#out.claim(entry.response.length);
    this.#out.bytes.set(entry.response, at);
    if (entry.kind === "refused") this.#ending = true;
    if (entry.kind !== "in") return;
    this.#session = entry.session;
    this.#beginFullFeature(entry.login);
    this.#loginOver();
    this.#idleness.start();
  }

  #beginFullFeature(login: Login<Target>): void {
    const { parameters } = login;
    const digests = {
      header: parameters.headerDigest,
      data: parameters.dataDigest,
    };
    const window = new CommandWindow<Uint8Array>({
      expCmdSn: login.cmdSn,
      sizeCommands: COMMAND_WINDOW,
    });
    const replies = new Replies({
      out: this.#out,
      numbers: window,
      digests,
      statSn: login.statSn,
    });
    this.#replies = replies;
    this.#feature = new FullFeature({
      phase: {
        session: this.#session,
        parameters,
        window,
        replies,
        defect: (thrown) => this.#defect(thrown),
      },
      cid: login.cid,
      digests,
      offer: OFFER,
      discover: (asked) => this.#discover(asked, login.targetName),
    });
    this.#framer.set({ digests, maxDataSegmentBytes: MAX_DATA_SEGMENT_BYTES });
  }

  /** A normal session may only ask about its own target (RFC 7143 appendix C). */
  #discover(
    asked: Asked,
    own: string | undefined,
  ): readonly DiscoveredTarget[] {
    const { targets, only, targetAddress } = this.#options;
    const addresses = [parseAddress(targetAddress)];
    const visible = targets.list()
      .filter(({ iqn, pictureOf }) =>
        only === undefined ? !pictureOf : iqn === only
      )
      .map(({ iqn }) => iqn)
      .filter((iqn) => own === undefined || iqn === own);
    const chosen = asked.kind === "name"
      ? visible.filter((iqn) => iqn === asked.name)
      : asked.kind === "all" || own !== undefined
      ? visible
      : [];
    return chosen.map((name) => ({ name, addresses }));
  }

  #ping(): void {
    this.#replies?.ping(PING_TAG);
    this.#out.flush();
  }

  /** Sends what is left, ends our direction, and waits for the initiator to end its own; within a bound. */
  async #close(): Promise<void> {
    const stopTimer = this.#options.clock.after(
      CLOSE_MS,
      () => this.cut("The initiator does not close"),
    );
    try {
      await this.#out.drained();
      await this.#duplex.close();
      while (!this.#peerEnded) {
        this.#peerEnded = await this.#duplex.read() === undefined;
      }
    } finally {
      stopTimer();
    }
  }

  #defect(thrown: unknown): void {
    this.#options.log.error(`A defect: ${messageOf(thrown)}`, {
      stack: thrown instanceof Error ? thrown.stack : undefined,
    });
    this.cut("A defect of the target");
  }

  #explain(thrown: unknown): void {
    const { log, device } = this.#options;
    if (thrown instanceof PeerError) {
      log.warn(`A connection was ended: ${thrown.message}`, { device });
    } else if (thrown instanceof ConnectionLost) {
      log.debug(`A connection was lost: ${thrown.message}`, { device });
    } else this.#defect(thrown);
  }
}
