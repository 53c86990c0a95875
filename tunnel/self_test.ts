/**
 * The node's test of itself, at every start: it dials itself without a certificate, and with those of foreign authorities that are named
 * like the ones that TLS trusts, its own and an invitation's, and has to be turned away by TLS each time. It guards against a runtime
 * that stops asking.
 *
 * It also dials itself with a certificate of its own authority that is not enrolled. TLS has to let that one in, so that a node that
 * turns everybody away does not pass; and the registry has to refuse it at the end of the handshake, since TLS says nothing more of who
 * may open a link.
 */

import type { Clock } from "../lib/base/clock.ts";
import { ConnectionLost, VaultError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import {
  createAuthority,
  issueClientCertificate,
  NODE_SERVER_NAME,
  selfSigned,
} from "../lib/pki/authority.ts";
import type { Authority, Credentials } from "../lib/pki/identity.ts";
import { INVITATION_SUBJECT } from "../lib/pki/invite.ts";
import { generateKeys, keyPemOf } from "../lib/pki/keys.ts";
import { RefusedError } from "./handshake.ts";
import { shakeAsDevice } from "./handshake_pump.ts";
import { FOR_LINK, MESSAGE_HEADER_BYTES } from "./message.ts";
import { connectTls } from "./tls.ts";
import { ALPN_LINK, type TlsConnection } from "./transport.ts";

/** A stranger is turned away at once, or something is wrong. */
const VERDICT_MS = 5000;
const LIFETIME_MS = 60_000;

/** No message of the handshake: a node that gets to see it answers with an alert. */
const JUNK = new Uint8Array(MESSAGE_HEADER_BYTES);

export interface SelfTestOptions {
  /** Where the node answers. */
  readonly hostname: string;
  readonly port: number;
  readonly authority: Authority;
  readonly primitives: Primitives;
  readonly clock: Clock;
}

/** What becomes of somebody who knocks: by TLS, by the registry, or neither. */
type Outcome = "turned away" | "refused" | "let in" | "unclear";

/** @throws {VaultError} where a stranger is let in, or it cannot be found out */
export async function selfTest(options: SelfTestOptions): Promise<void> {
  const nowMs = options.clock.now();
  const foreign = await throwaway(await createAuthority({ nowMs }), nowMs);
  const posing = await throwaway(await invitationTwin(nowMs), nowMs);
  const own = await throwaway(options.authority, nowMs);
  const knocks: [string, Credentials | undefined, Outcome][] = [
    ["without a certificate", undefined, "turned away"],
    ["with a foreign certificate", foreign, "turned away"],
    ["with a foreign invitation's proof", posing, "turned away"],
    ["with a certificate that nobody enrolled", own, "refused"],
  ];
  for (const [how, credentials, expected] of knocks) {
    const outcome = await knock(options, {
      credentials,
      say: expected === "refused" ? handshake : junk,
    });
    if (outcome === expected) continue;
    throw new VaultError(
      `This node must not run: who comes ${how} has to be ${expected}, and the outcome is "${outcome}"`,
      {
        hint:
          "the runtime's TLS does not do what it has to: use another version",
      },
    );
  }
}

async function knock(
  options: SelfTestOptions,
  stranger: {
    credentials: Credentials | undefined;
    say: typeof junk | typeof handshake;
  },
): Promise<Outcome> {
  const { clock, authority } = options;
  const { credentials, say } = stranger;
  const connection = await connectTls({
    hostname: options.hostname,
    port: options.port,
    caPem: authority.certificatePem,
    ...(credentials ? { credentials } : {}),
    serverName: NODE_SERVER_NAME,
    alpn: ALPN_LINK,
    clock,
  });
  let late = false;
  const cancel = clock.after(VERDICT_MS, () => {
    late = true;
    connection.abort();
  });
  try {
    const outcome = await say(connection, { ...options, credentials });
    return late ? "unclear" : outcome;
  } finally {
    cancel();
    connection.abort();
  }
}

/** Whoever TLS lets in is answered. */
async function junk(connection: TlsConnection): Promise<Outcome> {
  try {
    await connection.write(JUNK);
    return await connection.read() === undefined ? "turned away" : "let in";
  } catch {
    return "turned away";
  }
}

/** Whoever TLS lets in, and shakes hands as it has to be, is told what the registry says. */
async function handshake(
  connection: TlsConnection,
  options: SelfTestOptions & { readonly credentials: Credentials | undefined },
): Promise<Outcome> {
  const credentials = options.credentials!;
  try {
    await shakeAsDevice(connection, {
      ...options,
      credentials,
      purpose: FOR_LINK,
    });
    return "let in";
  } catch (thrown) {
    if (thrown instanceof RefusedError) return "refused";
    return thrown instanceof ConnectionLost ? "turned away" : "unclear";
  }
}

/** An authority that calls itself what those of invitations are called. */
async function invitationTwin(nowMs: number): Promise<Authority> {
  return await selfSigned({
    subject: INVITATION_SUBJECT,
    keys: await generateKeys(),
    notBeforeMs: nowMs - LIFETIME_MS,
    notAfterMs: nowMs + LIFETIME_MS,
  });
}

/** A client's certificate for a minute. */
async function throwaway(
  authority: Authority,
  nowMs: number,
): Promise<Credentials> {
  const keys = await generateKeys();
  const certificatePem = await issueClientCertificate({
    authority,
    subject: "CN=vault self test",
    publicKey: keys.publicKey,
    nowMs,
    lifetimeMs: LIFETIME_MS,
  });
  return { certificatePem, keyPem: await keyPemOf(keys.privateKey) };
}
