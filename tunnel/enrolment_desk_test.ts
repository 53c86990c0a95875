/** What the node's desk says where TLS would not even have let somebody come before it: the second lock, tried by itself. */

import { expect } from "expect";
import { silent } from "../lib/base/log.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import {
  createAuthority,
  createDeviceRequest,
  issueDeviceCertificate,
} from "../lib/pki/authority.ts";
import { factsOf } from "../lib/pki/certificate.ts";
import { parseCode } from "../lib/pki/code.ts";
import { Invitations } from "../lib/pki/invitations.ts";
import { invite, proveInvitation } from "../lib/pki/invite.ts";
import { derOf } from "../lib/pki/keys.ts";
import { Registry } from "../lib/pki/registry.ts";
import type { AuditEvent } from "../lib/base/audit.ts";
import type { IncomingChannel } from "./channel.ts";
import { EnrolmentDesk, RENEWAL_PAUSE_MS } from "./enrolment_desk.ts";
import { MAX_REFUSALS_TOLD, RefusalLog } from "./refusal_log.ts";
import { TestClock } from "./testing/clock.ts";

async function desk() {
  const clock = new TestClock();
  const authority = await createAuthority({ nowMs: clock.now() });
  const invitations = new Invitations();
  const registry = new Registry();
  const audit: AuditEvent[] = [];
  const { code } = await invite({
    invitations,
    name: "laptop",
    address: "a:1",
    caPem: authority.certificatePem,
    expiresMs: 60_000,
    nowMs: clock.now(),
  });
  const read = await parseCode(code);
  const world = { clock, audit: (event: AuditEvent) => void audit.push(event) };
  const made = new EnrolmentDesk({
    authority,
    registry,
    invitations,
    persist: () => Promise.resolve(),
    log: silent,
    refusals: new RefusalLog(world),
    ...world,
  });
  const proof = async (changed: Partial<typeof read> = {}) => {
    const { certificatePem } = await proveInvitation(
      { ...read, ...changed },
      clock.now(),
    );
    return derOf(certificatePem);
  };
  const serverName = `${read.id}.join.vault.internal`;
  return {
    desk: made,
    clock,
    authority,
    registry,
    invitations,
    audit,
    read,
    proof,
    serverName,
  };
}

Deno.test("the proof is looked at again after TLS has", async () => {
  const { desk: made, proof, serverName, read } = await desk();
  const from = (peerCertificate: Uint8Array, name = serverName) =>
    made.proven({ serverName: name, peerCertificate, host: "10.0.0.1" });
  expect(await from(await proof())).toEqual({ id: read.id });
  expect(await from(await proof({ secret: primitives.random(16) }))).toEqual({
    reason: "the certificate does not prove the invitation",
  });
  for (const name of ["node.vault.internal", "", "ab.join.vault.internal"]) {
    expect(await from(await proof(), name)).toMatchObject({
      reason: expect.stringContaining("unknown"),
    });
  }
});

Deno.test("a proof is good for minutes, and an invitation for as long as it says", async () => {
  const { desk: made, proof, serverName, clock } = await desk();
  const peerCertificate = await proof();
  const again = () =>
    made.proven({ serverName, peerCertificate, host: "10.0.0.1" });
  await clock.pass(59_999);
  expect(await again()).toHaveProperty("id");
  await clock.pass(1);
  expect(await again()).toHaveProperty("reason");
});

Deno.test("a source that fails again and again waits, and others do not", async () => {
  const { desk: made, proof, serverName, clock, invitations, authority } =
    await desk();
  const { invitation: phone } = await invite({
    invitations,
    name: "phone",
    address: "a:1",
    caPem: authority.certificatePem,
    expiresMs: 60_000,
    nowMs: clock.now(),
  });
  const tried = `${phone.id}.join.vault.internal`;
  for (let n = 0; n < 6; n++) made.refused("10.0.0.1", tried);
  const peerCertificate = await proof();
  const from = (host: string) =>
    made.proven({ serverName, peerCertificate, host });
  expect(await from("10.0.0.1")).toMatchObject({
    reason: expect.stringMatching(/from this address: try again in 2 s/),
  });
  expect(await from("10.0.0.2")).toHaveProperty("id");
  // What can be made up without having seen anything is not held against those who share an address with a stranger.
  const unknown = "0000000000000000.join.vault.internal";
  for (const name of [unknown, "node.vault.internal"]) {
    for (let n = 0; n < 9; n++) made.refused("10.0.0.3", name);
  }
  expect(await from("10.0.0.3")).toHaveProperty("id");
  await clock.pass(2000);
  expect(await from("10.0.0.1")).toHaveProperty("id");
});

