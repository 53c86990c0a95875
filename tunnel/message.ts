/**
 * The messages of the handshake. All of them are `type u8 | 0 u8 | length u16 | body`; PROTOCOL.md section 3 draws the bodies.
 *
 *     DEVICE_HELLO   version u16 | purpose u8 | 0 u8 | nonce 32 | share 32 | length u16 | certificate
 *     NODE_HELLO     version u16 | purpose u8 | 0 u8 | nonce 32 | share 32 | link id 16 | length u16 | certificate
 *                    | length u16 | the authority's certificate
 *     NODE_PROOF     signature 64 | confirmation 32
 *     DEVICE_PROOF   signature 64 | confirmation 32
 *     VERDICT        code u8 | MAC 32 | reason
 *     ALERT          reason, in place of any other message: not authenticated, for people
 */

import { concat, fromUtf8, putU16, u16, utf8 } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";
import { LINK_ID_BYTES } from "./keys.ts";
import { sentence } from "./sentence.ts";

export const PROTOCOL_VERSION = 1;

export const MessageType = {
  DEVICE_HELLO: 0x01,
  NODE_HELLO: 0x02,
  NODE_PROOF: 0x03,
  DEVICE_PROOF: 0x04,
  VERDICT: 0x05,
  ALERT: 0x06,
  /** After the verdict, where the connection is to go on with a link: see resume_message.ts. */
  RESUME: 0x07,
  RESUMED: 0x08,
} as const;

/** What the connection is for. It is part of what both ends sign. */
export type Purpose = typeof FOR_LINK | typeof FOR_JOIN | typeof FOR_RESUME;
export const FOR_LINK = 0x01;
export const FOR_JOIN = 0x02;
/** To go on with a link whose connection was lost. */
export const FOR_RESUME = 0x03;
const PURPOSES: readonly Purpose[] = [FOR_LINK, FOR_JOIN, FOR_RESUME];

export const MESSAGE_HEADER_BYTES = 4;
/** Two certificates fit, and nothing much larger. */
export const MAX_MESSAGE_BYTES = 12 * 1024;
export const NONCE_BYTES = 32;
export const SHARE_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const CONFIRMATION_BYTES = 32;
/** A reason has at most a quarter as many characters, which is room for any UTF-8. */
const MAX_REASON_BYTES = 1024;

export interface Hello {
  readonly purpose: Purpose;
  readonly nonce: Uint8Array;
  /** X25519 public key. */
  readonly share: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
}

export interface NodeHello extends Hello {
  readonly linkId: Uint8Array;
  /** DER. */
  readonly caCertificate: Uint8Array;
}

export interface Proof {
  readonly signature: Uint8Array;
  readonly confirmation: Uint8Array;
}

export interface Verdict {
  readonly admitted: boolean;
  readonly mac: Uint8Array;
  readonly reason: string;
}

/** A whole message as it crossed the wire. */
export interface Message {
  readonly type: number;
  readonly body: Uint8Array;
  /** Header and body, for the transcript. */
  readonly bytes: Uint8Array;
}

