/** Joining by invitation, over real TLS. */

import { expect } from "expect";
import { VaultError } from "../lib/base/errors.ts";
import { systemClock } from "../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { createAuthority } from "../lib/pki/authority.ts";
import { fingerprintOf, renewalDue } from "../lib/pki/certificate.ts";
import { parseCode, renderCode } from "../lib/pki/code.ts";
import { FREE_ATTEMPTS } from "../lib/pki/invitations.ts";
import { proveInvitation } from "../lib/pki/invite.ts";
import { fromHex } from "../lib/base/bytes.ts";
import { renew } from "./dial.ts";
import { shakeAsDevice } from "./handshake_pump.ts";
import { FOR_LINK } from "./message.ts";
import { startMiddlebox } from "./testing/middlebox.ts";
import { startNode, withNode } from "./testing/node.ts";
import { startProxy } from "./testing/proxy.ts";
import { connectTls } from "./tls.ts";
import { ALPN_JOIN, ALPN_LINK } from "./transport.ts";

/** The same code with another secret, and a checksum that fits it. */
async function guessed(code: string): Promise<string> {
  const read = await parseCode(code);
  return await renderCode({
    ...read,
    idBytes: fromHex(read.id)!,
    secret: primitives.random(16),
  });
}

Deno.test("a code makes a device, once, and the device gets a link", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    const before = node.persisted();
    const laptop = await node.join(code);
    expect(laptop).toMatchObject({
      name: "laptop",
      nodeId: node.identity.nodeId,
      caPem: node.authority.certificatePem,
      address: node.address,
    });
    expect(node.persisted()).toBeGreaterThan(before);
    expect(node.registry.find("laptop")?.fingerprint)
      .toBe(await fingerprintOf(laptop.certificatePem));
    expect(node.invitations.open(Date.now())).toEqual([]);
    expect(node.audit.find(({ kind }) => kind === "joined")?.device)
      .toBe("laptop");
    expect(node.audit.filter(({ kind }) => kind === "refused")).toEqual([]);
    const pair = await node.pair(laptop);
    expect(pair.node.peer.name).toBe("laptop");
    await pair.device.close();
    const thrown = await node.join(code).catch((error) => error);
    expect(thrown).toBeInstanceOf(VaultError);
    expect(thrown.message).toBe("The node does not take this invitation");
    expect(thrown.kind).toBe("refused");
    expect(node.registry.devices.length).toBe(1);
  }));

Deno.test("two that join with one code at once: one of them does", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    const outcomes = await Promise.allSettled([
      node.join(code),
      node.join(code),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual([
      "fulfilled",
      "rejected",
    ]);
    expect(node.registry.devices.length).toBe(1);
  }));

Deno.test("an expired code joins nothing", async () => {
  let now = Date.now();
  const clock = { ...systemClock, now: () => now };
  await withNode(async (node) => {
    const code = await node.invite("laptop", 60_000);
    now += 60_001;
    await expect(node.join(code)).rejects.toThrow(/used, expired or unknown/);
    expect(node.registry.devices).toEqual([]);
  }, { clock });
});

Deno.test("a guessed secret joins nothing, is counted, and slows the next guess", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    const { id } = await parseCode(code);
    const attempts = () => node.invitations.find(id, Date.now())?.attempts;
    for (let n = 1; n <= FREE_ATTEMPTS; n++) {
      await expect(node.join(await guessed(code))).rejects.toThrow(
        /does not take/,
      );
      expect(attempts()).toBe(n);
    }
    // From now on nobody may try for a while, not even with the right code, which is not counted.
    expect(node.invitations.find(id, Date.now())?.notBefore).toBeDefined();
    await expect(node.join(code)).rejects.toThrow(/tried too often/);
    expect(attempts()).toBe(FREE_ATTEMPTS);
    expect(node.audit.some(({ reason }) => reason?.includes("too often")))
      .toBe(true);
    expect(node.registry.devices).toEqual([]);
    await systemClock.sleep(1100);
    expect((await node.join(code)).name).toBe("laptop");
  }));

Deno.test("another node is found out before anything is sent to it", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    const impostor = await startNode();
    // It even knows the invitation, short of its secret.
    for (const record of node.invitations.open(Date.now())) {
      impostor.invitations.add(record, Date.now());
    }
    const thrown = await node.join(code, impostor.address)
      .catch((error) => error);
    expect(thrown.message).toMatch(/is not the node that made this invitation/);
    expect(thrown.kind).toBe("refused");
    expect(impostor.registry.devices).toEqual([]);
    await impostor.stop();
  }));

Deno.test("something in between, with the node's own certificate, cannot join in a device's place", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    const [record] = node.invitations.open(Date.now());
    const middlebox = await startMiddlebox({
      target: node.address,
      towardsDevice: node.identity,
      // The best that it can have towards the node is a certificate that is no proof.
      towardsNode: await node.device("tablet"),
      caPem: record!.verifierPem,
    });
    await expect(node.join(code, middlebox.address)).rejects.toThrow(
      VaultError,
    );
    expect(node.registry.find("laptop")).toBeUndefined();
    await middlebox.close();
    expect((await node.join(code)).name).toBe("laptop");
  }));

