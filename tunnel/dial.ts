/** A device's side: dials its node, and renews its certificate. */

import type { Clock } from "../lib/base/clock.ts";
import {
  ConnectionLost,
  messageOf,
  PeerError,
  VaultError,
} from "../lib/base/errors.ts";
import type { Log } from "../lib/base/log.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import { NODE_SERVER_NAME } from "../lib/pki/authority.ts";
import type { DeviceIdentity } from "../lib/pki/identity.ts";
import { hostAndPort } from "./address.ts";
import type { Audit } from "../lib/base/audit.ts";
import { certificateFrom, requestCertificate } from "./enrolment.ts";
import { RefusedError } from "./handshake.ts";
import { linkOver, shakeAsDevice } from "./handshake_pump.ts";
import type { HandshakeResult } from "./agreement.ts";
import { type Link, RESUME_WINDOW_MS } from "./link.ts";
import type { LinkPump } from "./link_pump.ts";
import { FOR_LINK, FOR_RESUME } from "./message.ts";
import type { RenewalLimits } from "./record.ts";
import { notTaken } from "./not_taken.ts";
import { resumeAsDevice } from "./resume.ts";
import { connectTls } from "./tls.ts";
import { ALPN_LINK, ALPN_RESUME, type TlsConnection } from "./transport.ts";

/** What a device's side is handed. */
export interface World {
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

export interface DialOptions extends World {
  readonly identity: DeviceIdentity;
  /** HOST:PORT where it is not the one of the identity. */
  readonly address?: string;
  /** How long a link outlives its connection: {@linkcode RESUME_WINDOW_MS} unless given, and 0 for not at all. */
  readonly resumeWindowMs?: number;
  /** When this end's keys are renewed, where not as usual. */
  readonly renewal?: RenewalLimits;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/**
 * A link to the device's node, up.
 *
 * @throws {VaultError} `unreachable` where nobody answers, `refused` with the node's reason, or where it is not the pinned node
 */
export function dialLink(options: DialOptions): Promise<LinkPump> {
  return shaken(ALPN_LINK, options, (connection, result) => {
    const { primitives, clock, renewal } = options;
    const link = linkOver(connection, result, {
      primitives,
      clock,
      side: "device",
      name: "node",
      resumeWindowMs: options.resumeWindowMs ?? RESUME_WINDOW_MS,
      ...(renewal ? { renewal } : {}),
    });
    auditLink(link, options.audit);
    return Promise.resolve(link);
  });
}

/**
 * Takes up a paused link over another connection. False: the node has no such link any more.
 *
 * @throws {VaultError} as {@linkcode dialLink}
 */
export function resumeLink(
  link: LinkPump,
  options: DialOptions,
): Promise<boolean> {
  return shaken(
    ALPN_RESUME,
    options,
    (connection, result) =>
      resumeAsDevice(connection, result, { ...options, link }),
  );
}

/** Connects, and goes on with `then` once both ends have proved who they are. */
async function shaken<T>(
  alpn: typeof ALPN_LINK | typeof ALPN_RESUME,
  options: DialOptions,
  then: (connection: TlsConnection, result: HandshakeResult) => Promise<T>,
): Promise<T> {
  const { identity, clock } = options;
  const address = options.address ?? identity.address;
  try {
    const connection = await connectTls({
      ...hostAndPort(address),
      credentials: identity,
      caPem: identity.caPem,
      serverName: NODE_SERVER_NAME,
      alpn,
      clock,
      signal: options.signal,
    });
    try {
      const result = await shakeAsDevice(connection, {
        ...options,
        purpose: alpn === ALPN_LINK ? FOR_LINK : FOR_RESUME,
        credentials: identity,
        nodeId: identity.nodeId,
      });
      return await then(connection, result);
    } catch (thrown) {
      options.audit({ kind: "refused", address, reason: messageOf(thrown) });
      throw thrown;
    }
  } catch (thrown) {
    throw await notTaken(thrown, { identity, address, nowMs: clock.now() }) ??
      dialError(thrown, address);
  }
}

/** Tells the audit log of the link's beginning and end. */
export function auditLink(link: Link, audit: Audit): void {
  const facts = () => {
    const { name: device, fingerprint, address } = link.peer;
    return { device, fingerprint, address };
  };
  audit({ kind: "link up", ...facts() });
  link.watch((state, reason) =>
    audit({
      kind: state === "up" ? "link resumed" : "link paused",
      ...facts(),
      reason,
    })
  );
  void link.closed.then(({ kind, reason }) =>
    audit({
      kind: kind === "tampered" ? "tampered" : "link end",
      ...facts(),
      reason: kind === "goodbye" ? reason : `${kind}: ${reason}`,
    })
  );
}

/**
 * What went wrong between connecting and the verdict, in words for a person. Only the node itself can refuse; whatever else answers
 * in its place, or cuts, has just not let the node be reached, and a device that keeps trying is right to.
 */
export function dialError(thrown: unknown, address: string): unknown {
  if (thrown instanceof RefusedError) {
    return new VaultError(`The node refuses this device: ${thrown.message}`, {
      kind: "refused",
      cause: thrown,
      hint: 'join it again with a new code: on the node, "vault invite NAME"',
    });
  }
  if (thrown instanceof PeerError) {
    return new VaultError(
      `The handshake with ${address} failed: ${thrown.message}`,
      { kind: "unreachable", cause: thrown },
    );
  }
  if (thrown instanceof ConnectionLost) {
    // TLS tells nothing more to a device whose certificate it does not take.
    return new VaultError(
      `The node at ${address} ended the connection during the handshake`,
      {
        kind: "unreachable",
        cause: thrown,
        hint:
          "if it does so every time, something in between does, or the two clocks are far apart",
      },
    );
  }
  return thrown;
}

/**
 * Asks the node over a live link for a certificate that replaces the device's own; the key is new, too. To be called when
 * `renewalDue` of `lib/pki/certificate.ts` says so. Store the result before the next dial: its first use ends the old certificate.
 *
 * @throws {VaultError} where the node refuses
 */
export async function renew(
  link: Link,
  identity: DeviceIdentity,
): Promise<DeviceIdentity> {
  const { keyPem, channel } = await requestCertificate(link, "vault/renew");
  const { certificatePem } = await certificateFrom(channel.answer, {
    keyPem,
    caPem: identity.caPem,
  });
  return { ...identity, certificatePem, keyPem };
}
