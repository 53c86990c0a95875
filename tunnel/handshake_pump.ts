/** The handshake's machines on a connection: the part that awaits. */

import { toHex } from "../lib/base/bytes.ts";
import type { Clock } from "../lib/base/clock.ts";
import { ConnectionLost, PeerError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { Certificate } from "../lib/pki/certificate.ts";
import { derOf } from "../lib/pki/keys.ts";
import type { Credentials } from "../lib/pki/identity.ts";
import type { HandshakeOptions, HandshakeResult } from "./agreement.ts";
import type { IncomingChannel } from "./channel.ts";
import { DeviceHandshake, NodeHandshake } from "./handshake.ts";
import { DEVICE_TO_NODE, LINK_ID_BYTES, NODE_TO_DEVICE } from "./keys.ts";
import type { LinkPeer } from "./link.ts";
import { LinkPump } from "./link_pump.ts";
import { encodeAlert, NONCE_BYTES, type Purpose } from "./message.ts";
import type { RenewalLimits } from "./record.ts";
import { HANDSHAKE_TIMEOUT_MS, type TlsConnection } from "./transport.ts";

export interface HandshakeWorld {
  readonly primitives: Primitives;
  readonly clock: Clock;
}

/** The device's side up to the node's verdict. @throws {PeerError} {@linkcode RefusedError} {@linkcode ConnectionLost} */
export async function shakeAsDevice(
  connection: TlsConnection,
  options: HandshakeWorld & {
    purpose: Purpose;
    credentials: Credentials;
    nodeId?: string;
  },
): Promise<HandshakeResult> {
  const handshake = new DeviceHandshake({
    ...freshOptions(connection, options),
    ...(options.nodeId === undefined ? {} : { nodeId: options.nodeId }),
  });
  return await withinTime(connection, options.clock, async () => {
    await connection.write(handshake.hello);
    while (true) {
      const { send, result } = handshake.receive(await readSome(connection));
      if (send) await connection.write(send);
      if (result) return result;
    }
  });
}

/** The node's side until the device has proved who it is: the verdict is still to be given. @throws {PeerError} {@linkcode ConnectionLost} */
export async function shakeAsNode(
  connection: TlsConnection,
  options: HandshakeWorld & {
    purpose: Purpose;
    credentials: Credentials;
    caPem: string;
  },
): Promise<{ handshake: NodeHandshake; peer: Certificate }> {
  const handshake = new NodeHandshake({
    ...freshOptions(connection, options),
    linkId: options.primitives.random(LINK_ID_BYTES),
    caCertificate: derOf(options.caPem),
  });
  return await withinTime(connection, options.clock, async () => {
    while (true) {
      const { send, proved } = handshake.receive(await readSome(connection));
      if (send) await connection.write(send);
      if (proved) return { handshake, peer: proved };
    }
  });
}

/** The link that a handshake came to. */
export function linkOver(
  connection: TlsConnection,
  result: HandshakeResult,
  options: HandshakeWorld & {
    side: "node" | "device";
    /** The peer's name. */
    name: string;
    /** The node's last message of the handshake, which goes before all records. */
    verdict?: Uint8Array;
    renewal?: RenewalLimits;
    intercept?: (incoming: IncomingChannel) => boolean;
    /** How long the link outlives a connection; not at all where it is 0 or left out. */
    resumeWindowMs?: number;
  },
): LinkPump {
  const { linkId, keys, rest } = result;
  // A connection that is lost already is noticed by the link's first read.
  if (options.verdict) connection.write(options.verdict).catch(() => {});
  const { primitives, side, renewal, intercept, resumeWindowMs } = options;
  const up = {
    direction: DEVICE_TO_NODE,
    secret: keys.deviceToNode,
    linkId,
  } as const;
  const down = {
    direction: NODE_TO_DEVICE,
    secret: keys.nodeToDevice,
    linkId,
  } as const;
  return new LinkPump({
    wire: connection,
    side,
    linkId,
    peer: peerOf(connection, result, options),
    send: side === "device" ? up : down,
    receive: side === "device" ? down : up,
    primitives,
    clock: options.clock,
    first: rest,
    ...(renewal ? { renewal } : {}),
    ...(intercept ? { intercept } : {}),
    ...(resumeWindowMs
      ? { resume: { secret: keys.resume, windowMs: resumeWindowMs } }
      : {}),
  });
}

/** Who is at the other end of a connection, as its handshake has proved. */
export function peerOf(
  connection: TlsConnection,
  { peer }: HandshakeResult,
  options: { primitives: Primitives; name: string },
): LinkPeer {
  return {
    name: options.name,
    fingerprint: toHex(options.primitives.hash("sha256", peer.der)),
    certificate: peer.der,
    address: connection.address,
  };
}

/** What is made anew for each handshake, and what this connection gives. */
function freshOptions(
  connection: TlsConnection,
  options: HandshakeWorld & { purpose: Purpose; credentials: Credentials },
): HandshakeOptions {
  const { primitives, purpose, credentials } = options;
  return {
    primitives,
    purpose,
    binding: connection.binding,
    certificate: derOf(credentials.certificatePem),
    privateKey: derOf(credentials.keyPem),
    agreement: primitives.agreementKey(),
    nonce: primitives.random(NONCE_BYTES),
    peerCertificate: connection.peerCertificate,
  };
}

export async function readSome(connection: TlsConnection): Promise<Uint8Array> {
  const bytes = await connection.read();
  if (bytes) return bytes;
  throw new ConnectionLost("The connection ended during the handshake");
}

/** Cuts the connection where the handshake fails or takes too long; a peer at fault is told why. */
export async function withinTime<T>(
  connection: TlsConnection,
  clock: Clock,
  handshake: () => Promise<T>,
): Promise<T> {
  const cancel = clock.after(HANDSHAKE_TIMEOUT_MS, () =>
    connection.abort(
      new ConnectionLost("The handshake took too long"),
    ));
  try {
    return await handshake();
  } catch (thrown) {
    if (thrown instanceof PeerError) {
      connection.write(encodeAlert(thrown.message)).catch(() => {});
      hangUp(connection, clock);
    } else connection.abort();
    throw thrown;
  } finally {
    cancel();
  }
}

/** How long a connection stays for what was written last to get out. */
const LAST_WORDS_MS = 250;

/** Ends a connection after what was written last. */
export function hangUp(connection: TlsConnection, clock: Clock): void {
  connection.close().catch(() => {});
  clock.after(LAST_WORDS_MS, () => connection.abort());
}
