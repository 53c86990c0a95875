/** The runtime's cryptographic primitives behind the interface that the rooms are handed. */

import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type Decipheriv,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scrypt,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { concat } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { AEAD_TAG_BYTES, BLOCK_BYTES } from "../base/primitives.ts";
import type {
  Aead,
  AgreementKey,
  HashName,
  Mac,
  Permutation,
  Primitives,
} from "../base/primitives.ts";

/** What precedes the 32 key bytes in an X25519 SubjectPublicKeyInfo (RFC 8410 section 4). */
const X25519_SPKI_PREFIX = Uint8Array.of(
  0x30,
  0x2a,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x6e,
  0x03,
  0x21,
  0x00,
);
const X25519_KEY_BYTES = 32;

/** scrypt's cost: about 0.1 s and 32 MiB. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/** The runtime's own implementations, by way of `node:crypto`. */
export const systemPrimitives: Primitives = {
  random: (length) => new Uint8Array(randomBytes(length)),

  hash(name: HashName, ...parts: Uint8Array[]): Uint8Array {
    const hash = createHash(name);
    for (const part of parts) hash.update(part);
    return hash.digest();
  },

  hmac(key, ...parts) {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  },

  mac(key): Mac {
    return {
      tagBytes: 16,
      tag(nonce, bytes) {
        const aead = createCipheriv("chacha20-poly1305", key, nonce, {
          authTagLength: 16,
        });
        aead.setAAD(bytes, { plaintextLength: 0 });
        aead.final();
        return aead.getAuthTag();
      },
    };
  },

  aead(key): Aead {
    return {
      seal(nonce, associated, plain, into) {
        const aead = createCipheriv("chacha20-poly1305", key, nonce, {
          authTagLength: AEAD_TAG_BYTES,
        });
        aead.setAAD(associated, { plaintextLength: plain.length });
        const sealed = aead.update(plain);
        into.set(sealed);
        giveUp(sealed);
        aead.final();
        into.set(aead.getAuthTag(), plain.length);
      },
      open(nonce, associated, sealed) {
        const length = sealed.length - AEAD_TAG_BYTES;
        if (length < 0) return undefined;
        const aead = createDecipheriv("chacha20-poly1305", key, nonce, {
          authTagLength: AEAD_TAG_BYTES,
        });
        aead.setAAD(associated, { plaintextLength: length });
        aead.setAuthTag(sealed.subarray(length));
        try {
          const plain = aead.update(sealed.subarray(0, length));
          aead.final();
          return plain;
        } catch {
          return undefined;
        }
      },
    };
  },

  permutation(key): Permutation {
    // One block needs no mode of operation: ECB of one block is the cipher itself.
    const through = (begin: () => Cipheriv | Decipheriv) => {
      let cipher: Cipheriv | Decipheriv | undefined;
      return (block: Uint8Array) => {
        if (block.length !== BLOCK_BYTES) {
          throw new RangeError(`A block has 16 bytes, not ${block.length}`);
        }
        if (!cipher) {
          cipher = begin();
          cipher.setAutoPadding(false);
          // To begin one takes longer than some blocks, and one that is not ended is never freed: it is there for all that come in one turn.
          queueMicrotask(() => {
            cipher?.final();
            cipher = undefined;
          });
        }
        return new Uint8Array(cipher.update(block));
      };
    };
    return {
      forward: through(() => createCipheriv("aes-256-ecb", key, null)),
      backward: through(() => createDecipheriv("aes-256-ecb", key, null)),
    };
  },

  hkdf: (secret, salt, info, length) =>
    new Uint8Array(hkdfSync("sha256", secret, salt, info, length)),

  scrypt: (secret, salt) =>
    new Promise((resolve, reject) =>
      scrypt(
        secret,
        salt,
        32,
        SCRYPT,
        (error, key) => error ? reject(error) : resolve(key),
      )
    ),

  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),

  agreementKey(): AgreementKey {
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    const spki = publicKey.export({ type: "spki", format: "der" });
    return {
      publicKey: new Uint8Array(spki.subarray(spki.length - X25519_KEY_BYTES)),
      agree(peer) {
        if (peer.length !== X25519_KEY_BYTES) {
          throw new PeerError(`An X25519 key has 32 bytes, not ${peer.length}`);
        }
        const der = concat([X25519_SPKI_PREFIX, peer]);
        const secret = agreeOrThrow(privateKey, der);
        // RFC 7748 section 6.1: a peer that sends a point of small order forces this result.
        if (secret.every((byte) => byte === 0)) {
          throw new PeerError("The peer's X25519 key is of small order");
        }
        return secret;
      },
    };
  },

  sign(privateKey, message) {
    const key = createPrivateKey({
      key: Buffer.from(privateKey),
      format: "der",
      type: "pkcs8",
    });
    return new Uint8Array(sign(null, message, key));
  },

  verify(publicKey, message, signature) {
    try {
      const key = createPublicKey({
        key: Buffer.from(publicKey),
        format: "der",
        type: "spki",
      });
      return key.asymmetricKeyType === "ed25519" &&
        verify(null, message, key, signature);
    } catch {
      return false;
    }
  },
};

function agreeOrThrow(privateKey: KeyObject, peerSpki: Uint8Array): Uint8Array {
  try {
    const publicKey = createPublicKey({
      key: Buffer.from(peerSpki),
      format: "der",
      type: "spki",
    });
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  } catch (cause) {
    throw new PeerError("The peer's X25519 key is not usable", { cause });
  }
}

/**
 * Gives memory back at once that nobody else has: an upload makes as much of it as it has bytes, and the engine would let 64 MiB lie before it
 * looks.
 */
function giveUp(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const alone = bytes.byteLength === buffer.byteLength;
  if (alone && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
