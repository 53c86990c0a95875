/**
 * By which both ends of a link prove to each other, over a new connection whose handshake is through, that they are the same link, and tell
 * what they have. PROTOCOL.md section 9 argues why it is safe.
 *
 *     RESUME     link id 16 | next u64 | MAC 32                     device to node
 *     RESUMED    code u8 | next u64 | MAC 32                        node to device
 *
 * `next` is the number of the next record that the sender expects. With R the resume secret of the link that is resumed and C the one of
 * this connection's own handshake, which nobody else has and which no other connection has had:
 *
 *     MAC of RESUME               HMAC(R, "vault/1 device resumes" 0 | C | link id | next)
 *     MAC of RESUMED, code 0      HMAC(R, "vault/1 node resumes" 0 | C | link id | next)
 *     MAC of RESUMED, code 1      HMAC(C, "vault/1 node has no such link" 0 | link id),    next is 0
 */

import { concat, putU64, u64, utf8 } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import { LINK_ID_BYTES } from "./keys.ts";
import { CONFIRMATION_BYTES, Fields, message, MessageType } from "./message.ts";

const DEVICE_RESUMES = utf8("vault/1 device resumes\0");
const NODE_RESUMES = utf8("vault/1 node resumes\0");
const NO_SUCH_LINK = utf8("vault/1 node has no such link\0");

const RESUMED = 0x00;
const UNKNOWN = 0x01;

/** What a proof is made with. */
export interface ResumeKeys {
  readonly primitives: Pick<Primitives, "hmac" | "equal">;
  /** Of the handshake of this connection. */
  readonly connection: Uint8Array;
  readonly linkId: Uint8Array;
}

/** The keys, and the secret of the link that is resumed. */
export type LinkResumeKeys = ResumeKeys & { readonly secret: Uint8Array };

/** A device's wish to go on with a link, not proved yet. */
export interface Resume {
  readonly linkId: Uint8Array;
  readonly next: number;
  readonly mac: Uint8Array;
}

export function encodeResume(keys: LinkResumeKeys, next: number): Uint8Array {
  return message(MessageType.RESUME, [
    keys.linkId,
    numberBytes(next),
    proof(keys, DEVICE_RESUMES, next),
  ]);
}

/** @throws {PeerError} */
export function decodeResume(body: Uint8Array): Resume {
  const fields = new Fields(body);
  const linkId = fields.take(LINK_ID_BYTES);
  const next = u64(fields.take(NUMBER_BYTES), 0);
  const mac = fields.take(CONFIRMATION_BYTES);
  fields.end();
  return { linkId, next, mac };
}

/** Whether whoever sent it has the link's secret, on this connection. */
export function isProved(keys: LinkResumeKeys, resume: Resume): boolean {
  const expected = proof(keys, DEVICE_RESUMES, resume.next);
  return keys.primitives.equal(expected, resume.mac);
}

export function encodeResumed(keys: LinkResumeKeys, next: number): Uint8Array {
  return message(MessageType.RESUMED, [
    Uint8Array.of(RESUMED),
    numberBytes(next),
    proof(keys, NODE_RESUMES, next),
  ]);
}

/** The node has no such link, or the device is not its other end: it does not say which. */
export function encodeUnknown(keys: ResumeKeys): Uint8Array {
  return message(MessageType.RESUMED, [
    Uint8Array.of(UNKNOWN),
    numberBytes(0),
    unknown(keys),
  ]);
}

/**
 * The number of the next record that the node expects, or undefined where it has no such link.
 *
 * @throws {PeerError} where the answer is not the node's, or not of this connection
 */
export function decodeResumed(
  keys: LinkResumeKeys,
  body: Uint8Array,
): number | undefined {
  const fields = new Fields(body);
  const code = fields.take(1)[0];
  const next = u64(fields.take(NUMBER_BYTES), 0);
  const mac = fields.take(CONFIRMATION_BYTES);
  fields.end();
  const expected = code === RESUMED
    ? proof(keys, NODE_RESUMES, next)
    : unknown(keys);
  if (code !== RESUMED && code !== UNKNOWN) {
    throw new PeerError(`An answer of unknown code ${code}`);
  }
  if (!keys.primitives.equal(expected, mac)) {
    throw new PeerError("The other end does not prove to be the same link");
  }
  return code === RESUMED ? next : undefined;
}

const NUMBER_BYTES = 8;

function numberBytes(next: number): Uint8Array {
  const bytes = new Uint8Array(NUMBER_BYTES);
  putU64(bytes, 0, next);
  return bytes;
}

function proof(
  keys: LinkResumeKeys,
  label: Uint8Array,
  next: number,
): Uint8Array {
  const { primitives, secret, connection, linkId } = keys;
  return primitives.hmac(
    secret,
    concat([label, connection, linkId, numberBytes(next)]),
  );
}

function unknown({ primitives, connection, linkId }: ResumeKeys): Uint8Array {
  return primitives.hmac(connection, concat([NO_SUCH_LINK, linkId]));
}
