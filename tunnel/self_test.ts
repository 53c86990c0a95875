/**
 * The node's test of itself, at every start: it dials itself without a certificate and with one of a foreign authority of the same
 * name, and has to be turned away by TLS both times. It guards against a runtime that stops asking.
 */

import type { Clock } from "../lib/base/clock.ts";
import { VaultError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import {
  createAuthority,
  issueClientCertificate,
  NODE_SERVER_NAME,
} from "../lib/pki/authority.ts";
import type { Credentials } from "../lib/pki/identity.ts";
import { generateKeys, keyPemOf } from "../lib/pki/keys.ts";
import { connectTls } from "./tls.ts";
import { ALPN_LINK } from "./transport.ts";

/** A stranger is turned away at once, or something is wrong. */
const VERDICT_MS = 5000;
const LIFETIME_MS = 3_600_000;

export interface SelfTestOptions {
  /** Where the node listens. */
  readonly hostname: string;
  readonly port: number;
  readonly caPem: string;
  readonly primitives: Primitives;
  readonly clock: Clock;
}

/** @throws {VaultError} where a stranger is let in, or it cannot be found out */
export async function selfTest(options: SelfTestOptions): Promise<void> {
  const foreign = await foreignCredentials(options.clock.now());
  await mustBeRefused(options, "without a certificate", undefined);
  await mustBeRefused(options, "with a foreign certificate", foreign);
}

/**
 * TLS has let a stranger in where the server speaks, or waits for more: it closes the connection at once where it has not. The bytes
 * sent are no hello, so that a node that did look at them answers with an alert.
 */
async function mustBeRefused(
  options: SelfTestOptions,
  how: string,
  credentials: Credentials | undefined,
): Promise<void> {
  const outcome = await knock(options, credentials);
  if (outcome === "refused") return;
  throw new VaultError(
    outcome === "let in"
      ? `This node lets in who comes ${how}: it must not run`
      : `This node cannot tell whether it lets in who comes ${how}: it must not run`,
    {
      hint: "the runtime's TLS does not do what it has to; use another version",
    },
  );
}

async function knock(
  options: SelfTestOptions,
  credentials: Credentials | undefined,
): Promise<"refused" | "let in" | "unclear"> {
  const { clock } = options;
  let connection;
  try {
    connection = await connectTls({
      hostname: reachable(options.hostname),
      port: options.port,
      caPem: options.caPem,
      ...(credentials ? { credentials } : {}),
      serverName: NODE_SERVER_NAME,
      alpn: ALPN_LINK,
      clock,
    });
  } catch (thrown) {
    const refused = thrown instanceof VaultError && thrown.kind === "refused";
    return refused ? "refused" : "unclear";
  }
  let late = false;
  const cancel = clock.after(VERDICT_MS, () => {
    late = true;
    connection.abort();
  });
  try {
    await connection.write(Uint8Array.of(0, 0, 0, 0));
    return await connection.read() === undefined ? "refused" : "let in";
  } catch {
    return late ? "let in" : "refused";
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

async function foreignCredentials(nowMs: number): Promise<Credentials> {
  const authority = await createAuthority({ nowMs });
  const keys = await generateKeys();
  const certificatePem = await issueClientCertificate({
    authority,
    subject: "CN=stranger",
    publicKey: keys.publicKey,
    nowMs,
    lifetimeMs: LIFETIME_MS,
  });
  return { certificatePem, keyPem: await keyPemOf(keys.privateKey) };
}
