/**
 * The node's own authority at work: it signs the node's certificate and those of its devices.
 *
 *     CA, CN=vault authority          10 years, Ed25519, may sign leaves only (path length 0)
 *      ├─ node, CN=vault node         serverAuth; DNS:node.vault.internal, DNS:*.join.vault.internal, URI:vault:node:ID
 *      └─ device, CN=NAME             clientAuth; URI:vault:device:NAME
 *
 * Subjects of authorities say nothing, since TLS shows them to whoever asks. The node's key is made once: devices pin it.
 */

import { toHex } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import {
  type Certificate,
  keyIdOf,
  MAX_CERTIFICATE_BYTES,
  readCertificate,
  readCertificatePem,
  sha256,
} from "./certificate.ts";
import type { Authority, NodeIdentity } from "./identity.ts";
import {
  ED25519,
  ed25519Spki,
  generateKeys,
  keyPemOf,
  keysFromPem,
} from "./keys.ts";
import { deviceName } from "./names.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509.ts";

/** The name that every node's certificate has, whatever its address: addresses change, and the authority is pinned. */
export const NODE_SERVER_NAME = "node.vault.internal";
/** A device that joins asks for this name with the invitation's id before it, which tells the node whom to trust. */
export const JOIN_SERVER_SUFFIX = ".join.vault.internal";

const DAY_MS = 86_400_000;
export const AUTHORITY_LIFETIME_MS = 3652 * DAY_MS;
export const LEAF_LIFETIME_MS = 365 * DAY_MS;
/** How far the clocks of node and device may be apart: certificates are good from this long before they are made. */
export const CLOCK_SLACK_MS = DAY_MS;

const SERIAL_BYTES = 16;

/** A new node's authority. */
export async function createAuthority(
  options: { nowMs: number },
): Promise<Authority> {
  return await selfSigned({
    subject: "CN=vault authority",
    keys: await generateKeys(),
    notBeforeMs: options.nowMs - CLOCK_SLACK_MS,
    notAfterMs: options.nowMs + AUTHORITY_LIFETIME_MS,
  });
}

/** An authority's own certificate, which may sign leaves only. */
export async function selfSigned(
  options: {
    subject: string;
    keys: CryptoKeyPair;
    notBeforeMs: number;
    notAfterMs: number;
  },
): Promise<Authority> {
  const { keys } = options;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: options.subject,
    keys,
    signingAlgorithm: ED25519,
    serialNumber: serialNumber(),
    notBefore: new Date(options.notBeforeMs),
    notAfter: new Date(options.notAfterMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: certificate.toString("pem"),
    keyPem: await keyPemOf(keys.privateKey),
  };
}

/** The node's certificate and key. With `previous`: a new certificate for the same key, which devices go on recognising. */
export async function createNodeIdentity(
  options: { authority: Authority; nowMs: number; previous?: NodeIdentity },
): Promise<NodeIdentity> {
  const { authority, nowMs, previous } = options;
  const keys = previous
    ? await keysFromPem(previous.keyPem)
    : await generateKeys();
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  const nodeId = toHex(await sha256(new Uint8Array(spki)));
  const certificate = await issue({
    authority,
    subject: "CN=vault node",
    publicKey: keys.publicKey,
    names: [
      { type: "dns", value: NODE_SERVER_NAME },
      { type: "dns", value: `*${JOIN_SERVER_SUFFIX}` },
      { type: "url", value: `vault:node:${nodeId}` },
    ],
    usage: ExtendedKeyUsage.serverAuth,
    nowMs,
    lifetimeMs: LEAF_LIFETIME_MS,
  });
  return {
    certificatePem: certificate.toString("pem"),
    keyPem: await keyPemOf(keys.privateKey),
    caPem: authority.certificatePem,
    nodeId,
  };
}

/** What a device that was enrolled keeps of its own key until the certificate comes. */
export interface DeviceRequest {
  readonly keyPem: string;
  /** PKCS#10 (RFC 2986), DER: proves possession of the key. */
  readonly request: Uint8Array;
}

