/**
 * An invitation made, and the proof of having received it.
 *
 *     seed  = HKDF-SHA-256(secret, salt = id, info = "vault/1 invitation", 32)
 *     key   = the Ed25519 key of that seed
 *     verifier  = CA certificate of that key, CN=vault invitation, self-signed            made and kept by the node
 *     proof     = certificate of a fresh key, signed by that key, good for minutes         made by the device
 *
 * Whoever sees a proof can test guesses of the secret with it, 2^128 of them. It cannot be used by anyone else: the fresh key
 * never leaves the device, and TLS and the handshake both ask for a signature by it over this very connection.
 */

import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import {
  CLOCK_SLACK_MS,
  issueClientCertificate,
  selfSigned,
} from "./authority.ts";
import { readCertificatePem, sha256 } from "./certificate.ts";
import {
  type Code,
  ID_BYTES,
  PIN_BYTES,
  renderCode,
  SECRET_BYTES,
} from "./code.ts";
import type { Authority, Credentials } from "./identity.ts";
import type { InvitationRecord, Invitations } from "./invitations.ts";
import { generateKeys, keyPemOf, keysFromSeed, SEED_BYTES } from "./keys.ts";
import { deviceName } from "./names.ts";

/** The name of every invitation's authority: TLS shows strangers the names of those whom it trusts, and they must not tell which. */
export const INVITATION_SUBJECT = "CN=vault invitation";

const SEED_INFO = utf8("vault/1 invitation");
const PROOF_LIFETIME_MS = 10 * 60_000;

/** Invitations last at least and at most that long. */
export const MIN_INVITATION_MS = 10_000;
export const MAX_INVITATION_MS = 7 * 86_400_000;

export interface InviteOptions {
  /** Gains the new one, and is to be persisted before the code is shown. */
  readonly invitations: Invitations;
  readonly name: string;
  /** HOST:PORT for the device to dial. */
  readonly address: string;
  /** The certificate of the node's authority. */
  readonly caPem: string;
  readonly expiresMs: number;
  readonly nowMs: number;
}

/** The code to show, once, and what the node keeps of it. @throws {VaultError} for a bad name, address or time */
export async function invite(
  options: InviteOptions,
): Promise<{ code: string; invitation: InvitationRecord }> {
  const name = deviceName(options.name);
  const { nowMs, expiresMs } = options;
  if (!(expiresMs >= MIN_INVITATION_MS && expiresMs <= MAX_INVITATION_MS)) {
    throw new VaultError("An invitation lasts from ten seconds to seven days", {
      kind: "usage",
    });
  }
  const idBytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const id = toHex(idBytes);
  const code = await renderCode({
    idBytes,
    secret,
    caPin: await pinOf(options.caPem),
    address: options.address,
  });
  const { certificatePem } = await invitationAuthority({
    id,
    secret,
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: nowMs + expiresMs + CLOCK_SLACK_MS,
  });
  const invitation: InvitationRecord = {
    id,
    name,
    createdAt: new Date(nowMs).toISOString(),
    expiresAt: new Date(nowMs + expiresMs).toISOString(),
    verifierPem: certificatePem,
    attempts: 0,
  };
  options.invitations.add(invitation, nowMs);
  return { code, invitation };
}

/** The proof for one attempt to join. */
export async function proveInvitation(
  code: Code,
  nowMs: number,
): Promise<Credentials> {
  const authority = await invitationAuthority({
    id: code.id,
    secret: code.secret,
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: nowMs + CLOCK_SLACK_MS,
  });
  const keys = await generateKeys();
  const certificatePem = await issueClientCertificate({
    authority,
    subject: "CN=vault invitation proof",
    publicKey: keys.publicKey,
    nowMs,
    lifetimeMs: PROOF_LIFETIME_MS,
  });
  return { certificatePem, keyPem: await keyPemOf(keys.privateKey) };
}

/** What a code pins of the authority's certificate: the first 16 bytes of its SHA-256. */
export async function pinOf(caPem: string): Promise<Uint8Array> {
  const digest = await sha256(readCertificatePem(caPem).der);
  return digest.slice(0, PIN_BYTES);
}

async function invitationAuthority(
  options: {
    id: string;
    secret: Uint8Array;
    notBeforeMs: number;
    notAfterMs: number;
  },
): Promise<Authority> {
  return await selfSigned({
    subject: INVITATION_SUBJECT,
    keys: await keysFromSeed(await seedOf(options)),
    notBeforeMs: options.notBeforeMs,
    notAfterMs: options.notAfterMs,
  });
}

async function seedOf(
  { id, secret }: { id: string; secret: Uint8Array },
): Promise<Uint8Array> {
  const { subtle } = crypto;
  const key = await subtle.importKey(
    "raw",
    new Uint8Array(secret),
    "HKDF",
    false,
    ["deriveBits"],
  );
  const bits = await subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: fromHex(id)!, info: SEED_INFO },
    key,
    SEED_BYTES * 8,
  );
  return new Uint8Array(bits);
}
