/**
 * What the one list of those whom TLS trusts could be abused for: invitations, devices and bare signatures of the authority, each at the
 * door that is not theirs, over real TLS.
 */

import { expect } from "expect";
import { systemClock } from "../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { issueClientCertificate } from "../lib/pki/authority.ts";
import { parseCode } from "../lib/pki/code.ts";
import type { Credentials } from "../lib/pki/identity.ts";
import { proveInvitation } from "../lib/pki/invite.ts";
import { generateKeys, keyPemOf, keysFromSeed } from "../lib/pki/keys.ts";
import { renew } from "./dial.ts";
import { requestCertificate } from "./enrolment.ts";
import { RefusedError } from "./handshake.ts";
import { linkOver, shakeAsDevice } from "./handshake_pump.ts";
import type { Link } from "./link.ts";
import { FOR_JOIN, FOR_LINK, type Purpose } from "./message.ts";
import { startNode, type TestNode, withNode } from "./testing/node.ts";
import { connectTls } from "./tls.ts";
import { ALPN_JOIN, ALPN_LINK } from "./transport.ts";

const NODE_NAME = "node.vault.internal";

/** Knocks as whoever has `credentials`, at any door, and shakes hands as far as the node goes along. */
async function knock(
  node: TestNode,
  ask: {
    credentials: Credentials;
    serverName: string;
    alpn: typeof ALPN_LINK | typeof ALPN_JOIN;
    purpose?: Purpose;
  },
): Promise<Link> {
  const [hostname, port] = node.address.split(":") as [string, string];
  const { credentials, alpn } = ask;
  const connection = await connectTls({
    hostname,
    port: Number(port),
    caPem: node.authority.certificatePem,
    clock: systemClock,
    ...ask,
  });
  const result = await shakeAsDevice(connection, {
    primitives,
    clock: systemClock,
    purpose: ask.purpose ?? (alpn === ALPN_JOIN ? FOR_JOIN : FOR_LINK),
    credentials,
    nodeId: node.identity.nodeId,
  });
  return linkOver(connection, result, {
    primitives,
    clock: systemClock,
    side: "device",
    name: "node",
  });
}

async function invited(node: TestNode, name: string) {
  const code = await node.invite(name);
  const { id, ...read } = await parseCode(code);
  const proof = await proveInvitation({ id, ...read }, Date.now());
  const serverName = `${id}.join.vault.internal`;
  return {
    code,
    id,
    proof,
    serverName,
    attempts: () => node.invitations.find(id, Date.now())?.attempts,
    joinDoor: (credentials: Credentials = proof) =>
      knock(node, { credentials, serverName, alpn: ALPN_JOIN }),
  };
}

Deno.test("whoever proves an invitation can join and nothing else, and asks once", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    for (const kind of ["vault/renew", "describe", "iscsi", "vault/joi"]) {
      const link = await laptop.joinDoor();
      const asked = link.open({ kind, volume: "disk", request: "AAAA" });
      await expect(asked).rejects.toThrow("good for joining alone");
      link.abort("over");
    }
    const link = await laptop.joinDoor();
    expect(node.listener.links).toEqual([]);
    const junk = link.open({ kind: "vault/join", request: "AAAA" });
    await expect(junk).rejects.toThrow(/PKCS#10/);
    await expect(requestCertificate(link, "vault/join")).rejects.toThrow(
      "once a connection",
    );
    link.abort("over");
    expect(node.registry.devices).toEqual([]);
    // None of that has used the code up, nor counts as a guess.
    expect(laptop.attempts()).toBe(0);
    expect((await node.join(laptop.code)).name).toBe("laptop");
  }));

Deno.test("one invitation's proof is none of another's", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    const phone = await invited(node, "phone");
    await expect(laptop.joinDoor(phone.proof)).rejects.toThrow(RefusedError);
    expect([laptop.attempts(), phone.attempts()]).toEqual([1, 0]);
    // All verifiers have one name: TLS finds the right one in whichever order they stand.
    expect((await node.join(phone.code)).name).toBe("phone");
    expect((await node.join(laptop.code)).name).toBe("laptop");
  }));

Deno.test("an invitation's key signs nothing that gets in: no device, no node, no key of another kind", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    const [record] = node.invitations.open(Date.now());
    const authority = await derivedAuthority(laptop.code, record!.verifierPem);
    const keys = await generateKeys();
    const signed = async (subject: string) => ({
      certificatePem: await issueClientCertificate({
        authority,
        subject,
        publicKey: keys.publicKey,
        nowMs: Date.now(),
        lifetimeMs: 60_000,
      }),
      keyPem: await keyPemOf(keys.privateKey),
    });
    const tablet = await node.device("tablet");
    for (
      const credentials of [
        await signed("CN=tablet"),
        await signed("CN=vault node"),
        // The verifier itself, which says of itself that it is an authority.
        authority,
        // A device's certificate, but not its key.
        { ...tablet, keyPem: authority.keyPem },
      ]
    ) {
      await expect(
        knock(node, { credentials, serverName: NODE_NAME, alpn: ALPN_LINK }),
      ).rejects.toThrow();
    }
    expect(node.listener.links).toEqual([]);
    expect(node.registry.devices.length).toBe(1);
  }));

