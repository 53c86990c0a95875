/**
 * A volume's key as people keep it. The key is always 32 random bytes; a passphrase locks it and does not make it, so that it can be
 * changed without writing the volume anew.
 *
 *     vault-key1-<base32 of: key 32 | checksum 4>
 *     vault-locked-key1-<base32 of: salt 16 | key, sealed 48 | checksum 4>
 *
 * The first is a key file, the second one that asks for a passphrase: scrypt(passphrase, salt) is the key of ChaCha20-Poly1305 (RFC
 * 8439), nonce 0, associated data the prefix and the salt. The third is a sheet of paper, four lines of sixteen letters:
 *
 *     1: abcd efgh ijkl mnop      base32 of: eight bytes of the key | the first two of SHA-256(domain | all of the key up to here)
 *
 * so that a mistake in copying is known by its line. Checksums find mistakes; they keep nobody out.
 */

import { fromBase32, toBase32 } from "../base/base32.ts";
import { concat, equalBytes, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Primitives,
} from "../base/primitives.ts";
import { VOLUME_KEY_BYTES } from "./keys.ts";

export const KEY_PREFIX = "vault-key1-";
export const LOCKED_KEY_PREFIX = "vault-locked-key1-";
/** Longer texts are no key: nobody is made to read a disk image for one. */
export const MAX_KEY_TEXT_LENGTH = 1024;

const LOCK_SALT_BYTES = 16;
const CHECKSUM_BYTES = 4;
const FILE_DOMAIN = utf8("vault/1 key file");
const SHEET_DOMAIN = utf8("vault/1 recovery sheet");
const LINES = 4;
const LINE_KEY_BYTES = VOLUME_KEY_BYTES / LINES;
const LINE_CHECK_BYTES = 2;
const LINE_LETTERS = 16;

type Hashing = Pick<Primitives, "hash">;

/** The line of a key file. */
export function renderKey(primitives: Hashing, key: Uint8Array): string {
  return KEY_PREFIX + checked(primitives, key);
}

/** @throws {VaultError} `usage` where the text is no key, or one that is locked */
export function parseKey(primitives: Hashing, text: string): Uint8Array {
  if (isLocked(text)) throw wrong("a passphrase locks it");
  const key = unchecked(primitives, { text, prefix: KEY_PREFIX });
  if (key.length !== VOLUME_KEY_BYTES) throw wrong("it has another length");
  return key;
}

/** Whether a passphrase is needed for it. */
export function isLocked(text: string): boolean {
  return squeezed(text).startsWith(LOCKED_KEY_PREFIX);
}

/** The line of a key file that asks for `passphrase`. */
export async function lockKey(
  primitives: Primitives,
  options: { readonly key: Uint8Array; readonly passphrase: string },
): Promise<string> {
  const salt = primitives.random(LOCK_SALT_BYTES);
  const lock = await lockOf(primitives, options.passphrase, salt);
  const sealed = new Uint8Array(VOLUME_KEY_BYTES + AEAD_TAG_BYTES);
  // The key of this cipher is fresh with its salt: it seals this message and no other.
  lock.aead.seal(lock.nonce, lock.associated, options.key, sealed);
  return LOCKED_KEY_PREFIX + checked(primitives, concat([salt, sealed]));
}

/** @throws {VaultError} `usage` where the text is no locked key, `refused` where the passphrase is another */
export async function unlockKey(
  primitives: Primitives,
  options: { readonly text: string; readonly passphrase: string },
): Promise<Uint8Array> {
  const { text, passphrase } = options;
  const body = unchecked(primitives, { text, prefix: LOCKED_KEY_PREFIX });
  const length = LOCK_SALT_BYTES + VOLUME_KEY_BYTES + AEAD_TAG_BYTES;
  if (body.length !== length) throw wrong("it has another length");
  const salt = body.subarray(0, LOCK_SALT_BYTES);
  const lock = await lockOf(primitives, passphrase, salt);
  const sealed = body.subarray(LOCK_SALT_BYTES);
  const key = lock.aead.open(lock.nonce, lock.associated, sealed);
  if (key) return key;
  throw new VaultError("The passphrase is not that of this key", {
    kind: "refused",
  });
}