Deno.test("the secret never crosses the wire, nor does the name", () =>
  withNode(async (node) => {
    const proxy = startProxy(node.address);
    const wire: Uint8Array[] = [];
    proxy.meddle = (bytes) => {
      wire.push(bytes);
      return bytes;
    };
    const code = await node.invite("a-name-to-look-for");
    const { secret } = await parseCode(code);
    await node.join(code, proxy.address);
    proxy.close();
    const seen = wire.map((bytes) => bytes.toHex()).join("");
    expect(seen.length).toBeGreaterThan(4000);
    expect(seen).not.toContain(secret.toHex());
    const name = new TextEncoder().encode("a-name-to-look-for").toHex();
    expect(seen).not.toContain(name);
    // The id does, in the name that TLS asks for: it is not secret.
    const { id } = await parseCode(code);
    expect(seen).toContain(new TextEncoder().encode(id).toHex());
  }));

Deno.test("an invitation's proof never opens a link", () =>
  withNode(async (node) => {
    const code = await parseCode(await node.invite("laptop"));
    const credentials = await proveInvitation(code, Date.now());
    const [hostname, port] = node.address.split(":") as [string, string];
    const joinName = `${code.id}.join.vault.internal`;
    for (
      const [serverName, alpn] of [
        ["node.vault.internal", ALPN_LINK],
        ["node.vault.internal", ALPN_JOIN],
        [joinName, ALPN_LINK],
        [joinName, ALPN_JOIN],
      ] as const
    ) {
      const connection = await connectTls({
        hostname,
        port: Number(port),
        credentials,
        caPem: node.authority.certificatePem,
        serverName,
        alpn,
        clock: systemClock,
      });
      await expect(shakeAsDevice(connection, {
        primitives,
        clock: systemClock,
        purpose: FOR_LINK,
        credentials,
        nodeId: node.identity.nodeId,
      })).rejects.toThrow();
    }
    expect(node.listener.links).toEqual([]);
  }));

Deno.test("a device that the node cannot store is not enrolled", async () => {
  let full = false;
  await withNode(async (node) => {
    const code = await node.invite("laptop");
    full = true;
    await expect(node.join(code)).rejects.toThrow(/the node failed/);
    expect(node.registry.find("laptop")).toBeUndefined();
  }, {
    persist: () => full ? Promise.reject(new Error("full")) : Promise.resolve(),
  });
});

Deno.test("a name that is enrolled already is not given again, and the code stays good", () =>
  withNode(async (node) => {
    const code = await node.invite("laptop");
    await node.device("laptop");
    await expect(node.join(code)).rejects.toThrow(/enrolled already/);
    node.registry.revoke("laptop", Date.now());
    expect((await node.join(code)).name).toBe("laptop");
  }));

Deno.test("a mistyped code says so without asking anyone", async () => {
  const node = await startNode();
  const code = await node.invite("laptop");
  await node.stop();
  const last = code.endsWith("q") ? "p" : "q";
  await expect(node.join(code.slice(0, -1) + last)).rejects.toThrow(/mistyped/);
  await expect(node.join(code)).rejects.toThrow(/Cannot reach the node/);
});

Deno.test("a certificate is renewed over a link, with another key", () =>
  withNode(async (node) => {
    const laptop = await node.join(await node.invite("laptop"));
    expect(renewalDue(laptop.certificatePem, Date.now())).toBe(false);
    const { device } = await node.pair(laptop);
    const renewed = await renew(device, laptop);
    expect(renewed.keyPem).not.toBe(laptop.keyPem);
    expect(renewed.name).toBe("laptop");
    // The link that it was asked over lives on: it was authenticated when it came up.
    expect(node.registry.find("laptop")?.successor?.fingerprint)
      .toBe(await fingerprintOf(renewed.certificatePem));
    const next = await node.pair(renewed);
    expect(node.registry.find("laptop")?.successor).toBeUndefined();
    await next.device.close();
    await device.close();
    expect(node.audit.some(({ kind }) => kind === "renewed")).toBe(true);
  }));

Deno.test("a node that is cut off before it answers does not pass for one that refuses", async () => {
  const node = await startNode({
    persist: () => {
      for (const proxy of proxies.splice(0)) proxy.close();
      return Promise.resolve();
    },
  });
  const proxies = [startProxy(node.address)];
  const code = await node.invite("laptop");
  const thrown = await node.join(code, proxies[0]!.address)
    .catch((error) => error);
  expect(thrown.kind).toBe("unreachable");
  expect(thrown.hint).toMatch(/revoke NAME/);
  // As it says: the node knows a device that never came to be.
  await expect(node.join(code)).rejects.toThrow(/not take/);
  node.registry.revoke("laptop", Date.now());
  expect((await node.join(await node.invite("laptop"))).name).toBe("laptop");
  await node.stop();
});

Deno.test("a node with a certificate that the machine's own trust vouches for is not the pinned one", async () => {
  const node = await startNode();
  const publicAuthority = await createAuthority({ nowMs: Date.now() });
  const impostor = await startNode({ authority: publicAuthority });
  const laptop = await node.device("laptop");
  const folder = Deno.makeTempDirSync({ prefix: "vault-trust-" });
  const trusted = `${folder}/ca.pem`;
  Deno.writeTextFileSync(trusted, publicAuthority.certificatePem);
  // The runtime reads whom else it shall trust when it starts.
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--allow-all"],
      new URL("testing/dial.ts", import.meta.url).pathname,
      JSON.stringify({ ...laptop, address: impostor.address }),
    ],
    env: {
      DENO_CERT: trusted,
      NODE_EXTRA_CA_CERTS: trusted,
      SSL_CERT_FILE: trusted,
      DENO_TLS_CA_STORE: "system",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    },
  }).output();
  expect(new TextDecoder().decode(stdout)).toMatch(
    /^unreachable: Something that is not the pinned node answers/,
  );
  await node.stop();
  await impostor.stop();
  Deno.removeSync(folder, { recursive: true });
});
