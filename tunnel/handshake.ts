/**
 * The handshake inside TLS, by which both ends prove who they are to each other and agree on keys that TLS does not hold. Two
 * synchronous machines; PROTOCOL.md section 3 argues why they are safe.
 *
 *       device                                                     node
 *       expects NODE_HELLO      ── DEVICE_HELLO ──►                 expects DEVICE_HELLO
 *                               ◄── NODE_HELLO, NODE_PROOF ──       expects DEVICE_PROOF
 *       expects VERDICT         ── DEVICE_PROOF ──►                 proved: waits for admit() or refuse()
 *       up, or refused          ◄── VERDICT ──                      up, or refused
 *
 *     T1 = H("vault/1 handshake" 0 | binding | DEVICE_HELLO | NODE_HELLO)      binding: of this TLS connection
 *     NODE_PROOF   = sign(node key, "vault/1 node proves" 0 | T1), HMAC(confirm node, T1 | signature)
 *     T2 = H(T1 | NODE_PROOF)
 *     DEVICE_PROOF = sign(device key, "vault/1 device proves" 0 | T2), HMAC(confirm device, T2 | signature)
 *     T3 = H(T2 | DEVICE_PROOF)                                               salt of the link's keys
 *     VERDICT      = code, HMAC(verdict key, T3 | code | reason), reason
 */

import { concat, toHex, utf8 } from "../lib/base/bytes.ts";
import { invariant, PeerError } from "../lib/base/errors.ts";
import { type Certificate, readCertificate } from "../lib/pki/certificate.ts";
import {
  agree,
  type Agreed,
  checkPeer,
  type HandshakeOptions,
  type HandshakeResult,
} from "./agreement.ts";
import {
  decodeAlert,
  decodeDeviceHello,
  decodeNodeHello,
  decodeProof,
  decodeVerdict,
  encodeDeviceHello,
  encodeNodeHello,
  encodeProof,
  encodeVerdict,
  type Message,
  MessageReader,
  MessageType,
} from "./message.ts";
import { sentence } from "./sentence.ts";

/** The node refused this device; the sentence is authentic. */
export class RefusedError extends PeerError {}

const NODE_PROVES = utf8("vault/1 node proves\0");
const DEVICE_PROVES = utf8("vault/1 device proves\0");

export class DeviceHandshake {
  readonly #options: HandshakeOptions & { nodeId?: string };
  readonly #reader = new MessageReader();
  readonly #hello: Uint8Array;
  #expects: "NODE_HELLO" | "NODE_PROOF" | "VERDICT" | "nothing" = "NODE_HELLO";
  #agreed: Agreed | undefined;

  /** `nodeId`: the pinned key of the node; without it, TLS alone says which certificate is the node's. */
  constructor(options: HandshakeOptions & { nodeId?: string }) {
    this.#options = options;
    this.#hello = encodeDeviceHello({
      purpose: options.purpose,
      nonce: options.nonce,
      share: options.agreement.publicKey,
      certificate: options.certificate,
    });
  }

  /** The first message, to be sent. */
  get hello(): Uint8Array {
    return this.#hello;
  }

  /**
   * @throws {RefusedError} where the node says no
   * @throws {PeerError} where it is not the pinned node, or breaks the protocol
   */
  receive(bytes: Uint8Array): { send?: Uint8Array; result?: HandshakeResult } {
    this.#reader.push(bytes);
    let send: Uint8Array | undefined;
    while (this.#expects !== "nothing") {
      const message = this.#reader.next();
      if (!message) break;
      expectType(message, MessageType[this.#expects], this.#expects);
      if (this.#expects === "NODE_HELLO") this.#nodeHello(message);
      else if (this.#expects === "NODE_PROOF") send = this.#nodeProof(message);
      else return { result: this.#verdict(message) };
    }
    return send ? { send } : {};
  }

  #nodeHello(message: Message): void {
    const { primitives, nodeId, ...options } = this.#options;
    const hello = decodeNodeHello(message.body);
    checkPeer(options, hello);
    const peer = readCertificate(hello.certificate);
    const id = toHex(primitives.hash("sha256", peer.spki));
    if (nodeId !== undefined && id !== nodeId) {
      throw new PeerError("This is not the node that was joined: other key");
    }
    this.#agreed = agree(this.#options, {
      deviceHello: this.#hello,
      nodeHello: message.bytes,
      peer,
      linkId: hello.linkId,
      share: hello.share,
    });
    this.#expects = "NODE_PROOF";
  }

  #nodeProof(message: Message): Uint8Array {
    const agreed = this.#agreed!;
    agreed.check(NODE_PROVES, agreed.confirm.node, decodeProof(message.body));
    agreed.extend(message.bytes);
    const proof = encodeProof(
      MessageType.DEVICE_PROOF,
      agreed.prove(DEVICE_PROVES, agreed.confirm.device),
    );
    agreed.extend(proof);
    this.#expects = "VERDICT";
    return proof;
  }

  #verdict(message: Message): HandshakeResult {
    const verdict = decodeVerdict(message.body);
    const agreed = this.#agreed!;
    const keys = agreed.linkKeys();
    const mac = agreed.verdictMac(keys, verdict);
    if (!this.#options.primitives.equal(mac, verdict.mac)) {
      throw new PeerError("The node's verdict is not authentic");
    }
    this.#expects = "nothing";
    if (!verdict.admitted) throw new RefusedError(sentence(verdict.reason));
    const { linkId, peer } = agreed;
    return { linkId, keys, peer, rest: this.#reader.rest };
  }
}