/** A fresh key for a device, on the device, and the request for a certificate of it. */
export async function createDeviceRequest(): Promise<DeviceRequest> {
  const keys = await generateKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=vault device",
    keys,
    signingAlgorithm: ED25519,
  });
  return {
    keyPem: await keyPemOf(keys.privateKey),
    request: new Uint8Array(request.rawData),
  };
}

/**
 * The certificate for the key in `request`. Nothing else of the request is used: the node says what the device is called.
 *
 * @throws {PeerError} where the request is junk, of another kind of key, or not signed by its own key
 */
export async function issueDeviceCertificate(
  options: {
    authority: Authority;
    request: Uint8Array;
    name: string;
    nowMs: number;
    lifetimeMs?: number;
  },
): Promise<Certificate> {
  const name = deviceName(options.name);
  const certificate = await issue({
    authority: options.authority,
    subject: `CN=${name}`,
    publicKey: await requestedKey(options.request),
    names: [{ type: "url", value: `vault:device:${name}` }],
    usage: ExtendedKeyUsage.clientAuth,
    nowMs: options.nowMs,
    lifetimeMs: options.lifetimeMs ?? LEAF_LIFETIME_MS,
  });
  return readCertificate(new Uint8Array(certificate.rawData));
}

/** A client's certificate that no node trusts unless it trusts `authority`: for invitations, and for the node's test of itself. */
export async function issueClientCertificate(
  options: {
    authority: Authority;
    subject: string;
    publicKey: CryptoKey;
    nowMs: number;
    lifetimeMs: number;
  },
): Promise<string> {
  const certificate = await issue({
    ...options,
    names: [],
    usage: ExtendedKeyUsage.clientAuth,
  });
  return certificate.toString("pem");
}

/** See {@linkcode NodeIdentity.nodeId}. */
export async function nodeIdOf(certificatePem: string): Promise<string> {
  return await keyIdOf(readCertificatePem(certificatePem));
}

async function requestedKey(der: Uint8Array): Promise<PublicKey> {
  if (der.length > MAX_CERTIFICATE_BYTES) {
    throw new PeerError(`A request of ${der.length} bytes is too long`);
  }
  let proven: boolean;
  let publicKey: PublicKey;
  try {
    const request = new Pkcs10CertificateRequest(new Uint8Array(der));
    publicKey = request.publicKey;
    ed25519Spki(new Uint8Array(publicKey.rawData));
    proven = await request.verify();
  } catch (cause) {
    throw new PeerError("Expected a request for a certificate (PKCS#10)", {
      cause,
    });
  }
  if (!proven) {
    throw new PeerError(
      "A request for a certificate is not signed by the key in it",
    );
  }
  return publicKey;
}

async function issue(
  options: {
    authority: Authority;
    subject: string;
    publicKey: CryptoKey | PublicKey;
    names: { type: "dns" | "url"; value: string }[];
    usage: ExtendedKeyUsage;
    nowMs: number;
    lifetimeMs: number;
  },
): Promise<X509Certificate> {
  const issuer = new X509Certificate(options.authority.certificatePem);
  const { privateKey } = await keysFromPem(options.authority.keyPem);
  return await X509CertificateGenerator.create({
    subject: options.subject,
    issuer: issuer.subject,
    publicKey: options.publicKey,
    signingKey: privateKey,
    signingAlgorithm: ED25519,
    serialNumber: serialNumber(),
    notBefore: new Date(options.nowMs - CLOCK_SLACK_MS),
    notAfter: new Date(options.nowMs + options.lifetimeMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([options.usage]),
      ...(options.names.length > 0
        ? [new SubjectAlternativeNameExtension(options.names)]
        : []),
      await SubjectKeyIdentifierExtension.create(options.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
}

/** Positive and unpredictable, as RFC 5280 section 4.1.2.2 and the CA/Browser Forum want it. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return toHex(bytes);
}
