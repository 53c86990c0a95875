/** What becomes of a connection that TLS let in: the handshake, the verdict, and a link or an enrolment. */

import { toHex } from "../lib/base/bytes.ts";
import type { Clock } from "../lib/base/clock.ts";
import { ConnectionLost, messageOf, PeerError } from "../lib/base/errors.ts";
import type { Log } from "../lib/base/log.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { NodeIdentity } from "../lib/pki/identity.ts";
import type { Registry } from "../lib/pki/registry.ts";
import type { EnrolmentDesk } from "./enrolment_desk.ts";
import { hangUp, linkOver, shakeAsNode } from "./handshake_pump.ts";
import type { Link } from "./link.ts";
import type { LinkPump } from "./link_pump.ts";
import {
  encodeAlert,
  FOR_JOIN,
  FOR_LINK,
  FOR_RESUME,
  type Purpose,
} from "./message.ts";
import type { RenewalLimits } from "./record.ts";
import type { RefusalLog } from "./refusal_log.ts";
import { resumeAsNode } from "./resume.ts";
import {
  ALPN_JOIN,
  ALPN_RESUME,
  HANDSHAKE_TIMEOUT_MS,
  type TlsConnection,
} from "./transport.ts";

export interface ReceptionOptions {
  readonly registry: Registry;
  readonly desk: EnrolmentDesk;
  readonly refusals: RefusalLog;
  readonly persist: () => Promise<void>;
  readonly renewal?: RenewalLimits;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  /** The node's, as it is now. */
  readonly identity: () => NodeIdentity;
  /** Why the device may have no further link, or undefined. */
  readonly full: (name: string) => string | undefined;
  /** Why the device may have no further channel, or undefined. */
  readonly crowded: (name: string) => string | undefined;
  /** How long a link outlives its connection. */
  readonly resumeWindowMs: number;
  /** The link of that id, in hexadecimal digits, where there is one. */
  readonly find: (id: string) => LinkPump | undefined;
  /** Takes a link that is up. */
  readonly up: (link: LinkPump) => void;
}

