/** Who is not let in, over real TLS: by this project's own client, and by openssl. */

import tls, { type TlsOptions } from "node:tls";
import { expect } from "expect";
import { u16 } from "../lib/base/bytes.ts";
import { VaultError } from "../lib/base/errors.ts";
import { systemClock as clock } from "../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { createAuthority, createNodeIdentity } from "../lib/pki/authority.ts";
import type { DeviceIdentity } from "../lib/pki/identity.ts";
import { derOf } from "../lib/pki/keys.ts";
import { encodeDeviceHello, FOR_LINK, MessageType } from "./message.ts";
import { selfTest } from "./self_test.ts";
import { opensslKnock } from "./testing/openssl.ts";
import { startNode, type TestNode, withNode } from "./testing/node.ts";

const DAY_MS = 86_400_000;

/** A hello that is right but for who sends it. */
function helloOf(identity: DeviceIdentity): Uint8Array {
  return encodeDeviceHello({
    purpose: FOR_LINK,
    nonce: primitives.random(32),
    share: primitives.agreementKey().publicKey,
    certificate: derOf(identity.certificatePem),
  });
}

/** Dials, and has to fail with `reason`; no link comes up at the node. */
async function mustFail(
  node: TestNode,
  identity: DeviceIdentity,
  reason: RegExp,
): Promise<VaultError> {
  const thrown = await node.dial(identity).catch((error) => error);
  expect(thrown).toBeInstanceOf(VaultError);
  expect(thrown.message).toMatch(reason);
  expect(node.listener.links).toEqual([]);
  return thrown;
}

async function foreign(node: TestNode): Promise<DeviceIdentity> {
  const other = await startNode();
  const device = await other.device("laptop");
  await other.stop();
  return {
    ...device,
    caPem: node.authority.certificatePem,
    nodeId: node.identity.nodeId,
    address: node.address,
  };
}

Deno.test("an enrolled device is let in: the other tests are not green for nothing", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const { device, node: far } = await node.pair(laptop);
    expect(far.peer.name).toBe("laptop");
    expect(device.peer.name).toBe("node");
    expect(device.id).toBe(far.id);
    await device.close();
    const { answered } = await opensslKnock(node.address, {
      credentials: laptop,
      caPem: node.authority.certificatePem,
      send: encodeJunk(),
    });
    expect(answered[0]).toBe(MessageType.ALERT);
  }));

Deno.test("no certificate", () =>
  withNode(async (node) => {
    await node.listener.selfTest();
    const { text, answered } = await opensslKnock(node.address, {
      caPem: node.authority.certificatePem,
      send: encodeJunk(),
    });
    expect(text).toMatch(/certificate required|unexpected eof/);
    expect(answered.length).toBe(0);
  }));

Deno.test("a foreign authority's certificate, of the same names", () =>
  withNode(async (node) => {
    const stranger = await foreign(node);
    const { kind } = await mustFail(
      node,
      stranger,
      /does not take this device's certificate: it is not of the node's authority/,
    );
    expect(kind).toBe("refused");
    const { answered } = await opensslKnock(node.address, {
      credentials: stranger,
      caPem: node.authority.certificatePem,
      send: helloOf(stranger),
    });
    expect(answered.length).toBe(0);
    expect(node.audit.some(({ kind }) => kind === "refused")).toBe(true);
  }));

Deno.test("an expired certificate", () =>
  withNode(async (node) => {
    const expired = await node.device("laptop", {
      nowMs: Date.now() - 2 * DAY_MS,
      lifetimeMs: DAY_MS,
    });
    const { kind } = await mustFail(
      node,
      expired,
      /does not take this device's certificate: it expired at/,
    );
    expect(kind).toBe("refused");
    const { answered } = await opensslKnock(node.address, {
      credentials: expired,
      caPem: node.authority.certificatePem,
      send: helloOf(expired),
    });
    expect(answered.length).toBe(0);
  }));

Deno.test("a node's certificate in a device's hand, and the other way round", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const { certificatePem, keyPem } = node.identity;
    await mustFail(
      node,
      { ...laptop, certificatePem, keyPem },
      /it is not that of a device/,
    );
    const impostor = await startNode({
      authority: node.authority,
      identity: {
        ...node.identity,
        certificatePem: laptop.certificatePem,
        keyPem: laptop.keyPem,
      },
    });
    try {
      await mustFail(
        impostor,
        { ...laptop, address: impostor.address },
        /not the pinned node/,
      );
    } finally {
      await impostor.stop();
    }
  }));

Deno.test("a revoked device proves who it is and is told that it is revoked, by this project's own client", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    node.registry.revoke("laptop", Date.now());
    const { kind } = await mustFail(node, laptop, /"laptop" was revoked at/);
    expect(kind).toBe("refused");
    expect(node.audit.at(-1)).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("revoked"),
    });
  }));

Deno.test("a certificate that the node's authority signed and nobody enrolled", () =>
  withNode(async (node) => {
    const signed = await node.device("laptop", { enrol: false });
    await mustFail(node, signed, /not that of an enrolled device/);
    const { answered } = await opensslKnock(node.address, {
      credentials: signed,
      caPem: node.authority.certificatePem,
      send: helloOf(signed),
      enoughBytes: 900,
    });
    // TLS lets it in: it gets the node's hello and its proof, and has nothing to answer.
    expect(answered[0]).toBe(MessageType.NODE_HELLO);
    const after = 4 + u16(answered, 2);
    expect(answered[after]).toBe(MessageType.NODE_PROOF);
    expect(answered.length).toBe(after + 4 + 64 + 32);
    expect(node.listener.links).toEqual([]);
  }));

