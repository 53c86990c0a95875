import { expect } from "expect";
import fc from "fast-check";
import { concat } from "../lib/base/bytes.ts";
import { PeerError } from "../lib/base/errors.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { BINDING_BYTES } from "./agreement.ts";
import { RefusedError } from "./handshake.ts";
import {
  decodeDeviceHello,
  decodeNodeHello,
  decodeProof,
  decodeVerdict,
  encodeAlert,
  FOR_JOIN,
  MAX_MESSAGE_BYTES,
  MessageReader,
} from "./message.ts";
import {
  deviceHandshake,
  freshInputs,
  nodeHandshake,
  shake,
} from "./testing/handshakes.ts";

const inputs = await freshInputs();
const others = await freshInputs();

Deno.test("both ends agree on link, keys and each other's certificate", () => {
  const { device, node } = shake(
    deviceHandshake(inputs),
    nodeHandshake(inputs),
  );
  expect(device.linkId).toEqual(inputs.linkId);
  expect(node.linkId).toEqual(inputs.linkId);
  expect(device.keys).toEqual(node.keys);
  const { deviceToNode, nodeToDevice, resume, verdict } = node.keys;
  const keys = [deviceToNode, nodeToDevice, resume, verdict].map(String);
  expect(new Set(keys).size).toBe(4);
  expect(device.peer.der).toEqual(inputs.nodeCertificate);
  expect(node.peer.der).toEqual(inputs.deviceCertificate);
  expect([device.rest.length, node.rest.length]).toEqual([0, 0]);
});

Deno.test("fresh shares alone, or fresh nonces, or another link id make all keys others", () => {
  const first = shake(deviceHandshake(inputs), nodeHandshake(inputs)).node;
  for (
    const changed of [
      { agreement: primitives.agreementKey() },
      { nonce: primitives.random(32) },
      { linkId: primitives.random(16) },
    ]
  ) {
    const again = shake(
      deviceHandshake(inputs),
      nodeHandshake(inputs, changed),
    ).node;
    expect(again.keys.deviceToNode).not.toEqual(first.keys.deviceToNode);
    expect(again.keys.nodeToDevice).not.toEqual(first.keys.nodeToDevice);
  }
});

Deno.test("bytes one at a time make the same handshake, and what follows is left over", () => {
  const device = deviceHandshake(inputs);
  const node = nodeHandshake(inputs);
  const trickle = <T>(
    receive: (bytes: Uint8Array) => T,
    bytes: Uint8Array,
  ): T => {
    let last = receive(bytes.subarray(0, 1));
    for (let at = 1; at < bytes.length; at++) {
      last = receive(bytes.subarray(at, at + 1));
    }
    return last;
  };
  let answers: Uint8Array[] = [];
  trickle((bytes) => {
    const step = node.receive(bytes);
    if (step.send) answers.push(step.send);
    return step;
  }, device.hello);
  const answer = concat(answers);
  answers = [];
  trickle((bytes) => {
    const step = device.receive(bytes);
    if (step.send) answers.push(step.send);
    return step;
  }, answer);
  const { proved } = trickle((bytes) => node.receive(bytes), answers[0]!);
  expect(proved?.der).toEqual(inputs.deviceCertificate);
  const { send, result } = node.admit();
  const records = Uint8Array.of(1, 2, 3);
  const up = device.receive(concat([send, records])).result;
  expect(up?.keys).toEqual(result.keys);
  expect(up?.rest).toEqual(records);
});

Deno.test("no bit of the handshake can be changed unnoticed", () => {
  const { flights } = shake(deviceHandshake(inputs), nodeHandshake(inputs));
  flights.forEach((flight, index) => {
    for (let at = 0; at < flight.length; at++) {
      expect(() =>
        shake(
          deviceHandshake(inputs),
          nodeHandshake(inputs),
          (bytes, now) => {
            if (now !== index) return bytes;
            const flipped = bytes.slice();
            flipped[at]! ^= 1 << (at % 8);
            return flipped;
          },
        )
      ).toThrow(PeerError);
    }
  });
});

Deno.test("every truncated handshake comes to nothing", () => {
  const { flights } = shake(deviceHandshake(inputs), nodeHandshake(inputs));
  flights.forEach((flight, index) => {
    for (let length = 0; length < flight.length; length += 7) {
      expect(() =>
        shake(
          deviceHandshake(inputs),
          nodeHandshake(inputs),
          (bytes, now) => now === index ? bytes.subarray(0, length) : bytes,
        )
      ).toThrow(PeerError);
    }
  });
});

Deno.test("flights of an earlier handshake are worth nothing in the next", () => {
  const earlier = shake(deviceHandshake(inputs), nodeHandshake(inputs)).flights;
  for (const index of [0, 1, 2, 3]) {
    expect(() =>
      shake(
        deviceHandshake(inputs, { nonce: primitives.random(32) }),
        nodeHandshake(inputs, { nonce: primitives.random(32) }),
        (bytes, now) => now === index ? earlier[index]! : bytes,
      )
    ).toThrow(PeerError);
  }
});

Deno.test("two TLS connections, as something in between has them, make no handshake", () => {
  expect(() =>
    shake(
      deviceHandshake(inputs, { binding: primitives.random(BINDING_BYTES) }),
      nodeHandshake(inputs),
    )
  ).toThrow(/prove its identity on this connection/);
});

Deno.test("a certificate in the handshake that is not the one in TLS is refused, at both ends", () => {
  expect(() =>
    shake(
      deviceHandshake(inputs, { peerCertificate: others.nodeCertificate }),
      nodeHandshake(inputs),
    )
  ).toThrow(/another certificate inside TLS/);
  expect(() =>
    shake(
      deviceHandshake(inputs),
      nodeHandshake(inputs, { peerCertificate: others.deviceCertificate }),
    )
  ).toThrow(/another certificate inside TLS/);
});

