import { expect } from "expect";
import { concat, fromHex, utf8 } from "../lib/base/bytes.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { eachFrame, FrameType } from "./frame.ts";
import { DEVICE_TO_NODE } from "./keys.ts";
import { RecordOpener, RecordType } from "./record.ts";
import { openAll } from "./testing/records.ts";
import { computeVectors, readVectors } from "./testing/vectors.ts";

const vectors = readVectors();

Deno.test("handshake, key schedule and records are those of the golden vectors", () => {
  expect(computeVectors(vectors.inputs)).toEqual(vectors);
});

Deno.test("the golden records open to what they were made of", () => {
  const opener = () =>
    new RecordOpener(primitives, {
      direction: DEVICE_TO_NODE,
      linkId: fromHex(vectors.inputs.linkId)!,
      secret: fromHex(vectors.keys["deviceToNode"]!)!,
    });
  const data = openAll(fromHex(vectors.records["dataThenEnd"]!)!, opener());
  const frames: [number, number, string][] = [];
  for (const { type, payload } of data.opened) {
    expect(type).toBe(RecordType.FRAMES);
    eachFrame(
      payload,
      (type, channel, body) =>
        frames.push([type, channel, new TextDecoder().decode(body)]),
    );
  }
  expect(frames).toEqual([
    [FrameType.OPEN, 1, '{"kind":"iscsi"}'],
    [FrameType.DATA, 1, "48 bytes of header, say, and what belongs to it"],
    [FrameType.END, 1, ""],
  ]);
  const end = openAll(
    fromHex(vectors.records["keyUpdateThenGoodbye"]!)!,
    opener(),
  );
  expect(end.opened.map(({ type }) => type)).toEqual([
    RecordType.KEY_UPDATE,
    RecordType.GOODBYE,
  ]);
});

Deno.test("the key schedule is plain HKDF and HMAC, computed here once more by hand", () => {
  const { keys, inputs } = vectors;
  const bytes = (name: string) => fromHex(keys[name]!)!;
  const hkdf = (secret: Uint8Array, salt: Uint8Array, info: Uint8Array) =>
    // RFC 5869 section 2: extract, then one block of expand.
    primitives.hmac(primitives.hmac(salt, secret), info, Uint8Array.of(1));
  const linkId = fromHex(inputs.linkId)!;
  expect(hkdf(bytes("deviceToNode"), linkId, utf8("vault/1 mac\0")))
    .toEqual(bytes("deviceToNodeMac0"));
  const { deviceHello, nodeHelloAndProof, deviceProof } = vectors.handshake;
  const hash = (...parts: Uint8Array[]) => primitives.hash("sha256", ...parts);
  const answer = fromHex(nodeHelloAndProof!)!;
  const proofBytes = 4 + 64 + 32;
  const t1 = hash(
    utf8("vault/1 handshake\0"),
    fromHex(inputs.binding)!,
    fromHex(deviceHello!)!,
    answer.subarray(0, -proofBytes),
  );
  const t2 = hash(t1, answer.subarray(-proofBytes));
  const t3 = hash(t2, fromHex(deviceProof!)!);
  const info = concat([utf8("vault/1 device to node\0"), linkId]);
  expect(hkdf(bytes("shared"), t3, info)).toEqual(bytes("deviceToNode"));
});

Deno.test("a resumption is proved by plain HMACs, computed here once more by hand", () => {
  const bytes = (name: string) => fromHex(vectors.resumption[name]!)!;
  const secret = fromHex(vectors.keys["resume"]!)!;
  const linkId = fromHex(vectors.inputs.linkId)!;
  const next = (number: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, number);
  const mac = (key: Uint8Array, label: string, ...parts: Uint8Array[]) =>
    primitives.hmac(key, concat([utf8(`${label}\0`), ...parts]));
  const c = bytes("connection");
  expect(bytes("resume").subarray(4)).toEqual(concat([
    ...[linkId, next(7)],
    mac(secret, "vault/1 device resumes", c, linkId, next(7)),
  ]));
  expect(bytes("resumed").subarray(4)).toEqual(concat([
    ...[Uint8Array.of(0), next(5)],
    mac(secret, "vault/1 node resumes", c, linkId, next(5)),
  ]));
  expect(bytes("unknown").subarray(4)).toEqual(concat([
    ...[Uint8Array.of(1), next(0)],
    mac(c, "vault/1 node has no such link", linkId),
  ]));
});