Deno.test("neither an enrolled device nor one that was only signed for joins again, under whatever name", () =>
  withNode(async (node) => {
    const tablet = await node.device("tablet");
    const signed = await node.device("shadow", { enrol: false });
    const laptop = await invited(node, "laptop");
    for (const credentials of [tablet, signed]) {
      await expect(laptop.joinDoor(credentials)).rejects.toThrow(
        "does not prove the invitation",
      );
    }
    expect(laptop.attempts()).toBe(2);
    // Over its own link it asks in vain: whoever serves the link does not know such a conversation.
    const { device, node: far } = await node.pair(tablet);
    const asked = requestCertificate(device, "vault/join");
    (await far.accept())!.refuse("not understood");
    await expect(asked).rejects.toThrow("not understood");
    device.abort("over");
    expect(node.registry.devices.map(({ name }) => name)).toEqual(["tablet"]);
  }));

Deno.test("who says inside TLS that he wants something else than in it is not heard", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    const tablet = await node.device("tablet");
    for (
      const ask of [
        { credentials: tablet, alpn: ALPN_LINK, purpose: FOR_JOIN },
        { credentials: laptop.proof, alpn: ALPN_JOIN, purpose: FOR_LINK },
        { credentials: laptop.proof, alpn: ALPN_LINK, purpose: FOR_JOIN },
      ] as const
    ) {
      await expect(knock(node, { ...ask, serverName: laptop.serverName }))
        .rejects.toThrow(/wants something else/);
    }
    expect(node.registry.devices.length).toBe(1);
  }));

Deno.test("an invitation that is withdrawn or expires after it was proved gives nothing", async () => {
  let now = Date.now();
  const clock = { ...systemClock, now: () => now };
  await withNode(async (node) => {
    const ends = [
      () => void node.invitations.withdraw("laptop", now),
      () => void (now += 60_001),
    ];
    for (const end of ends) {
      const laptop = await invited(node, "laptop");
      const link = await laptop.joinDoor();
      end();
      await expect(requestCertificate(link, "vault/join")).rejects.toThrow(
        /used, expired or unknown/,
      );
      await expect(node.join(laptop.code)).rejects.toThrow();
      link.abort("over");
    }
    expect(node.registry.devices).toEqual([]);
  }, { clock });
});

Deno.test("TLS itself lets nobody in by an invitation that is withdrawn", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    const phone = await invited(node, "phone");
    node.invitations.withdraw("laptop", Date.now());
    await expect(laptop.joinDoor()).rejects.toThrow(/ended during/);
    expect((await node.join(phone.code)).name).toBe("phone");
  }));

Deno.test("of many that use one code at the same moment, over connections that are all through, one joins", () =>
  withNode(async (node) => {
    const laptop = await invited(node, "laptop");
    const links = await Promise.all(
      Array.from({ length: 8 }, () => laptop.joinDoor()),
    );
    const outcomes = await Promise.allSettled(
      links.map((link) => requestCertificate(link, "vault/join")),
    );
    const given = outcomes.filter(({ status }) => status === "fulfilled");
    expect(given.length).toBe(1);
    expect(node.registry.devices.length).toBe(1);
    for (const link of links) link.abort("over");
  }));

Deno.test("a device that is revoked while it is being stored has a certificate that opens nothing", async () => {
  let stored = () => {};
  let storing = () => {};
  const asked = new Promise<void>((resolve) => storing = resolve);
  await withNode(async (node) => {
    const code = await node.invite("laptop");
    const joining = node.join(code);
    await asked;
    node.registry.revoke("laptop", Date.now());
    stored();
    await expect(node.dial(await joining)).rejects.toThrow(/was revoked at/);
  }, {
    persist: () => {
      storing();
      return new Promise((resolve) => stored = resolve);
    },
  });
});

Deno.test("a node that dies between storing a device and telling it keeps the code used and the device known", async () => {
  let kept = "";
  const node = await startNode({
    persist() {
      kept = JSON.stringify([node.registry, node.invitations]);
      // The machine dies here: nothing of what comes after happens.
      return new Promise(() => {});
    },
  });
  const laptop = await invited(node, "laptop");
  const link = await laptop.joinDoor();
  const asked = requestCertificate(link, "vault/join").catch((error) => error);
  while (kept === "") await new Promise((go) => setTimeout(go, 1));
  await node.stop();
  expect((await asked).name).toBe("ConnectionLost");
  const [devices, invitations] = JSON.parse(kept);
  expect(devices).toMatchObject([{ name: "laptop" }]);
  expect(invitations).toEqual([]);
});

Deno.test("a device that was revoked and its name's next bearer have nothing in common", () =>
  withNode(async (node) => {
    const stolen = await node.join(await node.invite("laptop"));
    const { device } = await node.pair(stolen);
    node.registry.revoke("laptop", Date.now());
    await device.closed;
    const fresh = await node.join(await node.invite("laptop"));
    await expect(node.dial(stolen)).rejects.toThrow(/was revoked/);
    const pair = await node.pair(fresh);
    await renew(pair.device, fresh);
    await expect(node.dial(stolen)).rejects.toThrow(/was revoked/);
    pair.device.abort("over");
  }));

/** The authority that a code's secret yields, as only its holder can make it: with the verifier that TLS knows. */
async function derivedAuthority(
  code: string,
  verifierPem: string,
): Promise<Credentials> {
  const { id, secret } = await parseCode(code);
  const raw = await crypto.subtle.importKey(
    "raw",
    new Uint8Array(secret),
    "HKDF",
    false,
    ["deriveBits"],
  );
  const seed = await crypto.subtle.deriveBits(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: Uint8Array.fromHex(id),
      info: new TextEncoder().encode("vault/1 invitation"),
    },
    raw,
    256,
  );
  const { privateKey } = await keysFromSeed(new Uint8Array(seed));
  return { certificatePem: verifierPem, keyPem: await keyPemOf(privateKey) };
}