/** Cuts a stream into messages, one at a time: what follows the last message of a handshake is not its business. */
export class MessageReader {
  #held: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): void {
    this.#held = concat([this.#held, bytes]);
  }

  /** The next message once it is whole. @throws {PeerError} where it is too long to be waited for */
  next(): Message | undefined {
    if (this.#held.length < MESSAGE_HEADER_BYTES) return undefined;
    const length = u16(this.#held, 2);
    if (length > MAX_MESSAGE_BYTES || this.#held[1] !== 0) {
      throw new PeerError("Expected a message of the handshake");
    }
    const size = MESSAGE_HEADER_BYTES + length;
    if (this.#held.length < size) return undefined;
    const bytes = this.#held.subarray(0, size);
    this.#held = this.#held.subarray(size);
    return {
      type: bytes[0]!,
      body: bytes.subarray(MESSAGE_HEADER_BYTES),
      bytes,
    };
  }

  /** What came after the messages taken so far. */
  get rest(): Uint8Array {
    return this.#held;
  }
}

/** Takes fixed and counted fields off a body, and throws PeerError where it is too short or too long. */
export class Fields {
  #at = 0;
  constructor(readonly body: Uint8Array) {}

  take(length: number): Uint8Array {
    if (this.body.length - this.#at < length) {
      throw new PeerError("A message of the handshake is too short");
    }
    this.#at += length;
    return this.body.subarray(this.#at - length, this.#at);
  }

  counted(): Uint8Array {
    return this.take(u16(this.take(2), 0));
  }

  rest(): Uint8Array {
    return this.take(this.body.length - this.#at);
  }

  end(): void {
    if (this.#at < this.body.length) {
      throw new PeerError("A message of the handshake is too long");
    }
  }
}

export function encodeDeviceHello(hello: Hello): Uint8Array {
  return message(MessageType.DEVICE_HELLO, [
    ...commonHello(hello),
    counted(hello.certificate),
  ]);
}

/** @throws {PeerError} */
export function decodeDeviceHello(body: Uint8Array): Hello {
  const fields = new Fields(body);
  const hello = { ...takeCommonHello(fields), certificate: fields.counted() };
  fields.end();
  return hello;
}

export function encodeNodeHello(hello: NodeHello): Uint8Array {
  return message(MessageType.NODE_HELLO, [
    ...commonHello(hello),
    hello.linkId,
    counted(hello.certificate),
    counted(hello.caCertificate),
  ]);
}

/** @throws {PeerError} */
export function decodeNodeHello(body: Uint8Array): NodeHello {
  const fields = new Fields(body);
  const hello = {
    ...takeCommonHello(fields),
    linkId: fields.take(LINK_ID_BYTES),
    certificate: fields.counted(),
    caCertificate: fields.counted(),
  };
  fields.end();
  return hello;
}

export function encodeProof(
  type: typeof MessageType.NODE_PROOF | typeof MessageType.DEVICE_PROOF,
  proof: Proof,
): Uint8Array {
  return message(type, [proof.signature, proof.confirmation]);
}

/** @throws {PeerError} */
export function decodeProof(body: Uint8Array): Proof {
  const fields = new Fields(body);
  const proof = {
    signature: fields.take(SIGNATURE_BYTES),
    confirmation: fields.take(CONFIRMATION_BYTES),
  };
  fields.end();
  return proof;
}

const ADMITTED = 0x00;
const REFUSED = 0x01;

/** What a verdict's MAC covers: its code and its reason. */
export function verdictText(
  verdict: { admitted: boolean; reason: string },
): Uint8Array {
  return concat([
    Uint8Array.of(verdict.admitted ? ADMITTED : REFUSED),
    utf8(shortened(verdict.reason)),
  ]);
}

export function encodeVerdict(verdict: Verdict): Uint8Array {
  const text = verdictText(verdict);
  return message(MessageType.VERDICT, [
    text.subarray(0, 1),
    verdict.mac,
    text.subarray(1),
  ]);
}

/** @throws {PeerError} */
export function decodeVerdict(body: Uint8Array): Verdict {
  const fields = new Fields(body);
  const code = fields.take(1)[0];
  const mac = fields.take(CONFIRMATION_BYTES);
  const reason = reasonIn(fields.rest());
  if (code !== ADMITTED && code !== REFUSED) {
    throw new PeerError(`A verdict of unknown code ${code}`);
  }
  return { admitted: code === ADMITTED, mac, reason };
}

export function encodeAlert(reason: string): Uint8Array {
  return message(MessageType.ALERT, [utf8(shortened(reason))]);
}

/** @throws {PeerError} */
export function decodeAlert(body: Uint8Array): string {
  return sentence(reasonIn(body));
}

function shortened(reason: string): string {
  return reason.slice(0, MAX_REASON_BYTES / 4);
}

function reasonIn(bytes: Uint8Array): string {
  const text = bytes.length <= MAX_REASON_BYTES ? fromUtf8(bytes) : undefined;
  if (text === undefined) throw new PeerError("Expected a reason in UTF-8");
  return text;
}

function commonHello(hello: Hello): Uint8Array[] {
  const head = new Uint8Array(4);
  putU16(head, 0, PROTOCOL_VERSION);
  head[2] = hello.purpose;
  return [head, hello.nonce, hello.share];
}

function takeCommonHello(fields: Fields): Omit<Hello, "certificate"> {
  const head = fields.take(4);
  const version = u16(head, 0);
  if (version !== PROTOCOL_VERSION) {
    throw new PeerError(
      `The other end speaks version ${version} of the tunnel, this one ${PROTOCOL_VERSION}`,
    );
  }
  const purpose = PURPOSES.find((known) => known === head[2]);
  if (purpose === undefined || head[3] !== 0) {
    throw new PeerError("A hello for an unknown purpose");
  }
  return {
    purpose,
    nonce: fields.take(NONCE_BYTES),
    share: fields.take(SHARE_BYTES),
  };
}

function counted(bytes: Uint8Array): Uint8Array {
  const count = new Uint8Array(2);
  putU16(count, 0, bytes.length);
  return concat([count, bytes]);
}

/** A message of the handshake, whole. */
export function message(type: number, parts: Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const header = new Uint8Array(MESSAGE_HEADER_BYTES);
  header[0] = type;
  putU16(header, 2, body.length);
  return concat([header, body]);
}
