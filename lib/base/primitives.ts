/**
 * The cryptographic primitives that protocol code is handed, so that it names no platform. `lib/os/primitives.ts` makes them
 * from the runtime's; nothing here is implemented by this project.
 */

/** The digests that {@linkcode Primitives.hash} knows: those of CHAP (RFC 7143 section 12.1), and SHA-256 for everything else. */
export type HashName = "md5" | "sha1" | "sha256" | "sha3-256";

/** An X25519 key pair (RFC 7748) for one key agreement. */
export interface AgreementKey {
  /** 32 bytes, to send. */
  readonly publicKey: Uint8Array;
  /** The 32-byte shared secret with the peer's 32-byte public key. @throws {PeerError} where the result is all zeros */
  agree(peerPublicKey: Uint8Array): Uint8Array;
}

/** A message authentication code under one key, called once per record. */
export interface Mac {
  /** Length of a tag in bytes. */
  readonly tagBytes: number;
  /**
   * The tag over `bytes`. A `nonce`, {@linkcode MAC_NONCE_BYTES} long, is used for one message of a key and never again: two messages
   * under one nonce let a forger make a third. The result is lent until the next call.
   */
  tag(nonce: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** Length of the nonce of a {@linkcode Mac}: that of RFC 8439. */
export const MAC_NONCE_BYTES = 12;

/** An authenticated cipher under one key, ChaCha20-Poly1305 (RFC 8439): the ciphertext is as long as the text, and a tag follows it. */
export interface Aead {
  /**
   * Puts ciphertext and tag of `plain` into `into`, which is {@linkcode AEAD_TAG_BYTES} longer. A `nonce`, {@linkcode AEAD_NONCE_BYTES}
   * long, is used for one message of a key and never again: two messages under one nonce show both, and let a forger make a third.
   */
  seal(
    nonce: Uint8Array,
    associated: Uint8Array,
    plain: Uint8Array,
    into: Uint8Array,
  ): void;
  /** The text of a ciphertext and its tag, or undefined where they are not what was sealed under this key, nonce and associated data. */
  open(
    nonce: Uint8Array,
    associated: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

/** Lengths of the nonce and the tag of an {@linkcode Aead}. */
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** A permutation of {@linkcode BLOCK_BYTES} bytes under one key, that nobody without the key tells from a random one. */
export interface Permutation {
  /** Where a block goes. */
  forward(block: Uint8Array): Uint8Array;
  /** Where it came from. */
  backward(block: Uint8Array): Uint8Array;
}

/** The block of a {@linkcode Permutation}: that of AES. */
export const BLOCK_BYTES = 16;

/** Randomness, digests, key agreement and signatures, as the protocols of this project use them. */
export interface Primitives {
  /** `length` unpredictable bytes. */
  random(length: number): Uint8Array<ArrayBuffer>;
  /** The digest over the parts one after the other. */
  hash(name: HashName, ...parts: Uint8Array[]): Uint8Array;
  /** HMAC (RFC 2104) with SHA-256 under `key` over the parts one after the other; 32 bytes. */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;
  /** ChaCha20-Poly1305 (RFC 8439) under a 32-byte key, of messages that are all associated data: 16-byte tags. */
  mac(key: Uint8Array): Mac;
  /** ChaCha20-Poly1305 (RFC 8439) under a 32-byte key. */
  aead(key: Uint8Array): Aead;
  /** AES-256 (FIPS 197) on single blocks, under a 32-byte key. */
  permutation(key: Uint8Array): Permutation;
  /** HKDF with SHA-256 (RFC 5869): `length` bytes. */
  hkdf(
    secret: Uint8Array,
    salt: Uint8Array,
    info: Uint8Array,
    length: number,
  ): Uint8Array;
  /** scrypt (RFC 7914), for secrets that people type. Takes about 0.1 s. 32 bytes. */
  scrypt(secret: Uint8Array, salt: Uint8Array): Promise<Uint8Array>;
  /** Compares in time that depends on the lengths alone, as far as the runtime can promise that. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** A fresh X25519 key pair. */
  agreementKey(): AgreementKey;
  /** The Ed25519 signature (RFC 8032), 64 bytes, over `message` by a private key in PKCS#8, DER. */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** Whether `signature` over `message` is by the Ed25519 key whose SubjectPublicKeyInfo (DER) is `publicKey`. False for any junk. */
  verify(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
}
