/**
 * Keeps an attachment's link: dials, and dials again when it is lost.
 *
 *     start ─► up ──connection lost──► paused ──back-off, resume──► up
 *               └──link ended──► down ◄──window over, or the node does not know the link any more──┘
 *                                 ├──back-off, dial──► up, as another link
 *                                 └──refused──► down for good
 *
 * A paused link keeps its channels, and initiators notice nothing. One that has ended takes them with it, and initiators log in again
 * over the next.
 */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { LinkInfo } from "../control/operations.ts";
import { renewalDue } from "../pki/certificate.ts";
import type { DeviceIdentity } from "../pki/identity.ts";
import {
  dialLink,
  type DialOptions,
  renew,
  resumeLink,
} from "../../tunnel/dial.ts";
import { RefusedError } from "../../tunnel/handshake.ts";
import type { Link } from "../../tunnel/link.ts";
import type { LinkPump } from "../../tunnel/link_pump.ts";
import { lockRenewal, recallNode, rememberNode } from "./joined.ts";
import { linkCounters, linkInfo } from "./node_traffic.ts";
import { Rates } from "./rates.ts";
import type { StateFolder } from "./state_folder.ts";

/** The pause before the first new attempt, and the longest. Each is shortened by chance by up to a half, so that many do not come at once. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** While initiators wait for a link to go on, the pauses are shorter. */
const LONGEST_RESUME_PAUSE_MS = 4_000;

/** How often a link that stays up looks whether the certificate wants renewing. */
export const RENEWAL_LOOK_MS = 60 * 60 * 1000;

export interface LinkKeeperOptions {
  readonly identity: DeviceIdentity;
  /** Where a renewed certificate is kept. */
  readonly folder: StateFolder;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  readonly audit: Audit;
  /** How long links outlive their connections; as usual where left out. */
  readonly resumeWindowMs?: number;
  readonly onLink?: (
    event: { readonly up: boolean; readonly why: string },
  ) => void;
  /** Handed each link when it begins, before anybody else has it. */
  readonly began?: (link: Link) => void;
}

export class LinkKeeper {
  readonly #options: LinkKeeperOptions;
  readonly #rates: Rates;
  readonly #stopped = new AbortController();
  readonly #waiting = new Set<(link: Link | Error) => void>();
  /** Which certificate opened a link. */
  readonly #openedBy = new WeakMap<Link, string>();
  #identity: DeviceIdentity;
  #link: Link | undefined;
  #lastInfo: LinkInfo | undefined;
  #macFailures = 0;
  /** Why no link will come any more. */
  #over: Error | undefined;

  constructor(options: LinkKeeperOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#rates = new Rates(options.clock);
  }

  /** The first link. @throws {VaultError} where there is none: nothing is tried again */
  async start(): Promise<Link> {
    const link = await this.#dial();
    this.#rates.start(() => this.#link ? linkCounters(this.#link) : []);
    this.#keep(link);
    return link;
  }

