/** Ed25519 keys (RFC 8032) in the shapes that the rest wants: PKCS#8 and SubjectPublicKeyInfo (RFC 8410). */

import { concat, equalBytes, fromHex } from "../base/bytes.ts";
import { PeerError, VaultError } from "../base/errors.ts";
import { PemConverter } from "./x509.ts";

export const ED25519 = { name: "Ed25519" } as const;

/** Length of an Ed25519 SubjectPublicKeyInfo: 12 bytes of prefix and 32 of key. */
export const SPKI_BYTES = 44;
export const SEED_BYTES = 32;

/** What precedes the 32 key bytes in a SubjectPublicKeyInfo and in a PKCS#8 document (RFC 8410 sections 4 and 7). */
const SPKI_PREFIX = hex("302a300506032b6570032100");
const PKCS8_PREFIX = hex("302e020100300506032b657004220420");

/** A fresh pair; both halves can be exported, since they have to be stored. */
export async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ED25519, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
}

/** The pair whose private key is `seed`, 32 bytes. */
export async function keysFromSeed(seed: Uint8Array): Promise<CryptoKeyPair> {
  return await importPair(concat([PKCS8_PREFIX, seed]));
}

/** The pair of a private key in PKCS#8, PEM. @throws {VaultError} where it is not one */
export async function keysFromPem(keyPem: string): Promise<CryptoKeyPair> {
  try {
    return await importPair(derOf(keyPem));
  } catch (cause) {
    throw new VaultError("A private key of this machine is damaged", { cause });
  }
}

/** The private key in PKCS#8, PEM. */
export async function keyPemOf(privateKey: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", privateKey);
  return PemConverter.encode(der, "PRIVATE KEY");
}

/** The bytes of the first PEM block in `pem`. @throws {VaultError} where there is none */
export function derOf(pem: string): Uint8Array<ArrayBuffer> {
  try {
    const [first] = PemConverter.decode(pem);
    if (first) return new Uint8Array(first);
  } catch {
    // Answered below: which way it is damaged helps nobody.
  }
  throw new VaultError("A PEM file of this machine is damaged");
}

/** A certificate in DER as PEM. */
export function certificatePemOf(der: Uint8Array): string {
  return PemConverter.encode(new Uint8Array(der), "CERTIFICATE");
}

/** `spki` where it is the SubjectPublicKeyInfo of an Ed25519 key. @throws {PeerError} for any other key */
export function ed25519Spki(spki: Uint8Array): Uint8Array {
  const right = spki.length === SPKI_BYTES &&
    equalBytes(spki.subarray(0, SPKI_PREFIX.length), SPKI_PREFIX);
  if (!right) {
    throw new PeerError("Expected an Ed25519 key, got one of another kind");
  }
  return spki;
}

async function importPair(pkcs8: Uint8Array<ArrayBuffer>) {
  const { subtle } = crypto;
  const privateKey = await subtle.importKey("pkcs8", pkcs8, ED25519, true, [
    "sign",
  ]);
  const { kty, crv, x } = await subtle.exportKey("jwk", privateKey);
  const publicKey = await subtle.importKey(
    "jwk",
    { kty: kty!, crv: crv!, x: x! },
    ED25519,
    true,
    ["verify"],
  );
  return { privateKey, publicKey };
}

function hex(digits: string): Uint8Array<ArrayBuffer> {
  return fromHex(digits)!;
}
