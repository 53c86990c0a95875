/**
 * The node's test of itself, at every start: it dials itself without a certificate, and with one of a foreign authority of the same
 * name, and has to be turned away by TLS both times. It guards against a runtime that stops asking.
 *
 * So that a node that turns everybody away does not pass, it also dials itself with a certificate of its own authority that is not
 * enrolled: TLS has to let that one in, as far as the handshake, where what it says is junk.
 */

import type { Clock } from "../lib/base/clock.ts";
import { VaultError } from "../lib/base/errors.ts";
import {
  createAuthority,
  issueClientCertificate,
  NODE_SERVER_NAME,
} from "../lib/pki/authority.ts";
import type { Authority, Credentials } from "../lib/pki/identity.ts";
import { generateKeys, keyPemOf } from "../lib/pki/keys.ts";
import { MESSAGE_HEADER_BYTES } from "./message.ts";
import { connectTls } from "./tls.ts";
import { ALPN_LINK } from "./transport.ts";

/** A stranger is turned away at once, or something is wrong. */
const VERDICT_MS = 5000;
const LIFETIME_MS = 60_000;

/** No message of the handshake: a node that gets to see it answers with an alert. */
const JUNK = new Uint8Array(MESSAGE_HEADER_BYTES);

export interface SelfTestOptions {
  /** Where the node listens. */
  readonly hostname: string;
  readonly port: number;
  readonly authority: Authority;
  readonly clock: Clock;
}

/** What becomes of somebody who knocks. */
type Outcome = "turned away" | "let in" | "unclear";

/** @throws {VaultError} where a stranger is let in, or it cannot be found out */
export async function selfTest(options: SelfTestOptions): Promise<void> {
  const nowMs = options.clock.now();
  const foreign = await throwaway(await createAuthority({ nowMs }), nowMs);
  const own = await throwaway(options.authority, nowMs);
  const knocks: [string, Credentials | undefined, Outcome][] = [
    ["with a certificate of its own authority", own, "let in"],
    ["without a certificate", undefined, "turned away"],
    ["with a foreign certificate", foreign, "turned away"],
  ];
  for (const [how, credentials, expected] of knocks) {
    const outcome = await knock(options, credentials);
    if (outcome === expected) continue;
    throw new VaultError(
      `This node must not run: TLS has to say "${expected}" to who comes ${how}, and the outcome is "${outcome}"`,
      {
        hint:
          "the runtime's TLS does not do what it has to: use another version",
      },
    );
  }
}

async function knock(
  options: SelfTestOptions,
  credentials: Credentials | undefined,
): Promise<Outcome> {
  const { clock, authority } = options;
  const connection = await connectTls({
    hostname: reachable(options.hostname),
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
    await connection.write(JUNK);
    return await connection.read() === undefined ? "turned away" : "let in";
  } catch {
    return late ? "unclear" : "turned away";
  } finally {
    cancel();
    connection.abort();
  }
}

/** The address by which this machine reaches what listens on `hostname`. */
function reachable(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  return hostname === "::" ? "::1" : hostname;
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
