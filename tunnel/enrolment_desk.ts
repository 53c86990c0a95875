/** The node's side of enrolment: invitations taken, certificates issued, and nothing given before it is stored. */

import type { Clock } from "../lib/base/clock.ts";
import { messageOf, PeerError } from "../lib/base/errors.ts";
import type { Log } from "../lib/base/log.ts";
import {
  issueDeviceCertificate,
  JOIN_SERVER_SUFFIX,
} from "../lib/pki/authority.ts";
import { Backoff } from "../lib/pki/backoff.ts";
import {
  type Certificate,
  factsOf,
  isCurrent,
  isSignedBy,
  readCertificate,
  readCertificatePem,
} from "../lib/pki/certificate.ts";
import type { Authority } from "../lib/pki/identity.ts";
import type { InvitationRecord, Invitations } from "../lib/pki/invitations.ts";
import type { Registry } from "../lib/pki/registry.ts";
import type { Audit } from "../lib/base/audit.ts";
import type { ChannelRequest, IncomingChannel } from "./channel.ts";
import { answerWith, requestIn } from "./enrolment.ts";
import type { LinkPeer } from "./link.ts";
import type { RefusalLog } from "./refusal_log.ts";

/** A device asks for its next certificate once in so long: each one costs the node a signature and a write to its disk. */
export const RENEWAL_PAUSE_MS = 60_000;

export interface DeskOptions {
  readonly authority: Authority;
  readonly registry: Registry;
  readonly invitations: Invitations;
  readonly persist: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** Hears of whoever got nothing: whoever asks again and again must not fill the log. */
  readonly refusals: RefusalLog;
}

const UNKNOWN_INVITATION = "the invitation is used, expired or unknown";

export class EnrolmentDesk {
  readonly #options: DeskOptions;
  readonly #backoff = new Backoff();
  /** When each device last asked for a certificate, monotonic. As many as there are devices. */
  readonly #askedMs = new Map<string, number>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** TLS refused somebody who asked for `serverName`: an attempt that failed, where that names an invitation. */
  refused(host: string, serverName: string): void {
    const id = invitationId(serverName);
    if (id !== undefined) this.#failed(id, host);
  }

