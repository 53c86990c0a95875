/**
 * The invitation's code: one line that a person copies from the node to the device.
 *
 *     vault1-<base32 of: id 8 | secret 16 | CA fingerprint 16 | length of address 1 | address | checksum 4>
 *
 * The CA's SHA-256 fingerprint is cut to 128 bits: to stand in for the node somebody has to find a second certificate with the same
 * 128 bits, which is no easier than guessing the secret. (Collisions, at 2^64, are of no use: the honest node made the CA.)
 * base32 (RFC 4648 section 6, lower case, no padding) survives being read aloud, double-clicked and sent in capitals. The checksum is
 * there for typing mistakes alone; whoever changes a code knows its secret.
 */

import { fromBase32, toBase32 } from "../base/base32.ts";
import { concat, equalBytes, fromUtf8, toHex, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { sha256 } from "./certificate.ts";

export const CODE_PREFIX = "vault1-";
export const ID_BYTES = 8;
/** 128 bits: out of reach offline, let alone online. */
export const SECRET_BYTES = 16;
export const PIN_BYTES = 16;
export const MAX_ADDRESS_BYTES = 255;

const CHECKSUM_BYTES = 4;
const CHECKSUM_DOMAIN = utf8("vault/1 invitation code");

/** What a code says. */
export interface Code {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly secret: Uint8Array;
  /** The first 16 bytes of the SHA-256 of the CA's certificate (DER). */
  readonly caPin: Uint8Array;
  /** HOST:PORT. */
  readonly address: string;
}

/** The line to print. */
export async function renderCode(
  code: { idBytes: Uint8Array } & Omit<Code, "id">,
): Promise<string> {
  const address = utf8(code.address);
  if (address.length > MAX_ADDRESS_BYTES) {
    throw new VaultError(`The address "${code.address}" is too long`, {
      kind: "usage",
    });
  }
  const body = concat([
    code.idBytes,
    code.secret,
    code.caPin,
    Uint8Array.of(address.length),
    address,
  ]);
  return CODE_PREFIX + toBase32(concat([body, await checksum(body)]));
}

/** What the line says, whatever its case and the white space in it. @throws {VaultError} `usage` where it is mistyped */
export async function parseCode(text: string): Promise<Code> {
  const line = text.replace(/\s+/g, "").toLowerCase();
  if (!line.startsWith(CODE_PREFIX)) {
    throw mistyped("an invitation's code begins with " + CODE_PREFIX);
  }
  const bytes = fromBase32(line.slice(CODE_PREFIX.length));
  const fixed = ID_BYTES + SECRET_BYTES + PIN_BYTES + 1;
  if (!bytes || bytes.length < fixed + CHECKSUM_BYTES) {
    throw mistyped("it is incomplete, or has letters that no code has");
  }
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (!equalBytes(await checksum(body), bytes.subarray(body.length))) {
    throw mistyped("its checksum is wrong");
  }
  const address = fromUtf8(body.subarray(fixed));
  if (address === undefined || body[fixed - 1] !== body.length - fixed) {
    throw mistyped("the address in it is not readable");
  }
  return {
    id: toHex(body.subarray(0, ID_BYTES)),
    secret: body.slice(ID_BYTES, ID_BYTES + SECRET_BYTES),
    caPin: body.slice(ID_BYTES + SECRET_BYTES, fixed - 1),
    address,
  };
}

async function checksum(body: Uint8Array): Promise<Uint8Array> {
  return (await sha256(concat([CHECKSUM_DOMAIN, body]))).subarray(
    0,
    CHECKSUM_BYTES,
  );
}

function mistyped(why: string): VaultError {
  return new VaultError(`The invitation's code is mistyped: ${why}`, {
    kind: "usage",
    hint: "copy the whole line that the node's invite command printed",
  });
}