export class Reception {
  readonly #options: ReceptionOptions;

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async receive(connection: TlsConnection): Promise<void> {
    try {
      if (connection.alpn === ALPN_JOIN) await this.#join(connection);
      else if (connection.alpn === ALPN_RESUME) await this.#resume(connection);
      else await this.#open(connection);
    } catch (thrown) {
      // Whoever is at fault has been told, and the connection ends when that has gone out.
      if (thrown instanceof PeerError) hangUp(connection, this.#options.clock);
      else connection.abort();
      // The first of the two connections of a device that joins ends so: it wanted the authority's certificate.
      const asked = connection.alpn === ALPN_JOIN &&
        thrown instanceof ConnectionLost;
      if (asked) return;
      this.#options.refusals.tell({
        kind: "refused",
        address: connection.address,
        reason: messageOf(thrown),
      });
      const expected = thrown instanceof PeerError ||
        thrown instanceof ConnectionLost;
      if (!expected) {
        this.#options.log.error("a handshake failed", {
          reason: messageOf(thrown),
        });
      }
    } finally {
      connection.settled();
    }
  }

  async #open(connection: TlsConnection): Promise<void> {
    const { registry, clock, primitives, renewal } = this.#options;
    const admitted = await this.#admitted(connection, FOR_LINK);
    if (!admitted) return;
    const { handshake, fingerprint, name } = admitted;
    const full = this.#options.full(name);
    if (full !== undefined) {
      // No verdict on the device: it comes again, to find room or the node's next start.
      return this.#refuse(connection, encodeAlert(full), {
        reason: full,
        fingerprint,
      });
    }
    const { send, result } = handshake.admit();
    const link: LinkPump = linkOver(connection, result, {
      primitives,
      clock,
      side: "node",
      name,
      resumeWindowMs: this.#options.resumeWindowMs,
      verdict: send,
      ...(renewal ? { renewal } : {}),
      intercept: (incoming) => {
        const crowded = this.#options.crowded(name);
        if (crowded !== undefined) {
          incoming.refuse({ reason: crowded, kind: "conflict" });
        } else if (incoming.request["kind"] === "vault/renew") {
          void this.#options.desk.renew(incoming, link.peer);
        } else return false;
        return true;
      },
    });
    if (registry.settle(fingerprint)) this.#persistSoon();
    this.#options.up(link);
  }

  /** A link goes on: there was room for it before. */
  async #resume(connection: TlsConnection): Promise<void> {
    const { registry, clock, primitives } = this.#options;
    const admitted = await this.#admitted(connection, FOR_RESUME);
    if (!admitted) return;
    const { handshake, fingerprint, name } = admitted;
    const { send, result } = handshake.admit();
    connection.write(send).catch(() => {});
    if (registry.settle(fingerprint)) this.#persistSoon();
    const link = await resumeAsNode(connection, result, {
      primitives,
      clock,
      name,
      find: this.#options.find,
    });
    if (!link) hangUp(connection, clock);
  }

  /** The device, proved and in the registry; undefined where it was refused. @throws {PeerError} {ConnectionLost} */
  async #admitted(connection: TlsConnection, purpose: Purpose) {
    const { registry, clock, primitives } = this.#options;
    const { handshake, peer } = await shakeAsNode(connection, {
      ...this.#handshakeOptions(),
      purpose,
    });
    const fingerprint = toHex(primitives.hash("sha256", peer.der));
    const verdict = registry.admit(fingerprint, clock.now());
    if (verdict.admitted) {
      return { handshake, fingerprint, name: verdict.device.name };
    }
    const { reason } = verdict;
    this.#refuse(connection, handshake.refuse(reason), { reason, fingerprint });
    return undefined;
  }

  async #join(connection: TlsConnection): Promise<void> {
    const { clock, primitives } = this.#options;
    const invitation = await this.#options.desk.proven(connection);
    const { handshake } = await shakeAsNode(connection, {
      ...this.#handshakeOptions(),
      purpose: FOR_JOIN,
    });
    if ("reason" in invitation) {
      const { reason } = invitation;
      return this.#refuse(connection, handshake.refuse(reason), {
        reason,
        joining: true,
      });
    }
    const { send, result } = handshake.admit();
    let asked = false;
    const link: Link = linkOver(connection, result, {
      primitives,
      clock,
      side: "node",
      name: "invitation",
      verdict: send,
      intercept: (incoming) => {
        if (asked) incoming.refuse("Joining is asked for once a connection");
        else if (incoming.request["kind"] === "vault/join") {
          asked = true;
          void this.#options.desk.join(invitation.id, incoming, link.peer);
        } else incoming.refuse("An invitation is good for joining alone");
        return true;
      },
    });
    const cancel = clock.after(
      HANDSHAKE_TIMEOUT_MS,
      () => link.abort("joining took too long"),
    );
    await link.closed;
    cancel();
  }

  #handshakeOptions() {
    const { primitives, clock } = this.#options;
    const credentials = this.#options.identity();
    return { primitives, clock, credentials, caPem: credentials.caPem };
  }

  #refuse(
    connection: TlsConnection,
    verdict: Uint8Array,
    why: { reason: string; fingerprint?: string; joining?: boolean },
  ): void {
    connection.write(verdict).catch(() => {});
    hangUp(connection, this.#options.clock);
    this.#options.refusals.tell({
      kind: why.joining ? "join refused" : "refused",
      address: connection.address,
      reason: why.reason,
      ...(why.fingerprint === undefined
        ? {}
        : { fingerprint: why.fingerprint }),
    });
  }

  #persistSoon(): void {
    const { persist, log } = this.#options;
    persist().catch((thrown) =>
      log.error("a renewed certificate's use could not be stored", {
        reason: messageOf(thrown),
      })
    );
  }
}
