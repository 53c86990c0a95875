/**
 * base32 (RFC 4648 section 6) in lower case and without padding: it survives being read aloud, double-clicked and sent in capitals, for
 * whoever lowers it first.
 */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** Five bits a letter; the spare bits of the last one are 0. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) {
      text += ALPHABET[(held >>> (bits - 5)) & 0x1f];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 0x1f] : text;
}

/** The bytes. Undefined for letters that are not of the alphabet, and for spare bits that are not zero: one code has one spelling. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor(text.length * 5 / 8));
  let at = 0;
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >>> bits;
      held &= (1 << bits) - 1;
    }
  }
  return bits < 5 && held === 0 ? bytes : undefined;
}
