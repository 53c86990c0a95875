/** Handshakes for tests, without TLS: both machines with their identities and a binding. */

import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { Buffer } from "node:buffer";
import { concat, fromHex, toHex } from "../../lib/base/bytes.ts";
import { PeerError } from "../../lib/base/errors.ts";
import type { AgreementKey } from "../../lib/base/primitives.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import {
  createAuthority,
  createDeviceRequest,
  createNodeIdentity,
  issueDeviceCertificate,
} from "../../lib/pki/authority.ts";
import { derOf } from "../../lib/pki/keys.ts";
import type { HandshakeOptions, HandshakeResult } from "../agreement.ts";
import {
  DeviceHandshake,
  NodeHandshake,
  type NodeHandshakeOptions,
} from "../handshake.ts";
import { FOR_LINK } from "../message.ts";

/** Everything that a handshake's bytes depend on. */
export interface HandshakeInputs {
  readonly binding: Uint8Array;
  readonly nodeCertificate: Uint8Array;
  readonly nodeKey: Uint8Array;
  readonly caCertificate: Uint8Array;
  readonly deviceCertificate: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly nodeAgreement: AgreementKey;
  readonly deviceAgreement: AgreementKey;
  readonly nodeNonce: Uint8Array;
  readonly deviceNonce: Uint8Array;
  readonly linkId: Uint8Array;
  readonly nodeId: string;
}

export async function freshInputs(): Promise<HandshakeInputs> {
  const nowMs = Date.now();
  const authority = await createAuthority({ nowMs });
  const node = await createNodeIdentity({ authority, nowMs });
  const { request, keyPem } = await createDeviceRequest();
  const device = await issueDeviceCertificate({
    authority,
    request,
    name: "laptop",
    nowMs,
  });
  return {
    binding: primitives.random(64),
    nodeCertificate: derOf(node.certificatePem),
    nodeKey: derOf(node.keyPem),
    caCertificate: derOf(authority.certificatePem),
    deviceCertificate: device.der,
    deviceKey: derOf(keyPem),
    nodeAgreement: primitives.agreementKey(),
    deviceAgreement: primitives.agreementKey(),
    nodeNonce: primitives.random(32),
    deviceNonce: primitives.random(32),
    linkId: primitives.random(16),
    nodeId: node.nodeId,
  };
}

export function deviceHandshake(
  inputs: HandshakeInputs,
  changed: Partial<HandshakeOptions & { nodeId: string }> = {},
): DeviceHandshake {
  return new DeviceHandshake({
    primitives,
    purpose: FOR_LINK,
    binding: inputs.binding,
    certificate: inputs.deviceCertificate,
    privateKey: inputs.deviceKey,
    agreement: inputs.deviceAgreement,
    nonce: inputs.deviceNonce,
    peerCertificate: inputs.nodeCertificate,
    nodeId: inputs.nodeId,
    ...changed,
  });
}

export function nodeHandshake(
  inputs: HandshakeInputs,
  changed: Partial<NodeHandshakeOptions> = {},
): NodeHandshake {
  return new NodeHandshake({
    primitives,
    purpose: FOR_LINK,
    binding: inputs.binding,
    certificate: inputs.nodeCertificate,
    privateKey: inputs.nodeKey,
    agreement: inputs.nodeAgreement,
    nonce: inputs.nodeNonce,
    peerCertificate: inputs.deviceCertificate,
    linkId: inputs.linkId,
    caCertificate: inputs.caCertificate,
    ...changed,
  });
}

/** What crosses the wire in a handshake that succeeds, as the two ends write it: device, node, device, node. */
export interface Flights {
  readonly flights: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  readonly device: HandshakeResult;
  readonly node: HandshakeResult;
}

/** Runs both machines against each other; `meddle` may change each flight. @throws what either throws */
export function shake(
  device: DeviceHandshake,
  node: NodeHandshake,
  meddle: (flight: Uint8Array, index: number) => Uint8Array = (flight) =>
    flight,
): Flights {
  const hello = device.hello;
  const answer = must(node.receive(meddle(hello, 0)).send);
  const proof = must(device.receive(meddle(answer, 1)).send);
  must(node.receive(meddle(proof, 2)).proved);
  const { send: verdict, result } = node.admit();
  const up = must(device.receive(meddle(verdict, 3)).result);
  return {
    flights: [hello, answer, proof, verdict],
    device: up,
    node: result,
  };
}

/** An agreement key from a fixed private key of 32 bytes: what a random one would be, repeatable. */
export function fixedAgreement(privateKey: Uint8Array): AgreementKey {
  const key = createPrivateKey({
    key: Buffer.from(
      concat([fromHex("302e020100300506032b656e04220420")!, privateKey]),
    ),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const prefix = spki.subarray(0, spki.length - 32);
  return {
    publicKey: new Uint8Array(spki.subarray(-32)),
    agree(peer) {
      const publicKey = createPublicKey({
        key: Buffer.from(concat([prefix, peer])),
        format: "der",
        type: "spki",
      });
      return new Uint8Array(diffieHellman({ privateKey: key, publicKey }));
    },
  };
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new PeerError("The handshake stopped");
  return value;
}

export { toHex };