  /** The link when it is up. @throws {ConnectionLost} where it does not come up in time, or never will */
  up(timeoutMs: number): Promise<Link> {
    if (this.#link) return Promise.resolve(this.#link);
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const done = (result: Link | Error) => {
        cancel();
        this.#waiting.delete(done);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      const cancel = this.#options.clock.after(
        timeoutMs,
        () => done(new ConnectionLost("The link to the node is down")),
      );
      this.#waiting.add(done);
    });
  }

  /** The link as it is, or as it last was. */
  info(): LinkInfo {
    const info = this.#link
      ? linkInfo(this.#link, this.#rates)
      : this.#lastInfo;
    if (!info) throw new VaultError("There has been no link yet");
    return {
      ...info,
      state: this.#link ? info.state : "down",
      macFailures: this.#macFailures + (this.#link?.stats.macFailures ?? 0),
    };
  }

  /** Says goodbye and dials no more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new ConnectionLost("The volume was detached"));
    this.#rates.stop();
    await this.#link?.close();
  }

  async #keep(first: LinkPump): Promise<void> {
    for (
      let link: LinkPump | undefined = first;
      link;
      link = await this.#again()
    ) {
      this.#begin(link);
      const { reason } = await link.closed;
      this.#end(link, reason);
    }
    this.#over ??= new ConnectionLost("The volume was detached");
    this.#tell(this.#over);
  }

  #begin(link: LinkPump): void {
    this.#link = link;
    link.watch((state, reason) => {
      if (state === "paused") void this.#resume(link, reason);
    });
    this.#options.began?.(link);
    this.#tell(link);
    void this.#keepRenewed(link);
  }

  #end(link: Link, reason: string): void {
    this.#lastInfo = linkInfo(link, this.#rates);
    this.#macFailures += link.stats.macFailures;
    this.#link = undefined;
    if (this.#stopped.signal.aborted) return;
    this.#options.log.warn(`The link to the node was lost: ${reason}`);
    this.#options.onLink?.({ up: false, why: reason });
  }

  /** Takes a paused link up again, for as long as it waits. */
  async #resume(link: LinkPump, reason: string): Promise<void> {
    const { log, onLink } = this.#options;
    log.warn(`The link to the node is paused: ${reason}`);
    onLink?.({ up: false, why: reason });
    const over = new AbortController();
    void link.closed.then(({ reason }) =>
      over.abort(new ConnectionLost(reason))
    );
    const went = await this.#until({
      signal: AbortSignal.any([this.#stopped.signal, over.signal]),
      longestPauseMs: LONGEST_RESUME_PAUSE_MS,
      attempt: async (signal) => {
        const options = this.#dialOptions(signal);
        const known = await resumeLink(link, options);
        this.#openedBy.set(link, options.identity.certificatePem);
        return { known };
      },
    });
    if (went?.known) {
      const { address } = this.#identity;
      onLink?.({ up: true, why: `The link to ${address} goes on` });
    } else if (went) {
      link.abort("the node does not know it any more", "cut");
    } else if (this.#over) link.abort(this.#over.message, "refused");
  }

  /** The next link, however long it takes; undefined when stopped, or where the node does not want this device any more. */
  async #again(): Promise<LinkPump | undefined> {
    if (this.#over) return undefined;
    const link = await this.#until({
      signal: this.#stopped.signal,
      longestPauseMs: LONGEST_PAUSE_MS,
      attempt: () => this.#dial(),
    });
    if (link) {
      const why = `The link to ${this.#identity.address} is up again`;
      this.#options.onLink?.({ up: true, why });
    }
    return link;
  }

  /** What `attempt` comes to in the end; undefined when aborted, or where the node does not want this device any more. */
  async #until<T>(
    how: {
      signal: AbortSignal;
      longestPauseMs: number;
      attempt: (signal: AbortSignal) => Promise<T>;
    },
  ): Promise<T | undefined> {
    const { clock, primitives, log, onLink } = this.#options;
    const { signal, longestPauseMs } = how;
    for (
      let pauseMs = FIRST_PAUSE_MS;
      !signal.aborted;
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    ) {
      const chance = primitives.random(1)[0]! / 0xff;
      try {
        await clock.sleep(pauseMs * (1 - chance / 2), signal);
        return await how.attempt(signal);
      } catch (thrown) {
        if (signal.aborted) return undefined;
        // By the node's own word. That the certificate looks expired from here may be the fault of a clock.
        if (
          thrown instanceof VaultError && thrown.cause instanceof RefusedError
        ) {
          this.#over = thrown;
          log.error(thrown.message);
          onLink?.({ up: false, why: thrown.message });
          return undefined;
        }
        log.debug(`The node was not reached: ${messageOf(thrown)}`);
      }
    }
    return undefined;
  }

  async #dial(): Promise<LinkPump> {
    const options = this.#dialOptions(this.#stopped.signal);
    const link = await dialLink(options);
    this.#openedBy.set(link, options.identity.certificatePem);
    return link;
  }

  #dialOptions(signal: AbortSignal): DialOptions {
    const { clock, primitives, log, audit, resumeWindowMs } = this.#options;
    this.#recall();
    return {
      identity: this.#identity,
      clock,
      primitives,
      log,
      audit,
      signal,
      ...(resumeWindowMs === undefined ? {} : { resumeWindowMs }),
    };
  }

  /** Another attachment of this machine may have renewed the certificate, whose first use ended the one known here. */
  #recall(): void {
    const { folder, log } = this.#options;
    try {
      this.#identity = recallNode(folder, this.#identity.nodeId) ??
        this.#identity;
    } catch (thrown) {
      log.warn(messageOf(thrown));
    }
  }

  /** Until the link ends: one that stays up must not outlive its certificate. */
  async #keepRenewed(link: Link): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await this.#renewWhenDue(link);
    } catch (thrown) {
      log.warn(`The certificate could not be renewed: ${messageOf(thrown)}`);
    }
    if (this.#link !== link) return;
    const cancel = clock.after(
      RENEWAL_LOOK_MS,
      () => void this.#keepRenewed(link),
    );
    void link.closed.then(cancel);
  }

  async #renewWhenDue(link: Link): Promise<void> {
    const due = () =>
      renewalDue(this.#identity.certificatePem, this.#options.clock.now());
    if (!due()) return;
    const { folder } = this.#options;
    // Of two renewals the node keeps the later one, and the earlier one's certificate would open nothing.
    const lock = lockRenewal(folder, this.#identity.nodeId);
    if (!lock) return;
    try {
      this.#recall();
      if (!due()) return;
      const renewed = await this.#renewOver(link);
      rememberNode(folder, renewed);
      this.#identity = renewed;
    } finally {
      lock.release();
    }
  }

  /** A link outlives the certificate that opened it, but renews no other: then one is dialled for that alone. */
  async #renewOver(link: Link): Promise<DeviceIdentity> {
    if (this.#openedBy.get(link) === this.#identity.certificatePem) {
      return await renew(link, this.#identity);
    }
    const another = await this.#dial();
    try {
      return await renew(another, this.#identity);
    } finally {
      await another.close();
    }
  }

  #tell(result: Link | Error): void {
    for (const done of [...this.#waiting]) done(result);
  }
}