export class NodeHandshake {
  readonly #options: NodeHandshakeOptions;
  readonly #reader = new MessageReader();
  #expects: "DEVICE_HELLO" | "DEVICE_PROOF" | "verdict" | "nothing" =
    "DEVICE_HELLO";
  #agreed: Agreed | undefined;

  constructor(options: NodeHandshakeOptions) {
    this.#options = options;
  }

  /**
   * `proved`: the device is who its certificate says; now it is admitted or refused, by what the registry says.
   *
   * @throws {PeerError} where it is not, or breaks the protocol
   */
  receive(bytes: Uint8Array): { send?: Uint8Array; proved?: Certificate } {
    this.#reader.push(bytes);
    let send: Uint8Array | undefined;
    while (this.#expects !== "verdict" && this.#expects !== "nothing") {
      const message = this.#reader.next();
      if (!message) break;
      expectType(message, MessageType[this.#expects], this.#expects);
      if (this.#expects === "DEVICE_HELLO") send = this.#deviceHello(message);
      else {
        this.#deviceProof(message);
        return { proved: this.#agreed!.peer };
      }
    }
    return send ? { send } : {};
  }

  /** The verdict to send; the link is up with it. */
  admit(): { send: Uint8Array; result: HandshakeResult } {
    const { send, keys } = this.#decide({ admitted: true, reason: "" });
    const { linkId, peer } = this.#agreed!;
    return { send, result: { linkId, keys, peer, rest: this.#reader.rest } };
  }

  /** The verdict to send; the connection ends after it. */
  refuse(reason: string): Uint8Array {
    return this.#decide({ admitted: false, reason }).send;
  }

  #deviceHello(message: Message): Uint8Array {
    const options = this.#options;
    const hello = decodeDeviceHello(message.body);
    checkPeer(options, hello);
    const nodeHello = encodeNodeHello({
      purpose: options.purpose,
      nonce: options.nonce,
      share: options.agreement.publicKey,
      linkId: options.linkId,
      certificate: options.certificate,
      caCertificate: options.caCertificate,
    });
    const agreed = agree(options, {
      deviceHello: message.bytes,
      nodeHello,
      peer: readCertificate(hello.certificate),
      linkId: options.linkId,
      share: hello.share,
    });
    const proof = encodeProof(
      MessageType.NODE_PROOF,
      agreed.prove(NODE_PROVES, agreed.confirm.node),
    );
    agreed.extend(proof);
    this.#agreed = agreed;
    this.#expects = "DEVICE_PROOF";
    return concat([nodeHello, proof]);
  }

  #deviceProof(message: Message): void {
    const agreed = this.#agreed!;
    agreed.check(
      DEVICE_PROVES,
      agreed.confirm.device,
      decodeProof(message.body),
    );
    agreed.extend(message.bytes);
    this.#expects = "verdict";
  }

  #decide(verdict: { admitted: boolean; reason: string }) {
    invariant(this.#expects === "verdict", "a verdict on a proved device");
    this.#expects = "nothing";
    const agreed = this.#agreed!;
    const keys = agreed.linkKeys();
    const mac = agreed.verdictMac(keys, verdict);
    return { send: encodeVerdict({ ...verdict, mac }), keys };
  }
}

export interface NodeHandshakeOptions extends HandshakeOptions {
  readonly linkId: Uint8Array;
  /** Of the node's authority, DER. */
  readonly caCertificate: Uint8Array;
}

function expectType(message: Message, type: number, name: string): void {
  if (message.type === type) return;
  if (message.type === MessageType.ALERT) {
    throw new PeerError(`The other end says: ${decodeAlert(message.body)}`);
  }
  throw new PeerError(
    `Expected ${name}, got a message of type ${message.type}`,
  );
}
