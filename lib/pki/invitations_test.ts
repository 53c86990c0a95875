import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../base/errors.ts";
import { createAuthority } from "./authority.ts";
import { Backoff, MAX_SOURCES } from "./backoff.ts";
import { isSignedBy, readCertificatePem } from "./certificate.ts";
import { CODE_PREFIX, parseCode, renderCode } from "./code.ts";
import {
  FREE_ATTEMPTS,
  type InvitationRecord,
  Invitations,
  MAX_ATTEMPTS,
  MAX_INVITATIONS,
} from "./invitations.ts";
import { invite, pinOf, proveInvitation } from "./invite.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const authority = await createAuthority({ nowMs: NOW });

async function invited(name = "laptop", invitations = new Invitations()) {
  const made = await invite({
    invitations,
    name,
    address: "vault.example.net:9443",
    caPem: authority.certificatePem,
    expiresMs: 900_000,
    nowMs: NOW,
  });
  return { invitations, ...made };
}

Deno.test("the code carries what the device needs, and its proof convinces the node", async () => {
  const { code, invitation } = await invited();
  const read = await parseCode(code);
  expect(read.address).toBe("vault.example.net:9443");
  expect(read.id).toBe(invitation.id);
  expect(read.caPin).toEqual(await pinOf(authority.certificatePem));
  const verifier = readCertificatePem(invitation.verifierPem);
  const proof = readCertificatePem(
    (await proveInvitation(read, NOW)).certificatePem,
  );
  expect(proof.forClient).toBe(true);
  expect(proof.isAuthority).toBe(false);
  expect(await isSignedBy(proof, verifier)).toBe(true);
});

Deno.test("another secret or another invitation's proof convinces nobody", async () => {
  const { code, invitation } = await invited();
  const read = await parseCode(code);
  const verifier = readCertificatePem(invitation.verifierPem);
  const secret = read.secret.slice();
  secret[15]! ^= 1;
  const guess = await proveInvitation({ ...read, secret }, NOW);
  expect(await isSignedBy(readCertificatePem(guess.certificatePem), verifier))
    .toBe(false);
  const other = await parseCode((await invited("phone")).code);
  const borrowed = await proveInvitation({ ...other, id: read.id }, NOW);
  expect(
    await isSignedBy(readCertificatePem(borrowed.certificatePem), verifier),
  ).toBe(false);
});

Deno.test("what the node keeps does not hold the secret", async () => {
  const { code, invitations } = await invited();
  const { secret } = await parseCode(code);
  const kept = JSON.stringify(invitations);
  expect(kept).not.toContain("PRIVATE KEY");
  expect(kept).not.toContain(code.slice(CODE_PREFIX.length + 16, -30));
  expect(kept).not.toContain(btoa(String.fromCharCode(...secret)).slice(0, 20));
});

Deno.test("every code survives rendering and reading, in capitals and broken over lines", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ minLength: 40, maxLength: 40 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 80 }),
    async (bytes, address) => {
      const code = await renderCode({
        idBytes: bytes.subarray(0, 8),
        secret: bytes.subarray(8, 24),
        caPin: bytes.subarray(24, 40),
        address,
      });
      expect(code).toMatch(/^vault1-[a-z2-7]+$/);
      const read = await parseCode(code);
      expect(read.secret).toEqual(bytes.slice(8, 24));
      expect(read.caPin).toEqual(bytes.slice(24, 40));
      expect(read.address).toBe(address);
      const broken = ` ${code.slice(0, 30)}\n  ${code.slice(30)}\r\n`;
      expect(await parseCode(broken.toUpperCase())).toEqual(read);
    },
  ));
});

Deno.test("every single typing mistake and every truncation is found", async () => {
  const { code } = await invited();
  for (let at = 0; at < code.length; at++) {
    const letter = code[at] === "a" ? "b" : "a";
    const typo = code.slice(0, at) + letter + code.slice(at + 1);
    await expect(parseCode(typo)).rejects.toThrow(/mistyped/);
    await expect(parseCode(code.slice(0, at))).rejects.toThrow(/mistyped/);
  }
  await expect(parseCode(code + "a")).rejects.toThrow(/mistyped/);
  await expect(parseCode(code.replace("-", "-1"))).rejects.toThrow(VaultError);
});

Deno.test("an invitation works once", async () => {
  const { invitations, invitation } = await invited();
  expect(invitations.take(invitation.id, NOW)?.name).toBe("laptop");
  expect(invitations.take(invitation.id, NOW)).toBeUndefined();
  expect(invitations.failed(invitation.id, NOW)).toBe(false);
});

Deno.test("an invitation expires", async () => {
  const { invitations, invitation } = await invited();
  const end = NOW + 900_000;
  expect(invitations.find(invitation.id, end - 1)).toBeDefined();
  expect(invitations.find(invitation.id, end)).toBeUndefined();
  expect(invitations.open(end)).toEqual([]);
  expect(invitations.failed(invitation.id, end)).toBe(false);
  expect(invitations.withdraw("laptop", end)).toBeUndefined();
  expect(invitations.take(invitation.id, end)).toBeUndefined();
});

