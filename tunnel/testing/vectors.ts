/**
 * The golden vectors of `tunnel/vectors.json`: computed from the inputs in that file and from nothing else.
 *
 *     deno run -A tunnel/testing/vectors.ts     writes the outputs again after a change of the protocol
 *
 * All values are hexadecimal. Private keys are those of the examples alone.
 */

import { concat, fromHex, toHex, utf8 } from "../../lib/base/bytes.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { FrameType } from "../frame.ts";
import { DEVICE_TO_NODE, generationKeys, NODE_TO_DEVICE } from "../keys.ts";
import { Outbox } from "../outbox.ts";
import { RecordSealer, RecordType } from "../record.ts";
import {
  encodeResume,
  encodeResumed,
  encodeUnknown,
} from "../resume_message.ts";
import {
  deviceHandshake,
  fixedAgreement,
  type HandshakeInputs,
  nodeHandshake,
  shake,
} from "./handshakes.ts";

export interface VectorInputs {
  readonly binding: string;
  readonly linkId: string;
  readonly nodeId: string;
  readonly caCertificate: string;
  readonly nodeCertificate: string;
  readonly nodeKey: string;
  readonly nodeShareKey: string;
  readonly nodeNonce: string;
  readonly deviceCertificate: string;
  readonly deviceKey: string;
  readonly deviceShareKey: string;
  readonly deviceNonce: string;
}

export interface Vectors {
  readonly inputs: VectorInputs;
  readonly handshake: Record<string, string>;
  readonly keys: Record<string, string>;
  readonly records: Record<string, string>;
  readonly resumption: Record<string, string>;
}

/** All outputs for `inputs`. */
export function computeVectors(inputs: VectorInputs): Vectors {
  const bytes = handshakeInputs(inputs);
  const { flights, node } = shake(
    deviceHandshake(bytes),
    nodeHandshake(bytes),
  );
  const [deviceHello, nodeHelloAndProof, deviceProof, verdict] = flights;
  const { deviceToNode, nodeToDevice, resume } = node.keys;
  const generation = (secret: Uint8Array) =>
    generationKeys(primitives, { secret, linkId: bytes.linkId });
  const first = generation(deviceToNode);
  const second = generation(first.next);
  const other = generation(nodeToDevice);
  const direction = { linkId: bytes.linkId, secret: deviceToNode };
  return {
    inputs,
    handshake: hexed({
      deviceHello,
      nodeHelloAndProof,
      deviceProof,
      verdict,
      refusal: refusal(bytes),
    }),
    keys: hexed({
      shared: bytes.deviceAgreement.agree(bytes.nodeAgreement.publicKey),
      deviceToNode,
      nodeToDevice,
      resume,
      verdict: node.keys.verdict,
      deviceToNodeMac0: first.mac,
      deviceToNodeMac1: second.mac,
      nodeToDeviceMac0: other.mac,
    }),
    records: hexed({
      dataThenEnd: batch({ ...direction, direction: DEVICE_TO_NODE }, (box) => {
        box.frame(FrameType.OPEN, 1, utf8('{"kind":"iscsi"}'));
        box.data(1, utf8("48 bytes of header, say, "));
        box.data(1, utf8("and what belongs to it"));
        box.frame(FrameType.END, 1, new Uint8Array(0));
      }),
      keyUpdateThenGoodbye: batch(
        { ...direction, direction: DEVICE_TO_NODE },
        (box) => {
          box.record(RecordType.KEY_UPDATE, new Uint8Array(0));
          box.record(RecordType.GOODBYE, Uint8Array.of(0));
        },
      ),
      otherDirection: batch(
        {
          linkId: bytes.linkId,
          secret: nodeToDevice,
          direction: NODE_TO_DEVICE,
        },
        (box) =>
          box.frame(FrameType.PING, 0, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7)),
      ),
    }),
    resumption: resumption(bytes.linkId, resume),
  };
}

/** The messages by which the link of the example goes on; the secret of the other connection's handshake is made up. */
function resumption(
  linkId: Uint8Array,
  secret: Uint8Array,
): Record<string, string> {
  const connection = primitives.hash("sha256", utf8("another handshake"));
  const keys = { primitives, connection, linkId, secret };
  return hexed({
    connection,
    resume: encodeResume(keys, 7),
    resumed: encodeResumed(keys, 5),
    unknown: encodeUnknown(keys),
  });
}

export function readVectors(): Vectors {
  return JSON.parse(Deno.readTextFileSync(VECTORS_FILE));
}

const VECTORS_FILE = new URL("../vectors.json", import.meta.url);

function batch(
  direction: ConstructorParameters<typeof RecordSealer>[1],
  fill: (outbox: Outbox) => void,
): Uint8Array {
  const outbox = new Outbox(new RecordSealer(primitives, direction));
  fill(outbox);
  return concat(outbox.take());
}

function refusal(inputs: HandshakeInputs): Uint8Array {
  const device = deviceHandshake(inputs);
  const node = nodeHandshake(inputs);
  node.receive(device.receive(node.receive(device.hello).send!).send!);
  return node.refuse('device "laptop" was revoked');
}

function handshakeInputs(inputs: VectorInputs): HandshakeInputs {
  const bytes = (name: keyof VectorInputs) => fromHex(inputs[name])!;
  return {
    binding: bytes("binding"),
    linkId: bytes("linkId"),
    nodeId: inputs.nodeId,
    caCertificate: bytes("caCertificate"),
    nodeCertificate: bytes("nodeCertificate"),
    nodeKey: bytes("nodeKey"),
    nodeAgreement: fixedAgreement(bytes("nodeShareKey")),
    nodeNonce: bytes("nodeNonce"),
    deviceCertificate: bytes("deviceCertificate"),
    deviceKey: bytes("deviceKey"),
    deviceAgreement: fixedAgreement(bytes("deviceShareKey")),
    deviceNonce: bytes("deviceNonce"),
  };
}

function hexed(values: Record<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, bytes]) => [name, toHex(bytes)]),
  );
}

if (import.meta.main) {
  const { inputs } = readVectors();
  const text = JSON.stringify(computeVectors(inputs), null, 2) + "\n";
  Deno.writeTextFileSync(VECTORS_FILE, text);
}