/** The four lines of a recovery sheet. Whoever reads them has the volume. */
export function recoveryLines(
  primitives: Hashing,
  key: Uint8Array,
): readonly string[] {
  return Array.from({ length: LINES }, (_, line) => {
    const end = (line + 1) * LINE_KEY_BYTES;
    const part = key.subarray(end - LINE_KEY_BYTES, end);
    const check = lineCheck(primitives, key.subarray(0, end));
    const letters = toBase32(concat([part, check]));
    return `${line + 1}: ${letters.replace(/.{4}(?=.)/g, "$& ")}`;
  });
}

/** The key on a recovery sheet, whatever its case and its white space. @throws {VaultError} `usage`, naming the line that is mistyped */
export function parseRecovery(primitives: Hashing, text: string): Uint8Array {
  if (text.length > MAX_KEY_TEXT_LENGTH) throw wrong("it is too long");
  const letters = text.toLowerCase().replace(/[1-4]\s*[:.)]/g, "")
    .replace(/[\s-]+/g, "");
  if (letters.length !== LINES * LINE_LETTERS) {
    throw wrong(
      `a recovery sheet has ${LINES} lines of ${LINE_LETTERS} letters`,
    );
  }
  const key = new Uint8Array(VOLUME_KEY_BYTES);
  for (let line = 0; line < LINES; line++) {
    const from = line * LINE_LETTERS;
    const bytes = fromBase32(letters.slice(from, from + LINE_LETTERS));
    const at = line * LINE_KEY_BYTES;
    if (bytes) key.set(bytes.subarray(0, LINE_KEY_BYTES), at);
    const check = lineCheck(primitives, key.subarray(0, at + LINE_KEY_BYTES));
    if (!bytes || !equalBytes(check, bytes.subarray(LINE_KEY_BYTES))) {
      throw wrong(`line ${line + 1} is mistyped`);
    }
  }
  return key;
}

function lineCheck(primitives: Hashing, keySoFar: Uint8Array): Uint8Array {
  return primitives.hash("sha256", SHEET_DOMAIN, keySoFar)
    .subarray(0, LINE_CHECK_BYTES);
}

async function lockOf(
  primitives: Primitives,
  passphrase: string,
  salt: Uint8Array,
) {
  if (passphrase === "") {
    throw new VaultError("An empty passphrase locks nothing", {
      kind: "usage",
    });
  }
  // Keyboards differ in how they make the same letter.
  const key = await primitives.scrypt(utf8(passphrase.normalize("NFKC")), salt);
  return {
    aead: primitives.aead(key),
    nonce: new Uint8Array(AEAD_NONCE_BYTES),
    associated: concat([utf8(LOCKED_KEY_PREFIX), salt]),
  };
}

function checked(primitives: Hashing, body: Uint8Array): string {
  return toBase32(concat([body, checksum(primitives, body)]));
}

function unchecked(
  primitives: Hashing,
  { text, prefix }: { readonly text: string; readonly prefix: string },
): Uint8Array {
  if (text.length > MAX_KEY_TEXT_LENGTH) throw wrong("it is too long");
  const line = squeezed(text);
  if (!line.startsWith(prefix)) throw wrong(`it does not begin with ${prefix}`);
  const bytes = fromBase32(line.slice(prefix.length));
  if (!bytes || bytes.length < CHECKSUM_BYTES) {
    throw wrong("it is incomplete, or has letters that no key has");
  }
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (!equalBytes(checksum(primitives, body), bytes.subarray(body.length))) {
    throw wrong("its checksum is wrong");
  }
  return body;
}

function checksum(primitives: Hashing, body: Uint8Array): Uint8Array {
  return primitives.hash("sha256", FILE_DOMAIN, body)
    .subarray(0, CHECKSUM_BYTES);
}

function squeezed(text: string): string {
  return text.slice(0, MAX_KEY_TEXT_LENGTH).replace(/\s+/g, "").toLowerCase();
}

function wrong(why: string): VaultError {
  return new VaultError(`This is not the key of a volume: ${why}`, {
    kind: "usage",
    hint: "copy the whole key as it was shown, or name its file",
  });
}