Deno.test("attempts that fail are counted where an invitation is named, and one that proves it is none", async () => {
  const { desk: made, serverName, invitations, read, proof, clock } =
    await desk();
  const attempts = () => invitations.find(read.id, clock.now())?.attempts;
  for (
    const name of [
      "node.vault.internal",
      "",
      "0000000000000000.join.vault.internal",
      `${read.id.toUpperCase()}.join.vault.internal`,
      `x.${serverName}`,
      serverName + ".",
    ]
  ) made.refused("10.0.0.9", name);
  expect(attempts()).toBe(0);
  made.refused("10.0.0.9", serverName);
  expect(attempts()).toBe(1);
  const from = (peerCertificate: Uint8Array) =>
    made.proven({ serverName, peerCertificate, host: "10.0.0.1" });
  await from(await proof({ secret: primitives.random(16) }));
  expect(attempts()).toBe(2);
  expect(await from(await proof())).toEqual({ id: read.id });
  expect(attempts()).toBe(2);
});

Deno.test("an invitation that is tried again and again has to wait, also for whoever could prove it", async () => {
  const { desk: made, serverName, proof, clock } = await desk();
  for (let n = 0; n < 6; n++) made.refused(`10.0.0.${n}`, serverName);
  const from = async () =>
    await made.proven({
      serverName,
      peerCertificate: await proof(),
      host: "10.0.1.1",
    });
  expect(await from()).toMatchObject({
    reason: expect.stringContaining("tried too often"),
  });
  await clock.pass(5000);
  expect(await from()).toHaveProperty("id");
});

/** A channel that asks, and what it was told. */
function asking(request: Record<string, unknown>) {
  let told: unknown;
  const incoming: IncomingChannel = {
    request,
    accept: (answer) => {
      told = answer;
      return undefined as never;
    },
    refuse: (refusal) => told = refusal,
  };
  return { incoming, told: () => told as Record<string, unknown> };
}

const peer = {
  name: "invitation",
  fingerprint: "f".repeat(64),
  certificate: new Uint8Array(0),
  address: "10.0.0.1:5",
};

Deno.test("junk instead of a request enrols nobody and uses nothing up", async () => {
  const { desk: made, read, registry, invitations, clock, audit } =
    await desk();
  for (const request of [undefined, 5, "!!", "AAAA", "A".repeat(9000)]) {
    const ask = asking({ kind: "vault/join", request });
    await made.join(read.id, ask.incoming, peer);
    expect(ask.told()).toMatchObject({ kind: "refused" });
  }
  expect(registry.devices).toEqual([]);
  expect(invitations.find(read.id, clock.now())).toBeDefined();
  expect(audit.length).toBe(5);
});

Deno.test("a device that was revoked meanwhile gets no new certificate", async () => {
  const { desk: made, authority, registry, clock } = await desk();
  const { request } = await createDeviceRequest();
  const certificate = await issueDeviceCertificate({
    authority,
    request,
    name: "tablet",
    nowMs: clock.now(),
  });
  const facts = await factsOf(certificate);
  registry.enrol({ name: "tablet", certificate: facts, nowMs: clock.now() });
  const next = await createDeviceRequest();
  const opening = {
    kind: "vault/renew",
    request: btoa(String.fromCharCode(...next.request)),
  };
  const own = { ...peer, name: "tablet", fingerprint: facts.fingerprint };
  const good = asking(opening);
  await made.renew(good.incoming, own);
  expect(good.told()).toMatchObject({ name: "tablet" });
  await clock.pass(RENEWAL_PAUSE_MS);
  registry.revoke("tablet", clock.now());
  const late = asking(opening);
  await made.renew(late.incoming, own);
  expect(late.told()["reason"]).toMatch(/was revoked/);
});

Deno.test("whoever knows an invitation's id, or has its code, does not fill the audit log", async () => {
  const { desk: made, serverName, read, audit } = await desk();
  for (let n = 0; n < 500; n++) made.refused("10.0.0.7", serverName);
  expect(audit.length).toBe(MAX_REFUSALS_TOLD);
  for (let n = 0; n < 100; n++) {
    await made.join(read.id, asking({ kind: "vault/join" }).incoming, peer);
  }
  expect(audit.length).toBe(MAX_REFUSALS_TOLD);
});

Deno.test("a device that renews again and again is made to wait", async () => {
  const { desk: made, authority, registry, clock, audit } = await desk();
  const { request } = await createDeviceRequest();
  const certificate = await issueDeviceCertificate({
    authority,
    request,
    name: "tablet",
    nowMs: clock.now(),
  });
  const facts = await factsOf(certificate);
  registry.enrol({ name: "tablet", certificate: facts, nowMs: clock.now() });
  const next = await createDeviceRequest();
  const own = { ...peer, name: "tablet", fingerprint: facts.fingerprint };
  const renew = async () => {
    const ask = asking({
      kind: "vault/renew",
      request: btoa(String.fromCharCode(...next.request)),
    });
    await made.renew(ask.incoming, own);
    return ask.told();
  };
  expect(await renew()).toHaveProperty("certificate");
  await clock.pass(RENEWAL_PAUSE_MS - 1);
  expect(await renew()).toMatchObject({
    reason: "a certificate is renewed once in 60 s",
  });
  await clock.pass(1);
  expect(await renew()).toHaveProperty("certificate");
  expect(audit.filter(({ kind }) => kind === "renewed").length).toBe(2);
});