Deno.test("a certificate of the right device after its successor was used", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const { device } = await node.pair(laptop);
    const { renew } = await import("./dial.ts");
    const renewed = await renew(device, laptop);
    await device.close();
    // Until the new one is used, the old one is good: the device may not have kept the new one.
    const again = await node.pair(laptop);
    await again.device.close();
    const next = await node.pair(renewed);
    expect(next.node.peer.name).toBe("laptop");
    await next.device.close();
    await mustFail(node, laptop, /not that of an enrolled device/);
  }));

Deno.test("TLS 1.2", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const { text, answered } = await opensslKnock(node.address, {
      credentials: laptop,
      caPem: node.authority.certificatePem,
      send: helloOf(laptop),
      flags: ["-tls1_2"],
    });
    expect(text).toMatch(/alert protocol version/);
    expect(answered.length).toBe(0);
  }));

Deno.test("another protocol, and none", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    for (const flags of [["-alpn", "http/1.1"], ["-alpn", "vault-join/1"]]) {
      const { answered } = await opensslKnock(node.address, {
        credentials: laptop,
        caPem: node.authority.certificatePem,
        send: helloOf(laptop),
        flags,
      });
      // For joining it is at least told that a link is something else.
      if (answered.length > 0) expect(answered[0]).toBe(MessageType.ALERT);
    }
    expect(node.listener.links).toEqual([]);
  }));

Deno.test("a node with another key is not the pinned one, even with a certificate that the pinned authority signed", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const twin = await startNode({
      authority: node.authority,
      identity: await createNodeIdentity({
        authority: node.authority,
        nowMs: Date.now(),
      }),
    });
    try {
      const thrown = await node.dial(laptop, { address: twin.address })
        .catch((error) => error);
      expect(thrown.message).toMatch(/not the node that was joined/);
    } finally {
      await twin.stop();
    }
  }));

Deno.test("a node of a foreign authority is not the pinned one", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const stranger = await startNode({
      authority: await createAuthority({ nowMs: Date.now() }),
    });
    try {
      const thrown = await node.dial(laptop, { address: stranger.address })
        .catch((error) => error);
      expect(thrown.message).toMatch(/not the pinned node/);
      expect(thrown.kind).toBe("unreachable");
    } finally {
      await stranger.stop();
    }
  }));

/** Another TLS server in the node's place: what it answers, whoever is let in gets. */
async function testItself(options: TlsOptions): Promise<unknown> {
  const authority = await createAuthority({ nowMs: Date.now() });
  const identity = await createNodeIdentity({ authority, nowMs: Date.now() });
  const server = tls.createServer({
    cert: identity.certificatePem,
    key: identity.keyPem,
    ca: [authority.certificatePem],
    minVersion: "TLSv1.3",
    ALPNProtocols: ["vault/1"],
    ...options,
  }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write("?"));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" ? address!.port : 0;
  const told = await selfTest({
    hostname: "127.0.0.1",
    port,
    authority,
    primitives,
    clock,
  }).catch((thrown) => thrown.message);
  await new Promise<unknown>((done) => server.close(done));
  return told;
}

Deno.test("the test of itself fails where TLS lets anybody in", async () => {
  expect(await testItself({ requestCert: false })).toMatch(
    /must not run: who comes without a certificate .* "let in"/,
  );
  expect(await testItself({ requestCert: true, rejectUnauthorized: false }))
    .toMatch(/must not run: who comes .* "let in"/);
});

Deno.test("the test of itself fails where everybody is turned away", async () => {
  const { certificatePem } = await createAuthority({ nowMs: Date.now() });
  const told = await testItself({
    requestCert: true,
    rejectUnauthorized: true,
    ca: [certificatePem],
  });
  expect(told).toMatch(/nobody enrolled has to be refused.* "turned away"/);
});

Deno.test("the test of itself fails where the registry lets anybody in whom TLS does", () =>
  withNode(async (node) => {
    await node.invite("laptop");
    await node.listener.selfTest();
    const laptop = await node.device("laptop");
    const { fingerprint } = node.registry.find("laptop")!;
    const { admit } = node.registry;
    node.registry.admit = (_, nowMs) =>
      admit.call(node.registry, fingerprint, nowMs);
    await expect(node.listener.selfTest()).rejects.toThrow(
      /nobody enrolled has to be refused.* "let in"/,
    );
    node.registry.admit = admit;
    await node.listener.selfTest();
    await (await node.pair(laptop)).device.close();
  }));

Deno.test("nobody answers", async () => {
  const node = await startNode();
  const laptop = await node.device("laptop");
  await node.stop();
  const thrown = await node.dial(laptop).catch((error) => error);
  expect([thrown.name, thrown.kind]).toEqual(["VaultError", "unreachable"]);
  const stop = new AbortController();
  stop.abort(new Error("never mind"));
  await expect(node.dial(laptop, { signal: stop.signal })).rejects.toThrow(
    "never mind",
  );
});

function encodeJunk(): Uint8Array {
  return new Uint8Array(4);
}
