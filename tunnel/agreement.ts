/** What both ends of a handshake know once both hellos are: the running transcript, the shared secret, and what comes from them. */

import { concat, equalBytes, utf8 } from "../lib/base/bytes.ts";
import { invariant, PeerError } from "../lib/base/errors.ts";
import type { AgreementKey, Primitives } from "../lib/base/primitives.ts";
import type { Certificate } from "../lib/pki/certificate.ts";
import {
  type ConfirmationKeys,
  confirmationKeys,
  type LinkKeys,
  linkKeys,
} from "./keys.ts";
import {
  type Hello,
  type NodeHello,
  type Proof,
  type Purpose,
  verdictText,
} from "./message.ts";

/** What both ends bring. Everything random is handed in, so that the same bytes come out of the same bytes. */
export interface HandshakeOptions {
  readonly primitives: Primitives;
  readonly purpose: Purpose;
  /** Of this TLS connection, the same at both ends and for no other connection. */
  readonly binding: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array;
  readonly agreement: AgreementKey;
  readonly nonce: Uint8Array;
  /** The certificate that TLS verified, DER: the peer must prove to be the one that it names. */
  readonly peerCertificate: Uint8Array;
}

/** What a handshake comes to. */
export interface HandshakeResult {
  readonly linkId: Uint8Array;
  readonly keys: LinkKeys;
  readonly peer: Certificate;
  /** What was received after the handshake. */
  readonly rest: Uint8Array;
}

const TRANSCRIPT = utf8("vault/1 handshake\0");
/** The state that both machines share once both hellos are known: the running transcript and the keys. */
export class Agreed {
  readonly peer: Certificate;
  readonly linkId: Uint8Array;
  readonly confirm: ConfirmationKeys;
  readonly #primitives: Primitives;
  readonly #privateKey: Uint8Array;
  readonly #shared: Uint8Array;
  #transcript: Uint8Array;

  constructor(
    options: HandshakeOptions,
    agreed: {
      transcript: Uint8Array;
      shared: Uint8Array;
      peer: Certificate;
      linkId: Uint8Array;
    },
  ) {
    this.#primitives = options.primitives;
    this.#privateKey = options.privateKey;
    this.#shared = agreed.shared;
    this.#transcript = agreed.transcript;
    this.peer = agreed.peer;
    // What was read is lent; this is kept for as long as the link lives.
    this.linkId = agreed.linkId.slice();
    this.confirm = confirmationKeys(options.primitives, agreed);
  }

  extend(message: Uint8Array): void {
    this.#transcript = this.#primitives.hash(
      "sha256",
      this.#transcript,
      message,
    );
  }

  prove(context: Uint8Array, key: Uint8Array): Proof {
    const signature = this.#primitives.sign(
      this.#privateKey,
      concat([context, this.#transcript]),
    );
    const confirmation = this.#confirmation(key, signature);
    return { signature, confirmation };
  }

  /** @throws {PeerError} where the peer does not have the certificate's key, or signed another transcript */
  check(context: Uint8Array, key: Uint8Array, proof: Proof): void {
    const signed = concat([context, this.#transcript]);
    if (
      !this.#primitives.verify(this.peer.spki, signed, proof.signature)
    ) {
      throw new PeerError(
        "The other end does not prove its identity on this connection: another key, or something in between",
      );
    }
    const confirmation = this.#confirmation(key, proof.signature);
    if (!this.#primitives.equal(confirmation, proof.confirmation)) {
      throw new PeerError("The other end has agreed on other keys");
    }
  }

  linkKeys(): LinkKeys {
    return linkKeys(this.#primitives, {
      shared: this.#shared,
      transcript: this.#transcript,
      linkId: this.linkId,
    });
  }

  verdictMac(
    keys: LinkKeys,
    verdict: { admitted: boolean; reason: string },
  ): Uint8Array {
    return this.#primitives.hmac(
      keys.verdict,
      this.#transcript,
      verdictText(verdict),
    );
  }

  #confirmation(key: Uint8Array, signature: Uint8Array): Uint8Array {
    return this.#primitives.hmac(key, this.#transcript, signature);
  }
}

export function agree(
  options: HandshakeOptions,
  both: {
    deviceHello: Uint8Array;
    nodeHello: Uint8Array;
    peer: Certificate;
    linkId: Uint8Array;
    share: Uint8Array;
  },
): Agreed {
  const { primitives, binding } = options;
  invariant(binding.length === BINDING_BYTES, "a binding has 64 bytes");
  return new Agreed(options, {
    transcript: primitives.hash(
      "sha256",
      TRANSCRIPT,
      binding,
      both.deviceHello,
      both.nodeHello,
    ),
    shared: options.agreement.agree(both.share),
    peer: both.peer,
    linkId: both.linkId,
  });
}

/** The binding has one length, so that it and what follows it in the transcript cannot be cut apart in two ways. */
export const BINDING_BYTES = 64;

export function checkPeer(
  options: Pick<HandshakeOptions, "purpose" | "peerCertificate">,
  hello: Hello | NodeHello,
): void {
  if (hello.purpose !== options.purpose) {
    throw new PeerError("The other end wants something else of this link");
  }
  if (!equalBytes(hello.certificate, options.peerCertificate)) {
    throw new PeerError(
      "The other end shows another certificate inside TLS than in it: something is in between",
    );
  }
}
