/**
 * Makes a machine a device of a node, by an invitation's code.
 *
 *     1. dial, verify nothing, say hello, and take the authority's certificate from the node's; it must have the code's fingerprint
 *     2. dial again, TLS verified against that authority; the inner handshake as in any link, with the invitation's proof
 *     3. send the request for a certificate in a record, and get it
 *
 * Nothing but a hello crosses the first connection, and whoever answers it learns a signature by the key of the secret: see
 * `lib/pki/invite.ts` for what that is worth.
 */

import { equalBytes } from "../lib/base/bytes.ts";
import { ConnectionLost, PeerError, VaultError } from "../lib/base/errors.ts";
import { JOIN_SERVER_SUFFIX, nodeIdOf } from "../lib/pki/authority.ts";
import { type Code, parseCode } from "../lib/pki/code.ts";
import type { Credentials, DeviceIdentity } from "../lib/pki/identity.ts";
import { pinOf, proveInvitation } from "../lib/pki/invite.ts";
import { certificatePemOf, derOf } from "../lib/pki/keys.ts";
import { hostAndPort } from "./address.ts";
import { dialError, type World } from "./dial.ts";
import { certificateFrom, requestCertificate } from "./enrolment.ts";
import { linkOver, shakeAsDevice } from "./handshake_pump.ts";
import {
  decodeAlert,
  decodeNodeHello,
  encodeDeviceHello,
  FOR_JOIN,
  MessageReader,
  MessageType,
  NONCE_BYTES,
} from "./message.ts";
import { connectTls } from "./tls.ts";
import {
  ALPN_JOIN,
  HANDSHAKE_TIMEOUT_MS,
  type TlsConnection,
} from "./transport.ts";

export interface JoinOptions extends World {
  /** One line, as `vault invite` printed it. */
  readonly code: string;
  /** HOST:PORT where the code's does not lead to the node from here. */
  readonly address?: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes this machine a device of the node that the code names. The private key is made here and stays here.
 *
 * @throws {VaultError} where the code is mistyped, used or expired, or the node is not the one that made it
 */
export async function join(options: JoinOptions): Promise<DeviceIdentity> {
  const code = await parseCode(options.code);
  const address = options.address ?? code.address;
  const credentials = await proveInvitation(code, options.clock.now());
  const dialled = { ...options, ...hostAndPort(address), credentials };
  try {
    const caPem = await pinnedAuthority(code, dialled);
    return await enrol(code, { ...dialled, caPem, address });
  } catch (thrown) {
    throw thrown instanceof ConnectionLost
      ? notTaken(thrown)
      : dialError(thrown, address);
  }
}

interface Dialled extends World {
  readonly hostname: string;
  readonly port: number;
  readonly credentials: Credentials;
  readonly signal?: AbortSignal;
}

/** The authority's certificate, PEM, from whoever answers: believed because the code has its fingerprint. */
async function pinnedAuthority(code: Code, options: Dialled): Promise<string> {
  const { primitives, clock } = options;
  const connection = await connectTls({
    ...connectionOptions(code, options),
    caPem: undefined,
  });
  const cancel = clock.after(HANDSHAKE_TIMEOUT_MS, () => connection.abort());
  try {
    await connection.write(encodeDeviceHello({
      purpose: FOR_JOIN,
      nonce: primitives.random(NONCE_BYTES),
      share: primitives.agreementKey().publicKey,
      certificate: derOf(options.credentials.certificatePem),
    }));
    const caPem = certificatePemOf(await readAuthority(connection));
    if (equalBytes(await pinOf(caPem), code.caPin)) return caPem;
  } finally {
    cancel();
    connection.abort();
  }
  throw new VaultError(
    `${options.hostname}:${options.port} is not the node that made this invitation`,
    {
      kind: "refused",
      hint:
        "either the code is for another node, or something between here and the node poses as it",
    },
  );
}

async function readAuthority(connection: TlsConnection): Promise<Uint8Array> {
  const reader = new MessageReader();
  while (true) {
    const bytes = await connection.read();
    if (!bytes) throw new ConnectionLost("Ended without an answer");
    reader.push(bytes);
    const message = reader.next();
    if (message?.type === MessageType.NODE_HELLO) {
      return decodeNodeHello(message.body).caCertificate;
    }
    if (message?.type === MessageType.ALERT) {
      throw new PeerError(decodeAlert(message.body));
    }
    if (message) throw new PeerError("Expected the node's hello");
  }
}

async function enrol(
  code: Code,
  options: Dialled & { caPem: string; address: string },
): Promise<DeviceIdentity> {
  const { caPem, address } = options;
  const connection = await connectTls({
    ...connectionOptions(code, options),
    caPem,
  });
  const result = await shakeAsDevice(connection, {
    ...options,
    purpose: FOR_JOIN,
  });
  const link = linkOver(connection, result, {
    primitives: options.primitives,
    clock: options.clock,
    side: "device",
    name: "node",
  });
  try {
    const { keyPem, channel } = await requestCertificate(link, "vault/join");
    const { certificatePem, name } = await certificateFrom(channel.answer, {
      keyPem,
      caPem,
    });
    const nodeId = await nodeIdOf(certificatePemOf(result.peer.der));
    return { name, certificatePem, keyPem, caPem, nodeId, address };
  } catch (thrown) {
    throw thrown instanceof ConnectionLost ? unanswered(thrown) : thrown;
  } finally {
    await link.close();
  }
}

function connectionOptions(code: Code, options: Dialled) {
  const { hostname, port, credentials, clock, signal } = options;
  return {
    hostname,
    port,
    credentials,
    serverName: code.id + JOIN_SERVER_SUFFIX,
    alpn: ALPN_JOIN,
    clock,
    signal,
  } as const;
}

/** TLS did not take the proof, and tells nothing more to whoever cannot prove anything. */
function notTaken(cause: Error): VaultError {
  return new VaultError("The node does not take this invitation", {
    kind: "refused",
    cause,
    hint:
      'it was used, has expired, or was tried too often: on the node, "vault invite NAME" makes a new one',
  });
}

/** The node had taken the invitation, and what it did with the request is not known here. */
function unanswered(cause: Error): VaultError {
  return new VaultError("The node was cut off while it enrolled this device", {
    kind: "unreachable",
    cause,
    hint:
      'where it has stored the device already, the code is used: on the node, "vault revoke NAME", then "vault invite NAME"',
  });
}