Deno.test("attempts that fail are counted, slow the next one more and more, and close the invitation", async () => {
  const { invitations, invitation: { id } } = await invited();
  let now = NOW;
  const pauses: number[] = [];
  for (let n = 1; n < MAX_ATTEMPTS; n++) {
    expect(invitations.failed(id, now)).toBe(true);
    expect(invitations.find(id, now)?.attempts).toBe(n);
    const pause = invitations.remainingMs(id, now);
    pauses.push(pause);
    if (pause > 0) expect(invitations.remainingMs(id, now + pause - 1)).toBe(1);
    now += pause;
    expect(invitations.remainingMs(id, now)).toBe(0);
  }
  expect(pauses[FREE_ATTEMPTS - 2]).toBe(0);
  expect(pauses.slice(0, 8)).toEqual([0, 0, 0, 1e3, 2e3, 4e3, 8e3, 16e3]);
  expect(Math.max(...pauses)).toBe(60_000);
  expect(invitations.failed(id, now)).toBe(true);
  expect(invitations.find(id, now)).toBeUndefined();
  expect(invitations.toJSON()).toEqual([]);
});

Deno.test("whoever guesses during a pause is counted, too", async () => {
  const { invitations, invitation: { id } } = await invited();
  for (let n = 1; n < MAX_ATTEMPTS; n++) invitations.failed(id, NOW);
  expect(invitations.remainingMs(id, NOW)).toBe(60_000);
  invitations.failed(id, NOW);
  expect(invitations.find(id, NOW)).toBeUndefined();
});

Deno.test("a clock that is set back makes no pause longer than the longest", async () => {
  const { invitations, invitation: { id } } = await invited();
  for (let n = 0; n < FREE_ATTEMPTS; n++) invitations.failed(id, NOW);
  expect(invitations.remainingMs(id, NOW - 1)).toBe(1001);
  expect(invitations.remainingMs(id, NOW - 86_400_000)).toBe(0);
});

Deno.test("an invitation that is withdrawn is good for nothing, and others stay", async () => {
  const { invitations, invitation: { id } } = await invited();
  const phone = (await invited("phone", invitations)).invitation;
  let told = 0;
  invitations.watch(() => told++);
  expect(invitations.withdraw("laptop", NOW)?.id).toBe(id);
  expect(told).toBe(1);
  expect(invitations.withdraw("laptop", NOW)).toBeUndefined();
  expect(invitations.find(id, NOW)).toBeUndefined();
  expect(invitations.take(id, NOW)).toBeUndefined();
  expect(invitations.open(NOW).map(({ id }) => id)).toEqual([phone.id]);
});

Deno.test("attempts are still counted after a restart", async () => {
  const { invitations, invitation: { id } } = await invited();
  for (let n = 0; n < FREE_ATTEMPTS; n++) invitations.failed(id, NOW);
  const again = new Invitations(JSON.parse(JSON.stringify(invitations)));
  expect(again.remainingMs(id, NOW)).toBe(1000);
  again.failed(id, NOW + 1000);
  expect(again.find(id, NOW)?.attempts).toBe(FREE_ATTEMPTS + 1);
});

Deno.test("a newer invitation for a name closes the older one, and there are not too many", async () => {
  const { invitations, invitation: first } = await invited();
  await invited("laptop", invitations);
  expect(invitations.find(first.id, NOW)).toBeUndefined();
  for (let n = 1; n < MAX_INVITATIONS; n++) {
    await invited(`device-${n}`, invitations);
  }
  await expect(invited("one-more", invitations)).rejects.toThrow(VaultError);
});

Deno.test("times and names that make no sense are refused", async () => {
  for (
    const wrong of [{ expiresMs: 0 }, { expiresMs: NaN }, { expiresMs: 1e12 }, {
      name: "No",
    }]
  ) {
    await expect(invite({
      invitations: new Invitations(),
      name: "laptop",
      address: "a:1",
      caPem: authority.certificatePem,
      expiresMs: 900_000,
      nowMs: NOW,
      ...wrong,
    })).rejects.toThrow(VaultError);
  }
});

Deno.test("a damaged list of invitations is not read", async () => {
  const { invitation } = await invited();
  for (
    const wrong of [
      { id: "x" },
      { name: 1 },
      { expiresAt: "soon" },
      {
        attempts: -1,
      },
      { verifierPem: 7 },
      { notBefore: "x" },
    ]
  ) {
    const record = { ...invitation, ...wrong } as unknown as InvitationRecord;
    expect(() => new Invitations([record])).toThrow(VaultError);
  }
});

Deno.test("a source that fails is slowed, and remembered only for so long and among so many", () => {
  const backoff = new Backoff();
  for (let n = 0; n < 4; n++) backoff.failed("10.0.0.1", 0);
  expect(backoff.remainingMs("10.0.0.1", 0)).toBe(0);
  backoff.failed("10.0.0.1", 0);
  expect(backoff.remainingMs("10.0.0.1", 0)).toBe(1000);
  expect(backoff.remainingMs("10.0.0.2", 0)).toBe(0);
  for (let n = 0; n < 30; n++) backoff.failed("10.0.0.1", 0);
  expect(backoff.remainingMs("10.0.0.1", 0)).toBe(60_000);
  expect(backoff.remainingMs("10.0.0.1", 60_000)).toBe(0);
  backoff.failed("10.0.0.1", 700_000);
  expect(backoff.remainingMs("10.0.0.1", 700_000)).toBe(0);
  for (let n = 0; n < MAX_SOURCES + 10; n++) backoff.failed(`s${n}`, 0);
  expect(backoff.size).toBe(MAX_SOURCES);
  backoff.succeeded("s1000");
  expect(backoff.size).toBe(MAX_SOURCES - 1);
});