Deno.test("a node with another key is not the pinned one, whoever signed its certificate", () => {
  const impostor = {
    ...inputs,
    nodeCertificate: others.nodeCertificate,
    nodeKey: others.nodeKey,
  };
  expect(() => shake(deviceHandshake(impostor), nodeHandshake(impostor)))
    .toThrow(/not the node that was joined/);
});

Deno.test("a certificate without its key proves nothing, at both ends", () => {
  expect(() =>
    shake(
      deviceHandshake(inputs, { privateKey: others.deviceKey }),
      nodeHandshake(inputs),
    )
  ).toThrow(/prove its identity/);
  expect(() =>
    shake(
      deviceHandshake(inputs),
      nodeHandshake(inputs, { privateKey: others.nodeKey }),
    )
  ).toThrow(/prove its identity/);
});

Deno.test("an invitation's handshake is not a link's, nor the other way round", () => {
  expect(() =>
    shake(deviceHandshake(inputs, { purpose: FOR_JOIN }), nodeHandshake(inputs))
  ).toThrow(PeerError);
  expect(() =>
    shake(deviceHandshake(inputs), nodeHandshake(inputs, { purpose: FOR_JOIN }))
  ).toThrow(PeerError);
});

Deno.test("a device's own messages sent back to it are not a node's", () => {
  const device = deviceHandshake(inputs);
  expect(() => device.receive(device.hello)).toThrow(PeerError);
  // Both ends the same: a node that reflects shares and proofs cannot sign for the node.
  const mirror = { ...inputs, nodeKey: inputs.deviceKey };
  expect(() => shake(deviceHandshake(mirror), nodeHandshake(mirror))).toThrow(
    PeerError,
  );
});

Deno.test("a refusal reaches the device with its reason, and cannot be forged", () => {
  const device = deviceHandshake(inputs);
  const node = nodeHandshake(inputs);
  const proof = device.receive(node.receive(device.hello).send!).send!;
  node.receive(proof);
  const verdict = node.refuse('device "laptop" was revoked');
  expect(() => device.receive(verdict)).toThrow(RefusedError);
  const forged = verdict.slice();
  forged[4] = 0x00;
  const again = deviceHandshake(inputs);
  const node2 = nodeHandshake(inputs);
  node2.receive(again.receive(node2.receive(again.hello).send!).send!);
  expect(() => again.receive(forged)).toThrow(/not authentic/);
});

Deno.test("a share of small order is refused", () => {
  const zero = { ...primitives.agreementKey(), publicKey: new Uint8Array(32) };
  expect(() =>
    shake(deviceHandshake(inputs, { agreement: zero }), nodeHandshake(inputs))
  ).toThrow(PeerError);
});

Deno.test("a peer that signs and does not have the agreed secret is found out", () => {
  const { publicKey } = inputs.deviceAgreement;
  const other = { publicKey, agree: () => primitives.random(32) };
  expect(() =>
    shake(deviceHandshake(inputs, { agreement: other }), nodeHandshake(inputs))
  ).toThrow(/agreed on other keys/);
  // And by the node, where it is the device that has it wrong: its proof of the right transcript is not enough.
  const device = deviceHandshake(inputs);
  const node = nodeHandshake(inputs);
  const proof = device.receive(node.receive(device.hello).send!).send!.slice();
  proof[proof.length - 1]! ^= 1;
  expect(() => node.receive(proof)).toThrow(/agreed on other keys/);
});

Deno.test("another version of the protocol is named in the error", () => {
  expect(() =>
    shake(deviceHandshake(inputs), nodeHandshake(inputs), (bytes, index) => {
      if (index !== 0) return bytes;
      const newer = bytes.slice();
      newer[5] = 2;
      return newer;
    })
  ).toThrow(/speaks version 2/);
});

Deno.test("an alert's reason is in the error", () => {
  expect(() => deviceHandshake(inputs).receive(encodeAlert("too late")))
    .toThrow("The other end says: too late");
});

Deno.test("a message that claims too much is refused when its header is there", () => {
  const reader = new MessageReader();
  const length = MAX_MESSAGE_BYTES + 1;
  reader.push(Uint8Array.of(1, 0, length >> 8, length & 0xff));
  expect(() => reader.next()).toThrow(PeerError);
});

Deno.test("junk makes nothing but PeerErrors, before and after a good beginning", () => {
  const { flights } = shake(deviceHandshake(inputs), nodeHandshake(inputs));
  const [hello, answer] = flights;
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(
      fc.constantFrom(...flights),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.uint8Array({ maxLength: 40 }),
    ).map(([flight, at, bytes]) => {
      const mutated = concat([flight, new Uint8Array(40)]);
      mutated.set(bytes, Math.floor(at * flight.length));
      return mutated;
    }),
  );
  const onlyPeerErrors = (run: () => unknown) => {
    try {
      run();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(PeerError);
    }
  };
  fc.assert(
    fc.property(junk, (bytes) => {
      onlyPeerErrors(() => nodeHandshake(inputs).receive(bytes));
      onlyPeerErrors(() => deviceHandshake(inputs).receive(bytes));
      onlyPeerErrors(() => {
        const node = nodeHandshake(inputs);
        node.receive(hello);
        node.receive(bytes);
      });
      onlyPeerErrors(() => {
        const device = deviceHandshake(inputs);
        device.receive(answer);
        device.receive(bytes);
      });
      const decoders = [
        decodeDeviceHello,
        decodeNodeHello,
        decodeProof,
        decodeVerdict,
      ];
      for (const decode of decoders) onlyPeerErrors(() => decode(bytes));
    }),
    { numRuns: 400 },
  );
});