  /** The id of the invitation that this connection proves, or why it proves none. */
  async proven(
    connection: {
      serverName: string;
      peerCertificate: Uint8Array;
      host: string;
    },
  ): Promise<{ id: string } | { reason: string }> {
    const { invitations, clock } = this.#options;
    const waitMs = this.#backoff.remainingMs(
      connection.host,
      clock.monotonic(),
    );
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      return {
        reason:
          `too many failed attempts to join from this address: try again in ${seconds} s`,
      };
    }
    const id = invitationId(connection.serverName);
    if (id === undefined) return { reason: UNKNOWN_INVITATION };
    const invitation = invitations.find(id, clock.now());
    if (!invitation) return { reason: UNKNOWN_INVITATION };
    // TLS has verified that somebody vouches for it whom the node knows; that it is this invitation is looked at here.
    if (!await this.#proves(connection.peerCertificate, invitation)) {
      this.#failed(id, connection.host);
      return { reason: "the certificate does not prove the invitation" };
    }
    const pauseMs = invitations.remainingMs(id, clock.now());
    if (pauseMs > 0) {
      const seconds = Math.ceil(pauseMs / 1000);
      return {
        reason: `the invitation was tried too often: try again in ${seconds} s`,
      };
    }
    return { id };
  }

  /** Answers a request over a link that proved the invitation. */
  async join(
    id: string,
    incoming: IncomingChannel,
    peer: LinkPeer,
  ): Promise<void> {
    await this.#answer(incoming, peer, async () => {
      const { invitations, registry, clock, audit } = this.#options;
      const invitation = invitations.find(id, clock.now());
      if (!invitation) {
        throw new PeerError(UNKNOWN_INVITATION);
      }
      const { name } = invitation;
      const certificate = await this.#issue(name, incoming.request);
      const facts = await factsOf(certificate);
      if (registry.find(name)) {
        throw new PeerError(`a device "${name}" is enrolled already`);
      }
      // From here to the end of the block nothing is awaited: of two that have come this far, one takes it.
      if (!invitations.take(id, clock.now())) {
        throw new PeerError("the invitation has just been used");
      }
      registry.enrol({ name, certificate: facts, nowMs: clock.now() });
      await this.#persistOrRevoke(name);
      audit({
        kind: "joined",
        device: name,
        fingerprint: facts.fingerprint,
        address: peer.address,
      });
      return answerWith(certificate, name);
    });
  }

  /** Answers a request of an enrolled device for its next certificate. */
  async renew(incoming: IncomingChannel, peer: LinkPeer): Promise<void> {
    await this.#answer(incoming, peer, async () => {
      const { registry, clock, audit, persist } = this.#options;
      this.#pace(peer.name);
      const certificate = await this.#issue(peer.name, incoming.request);
      const facts = await factsOf(certificate);
      const admission = registry.admit(peer.fingerprint, clock.now());
      if (!admission.admitted) throw new PeerError(admission.reason);
      registry.renew(peer.name, facts);
      await persist();
      audit({
        kind: "renewed",
        device: peer.name,
        fingerprint: facts.fingerprint,
        address: peer.address,
      });
      return answerWith(certificate, peer.name);
    });
  }

  /** Counts an attempt that failed. */
  #failed(id: string, host: string): void {
    const { invitations, clock, refusals } = this.#options;
    const invitation = invitations.find(id, clock.now());
    // Ids that were never given out are anyone's to make up: they tell the log nothing, and keep no neighbour of theirs from joining.
    if (!invitation || !invitations.failed(id, clock.now())) return;
    this.#backoff.failed(host, clock.monotonic());
    this.#persistSoon();
    const closed = invitations.find(id, clock.now()) === undefined;
    refusals.tell({
      kind: "join refused",
      device: invitation.name,
      address: host,
      reason: closed
        ? "the invitation was tried too often and is closed"
        : "somebody tries the invitation without its secret",
    });
  }

  async #proves(
    certificate: Uint8Array,
    invitation: InvitationRecord,
  ): Promise<boolean> {
    const verifier = readCertificatePem(invitation.verifierPem);
    try {
      const proof = readCertificate(certificate);
      return proof.forClient && isCurrent(proof, this.#options.clock.now()) &&
        await isSignedBy(proof, verifier);
    } catch (thrown) {
      if (thrown instanceof PeerError) return false;
      throw thrown;
    }
  }

  async #issue(name: string, opening: ChannelRequest): Promise<Certificate> {
    const { authority, clock } = this.#options;
    return await issueDeviceCertificate({
      authority,
      request: requestIn(opening),
      name,
      nowMs: clock.now(),
    });
  }

  async #answer(
    incoming: IncomingChannel,
    peer: LinkPeer,
    make: () => Promise<ChannelRequest>,
  ): Promise<void> {
    try {
      incoming.accept(await make());
    } catch (thrown) {
      const reason = messageOf(thrown);
      // What else goes wrong names files of this machine.
      const told = thrown instanceof PeerError
        ? reason
        : "the node failed: its log says why";
      incoming.refuse({ reason: told, kind: "refused" });
      this.#options.refusals.tell({
        kind: "join refused",
        device: peer.name,
        address: peer.address,
        reason,
      });
      if (told !== reason) {
        this.#options.log.error("a certificate could not be given", { reason });
      }
    }
  }

  /** @throws {PeerError} where the device asked just now */
  #pace(name: string): void {
    const now = this.#options.clock.monotonic();
    const lastMs = this.#askedMs.get(name);
    if (lastMs !== undefined && now - lastMs < RENEWAL_PAUSE_MS) {
      throw new PeerError(
        `a certificate is renewed once in ${RENEWAL_PAUSE_MS / 1000} s`,
      );
    }
    this.#askedMs.set(name, now);
  }

  /** A device that could not be stored is not enrolled: it would be forgotten with the next start. */
  async #persistOrRevoke(name: string): Promise<void> {
    const { persist, registry, clock } = this.#options;
    try {
      await persist();
    } catch (thrown) {
      registry.revoke(name, clock.now());
      throw thrown;
    }
  }

  #persistSoon(): void {
    const { persist, log } = this.#options;
    persist().catch((thrown) =>
      log.error("attempts to join could not be stored", {
        reason: messageOf(thrown),
      })
    );
  }
}

/** The invitation that a client names when it joins: `ID.join.vault.internal`. */
function invitationId(serverName: string): string | undefined {
  if (!serverName.endsWith(JOIN_SERVER_SUFFIX)) return undefined;
  const id = serverName.slice(0, -JOIN_SERVER_SUFFIX.length);
  return /^[0-9a-f]{16}$/.test(id) ? id : undefined;
}
