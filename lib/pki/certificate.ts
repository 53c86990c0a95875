/** Certificates read: what is in one, who signed it, how long it lasts. */

import { toHex, u16 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { derOf, ed25519Spki } from "./keys.ts";
import type { CertificateFacts } from "./registry.ts";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  X509Certificate,
} from "./x509.ts";

/** Longer ones are not read: those made here have some 450 bytes. */
export const MAX_CERTIFICATE_BYTES = 4096;

const DER_SEQUENCE = 0x30;

/** A certificate is renewed when less than this part of its life is left. */
const RENEW_AT_REMAINING = 1 / 3;

/** A certificate as this project uses it. Nothing of it is believed before its signature was verified or its fingerprint known. */
export interface Certificate {
  /** DER. */
  readonly der: Uint8Array<ArrayBuffer>;
  /** SubjectPublicKeyInfo of its Ed25519 key, DER. */
  readonly spki: Uint8Array;
  /** Subject's and issuer's names, `CN=…`. */
  readonly subject: string;
  readonly issuer: string;
  /** In lower-case hexadecimal digits. */
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isAuthority: boolean;
  readonly forServer: boolean;
  readonly forClient: boolean;
}

/** @throws {PeerError} for anything that is not a certificate with an Ed25519 key */
export function readCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) {
    throw new PeerError(
      `A certificate of ${der.length} bytes is longer than the ${MAX_CERTIFICATE_BYTES} allowed`,
    );
  }
  // What follows the certificate would be part of the fingerprint but not of what was signed.
  if (sequenceLength(der) !== der.length) {
    throw new PeerError("Expected one whole certificate and nothing else");
  }
  return parse(new Uint8Array(der));
}

/** The certificate in the first block of `pem`. */
export function readCertificatePem(pem: string): Certificate {
  return readCertificate(derOf(pem));
}

/** Whether `certificate` was signed by the key of `authority`, names it as its issuer, and `authority` may sign certificates. */
export async function isSignedBy(
  certificate: Certificate,
  authority: Certificate,
): Promise<boolean> {
  if (!authority.isAuthority || certificate.issuer !== authority.subject) {
    return false;
  }
  try {
    const issuer = new X509Certificate(authority.der);
    return await new X509Certificate(certificate.der).verify({
      publicKey: issuer.publicKey,
      signatureOnly: true,
    });
  } catch {
    return false;
  }
}

/** Whether `nowMs` lies within the certificate's life. */
export function isCurrent(certificate: Certificate, nowMs: number): boolean {
  return certificate.notBeforeMs <= nowMs && nowMs < certificate.notAfterMs;
}

/** Whether the certificate should be renewed by now: less than a third of its life is left, or a clock that was ahead made it for later. */
export function renewalDue(certificatePem: string, nowMs: number): boolean {
  const { notBeforeMs, notAfterMs } = readCertificatePem(certificatePem);
  return nowMs < notBeforeMs ||
    notAfterMs - nowMs < (notAfterMs - notBeforeMs) * RENEW_AT_REMAINING;
}

/** SHA-256 of the certificate (DER) in lower-case hexadecimal digits. */
export async function fingerprintOf(certificatePem: string): Promise<string> {
  return toHex(await sha256(derOf(certificatePem)));
}

/** What the registry keeps of a certificate. */
export async function factsOf(
  certificate: Certificate,
): Promise<CertificateFacts> {
  return {
    fingerprint: toHex(await sha256(certificate.der)),
    serial: certificate.serial,
    expiresAt: new Date(certificate.notAfterMs).toISOString(),
  };
}

/** What a device pins of its node: SHA-256 of the certificate's key (SubjectPublicKeyInfo) in lower-case hexadecimal digits. */
export async function keyIdOf(certificate: Certificate): Promise<string> {
  return toHex(await sha256(certificate.spki));
}

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(
    await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)),
  );
}

/** The length of the DER sequence that `der` begins with, its own header included; 0 where it does not begin with one of 128 to 65535 bytes. */
function sequenceLength(der: Uint8Array): number {
  if (der[0] !== DER_SEQUENCE) return 0;
  if (der[1] === 0x82 && der.length >= 4) return 4 + u16(der, 2);
  return der[1] === 0x81 && der.length >= 3 ? 3 + der[2]! : 0;
}

function parse(der: Uint8Array<ArrayBuffer>): Certificate {
  try {
    const certificate = new X509Certificate(der);
    const usages = certificate.getExtension(ExtendedKeyUsageExtension)?.usages;
    const constraints = certificate.getExtension(BasicConstraintsExtension);
    return {
      der,
      spki: ed25519Spki(new Uint8Array(certificate.publicKey.rawData)),
      subject: certificate.subject,
      issuer: certificate.issuer,
      serial: certificate.serialNumber.toLowerCase(),
      notBeforeMs: certificate.notBefore.getTime(),
      notAfterMs: certificate.notAfter.getTime(),
      isAuthority: constraints?.ca ?? false,
      forServer: usages?.includes(ExtendedKeyUsage.serverAuth) ?? false,
      forClient: usages?.includes(ExtendedKeyUsage.clientAuth) ?? false,
    };
  } catch (cause) {
    // The library throws many kinds of errors at junk; each of them is the sender's fault.
    throw new PeerError("Expected a certificate with an Ed25519 key", {
      cause,
    });
  }
}
