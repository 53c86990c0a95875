/**
 * How a device gets a certificate over a link: the request and the certificate travel in the messages that open a channel, inside
 * authenticated records.
 *
 *     device ── OPEN { kind: "vault/join" | "vault/renew", request: PKCS#10, base64 } ──► node
 *     device ◄── ACCEPT { certificate: DER, base64, name } ── node
 */

import { equalBytes } from "../lib/base/bytes.ts";
import { PeerError, VaultError } from "../lib/base/errors.ts";
import { createDeviceRequest } from "../lib/pki/authority.ts";
import {
  type Certificate,
  isSignedBy,
  MAX_CERTIFICATE_BYTES,
  readCertificate,
  readCertificatePem,
} from "../lib/pki/certificate.ts";
import { certificatePemOf, keysFromPem } from "../lib/pki/keys.ts";
import { isDeviceName } from "../lib/pki/names.ts";
import type { Channel, ChannelRequest } from "./channel.ts";
import type { Link } from "./link.ts";

export type EnrolmentKind = "vault/join" | "vault/renew";

/** Makes a key here and asks for its certificate. @throws {VaultError} where the node refuses */
export async function requestCertificate(
  link: Link,
  kind: EnrolmentKind,
): Promise<{ keyPem: string; channel: Channel }> {
  const { keyPem, request } = await createDeviceRequest();
  const channel = await link.open({ kind, request: toBase64(request) });
  channel.abort();
  return { keyPem, channel };
}

/** The request in a channel's opening message. @throws {PeerError} */
export function requestIn(opening: ChannelRequest): Uint8Array {
  return bytesIn(opening, "request");
}

/** The message that answers with `certificate`. */
export function answerWith(
  certificate: Certificate,
  name: string,
): ChannelRequest {
  return { certificate: toBase64(certificate.der), name };
}

/** The certificate in an answer, once it is the one that was asked for. @throws {VaultError} where it is not */
export async function certificateFrom(
  answer: ChannelRequest,
  own: { keyPem: string; caPem: string },
): Promise<{ certificatePem: string; name: string }> {
  try {
    const certificate = readCertificate(bytesIn(answer, "certificate"));
    const { name } = answer;
    const { publicKey } = await keysFromPem(own.keyPem);
    const spki = new Uint8Array(
      await crypto.subtle.exportKey("spki", publicKey),
    );
    if (!equalBytes(certificate.spki, spki)) {
      throw new PeerError("it is for another key");
    }
    if (!await isSignedBy(certificate, readCertificatePem(own.caPem))) {
      throw new PeerError("it is not signed by the node's authority");
    }
    if (typeof name !== "string" || !isDeviceName(name)) {
      throw new PeerError("it has no name");
    }
    return { certificatePem: certificatePemOf(certificate.der), name };
  } catch (cause) {
    if (!(cause instanceof PeerError)) throw cause;
    throw new VaultError(
      `The node answered with a certificate that is of no use: ${cause.message}`,
      { kind: "refused", cause },
    );
  }
}

function bytesIn(message: ChannelRequest, field: string): Uint8Array {
  const text = message[field];
  const longest = Math.ceil(MAX_CERTIFICATE_BYTES / 3) * 4;
  if (typeof text === "string" && text.length <= longest) {
    try {
      return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    } catch {
      // Answered below.
    }
  }
  throw new PeerError(`Expected base64 in "${field}"`);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
