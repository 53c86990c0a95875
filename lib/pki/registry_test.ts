import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import {
  type CertificateFacts,
  type DeviceRecord,
  Registry,
  type RegistryChange,
} from "./registry.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const LATER = "2027-11-22T12:00:00.000Z";

function facts(digit: string, expiresAt = LATER): CertificateFacts {
  return { fingerprint: digit.repeat(64), serial: digit.repeat(32), expiresAt };
}

function withLaptop(): Registry {
  const registry = new Registry();
  registry.enrol({ name: "laptop", certificate: facts("a"), nowMs: NOW });
  return registry;
}

function admits(registry: Registry, digit: string, nowMs = NOW): boolean {
  return registry.admit(digit.repeat(64), nowMs).admitted;
}

Deno.test("only enrolled, unrevoked and unexpired certificates are admitted", () => {
  const registry = withLaptop();
  expect(registry.admit("a".repeat(64), NOW)).toMatchObject({
    admitted: true,
    device: { name: "laptop" },
  });
  expect(registry.admit("b".repeat(64), NOW)).toEqual({
    admitted: false,
    reason: "the certificate is not that of an enrolled device",
  });
  expect(admits(registry, "a", Date.parse(LATER) - 1)).toBe(true);
  expect(registry.admit("a".repeat(64), Date.parse(LATER))).toEqual({
    admitted: false,
    name: "laptop",
    reason: `the certificate of device "laptop" expired at ${LATER}`,
  });
  registry.revoke("laptop", NOW + 5);
  expect(registry.admit("a".repeat(64), NOW + 5)).toEqual({
    admitted: false,
    name: "laptop",
    reason: 'device "laptop" was revoked at 2026-11-22T12:00:00.005Z',
  });
});

Deno.test("a name is enrolled once, and again after it was revoked", () => {
  const registry = withLaptop();
  const again = () =>
    registry.enrol({ name: "laptop", certificate: facts("b"), nowMs: NOW });
  expect(again).toThrow(VaultError);
  registry.revoke("laptop", NOW);
  expect(() => registry.revoke("laptop", NOW)).toThrow(VaultError);
  again();
  expect(admits(registry, "a")).toBe(false);
  expect(admits(registry, "b")).toBe(true);
  expect(registry.devices.length).toBe(2);
});

Deno.test("a renewed certificate replaces the one before when it is first used", () => {
  const registry = withLaptop();
  registry.renew("laptop", facts("b"));
  expect([admits(registry, "a"), admits(registry, "b")]).toEqual([true, true]);
  expect(registry.settle("a".repeat(64))).toBe(false);
  expect(registry.settle("b".repeat(64))).toBe(true);
  expect(registry.settle("b".repeat(64))).toBe(false);
  expect([admits(registry, "a"), admits(registry, "b")]).toEqual([false, true]);
  expect(registry.find("laptop")).toMatchObject(facts("b"));
  expect(() => registry.renew("phone", facts("c"))).toThrow(VaultError);
});

Deno.test("a device stands while any certificate of its own would open a link", () => {
  const registry = new Registry();
  registry.enrol({
    name: "laptop",
    certificate: facts("a", "2026-11-22T13:00:00.000Z"),
    nowMs: NOW,
  });
  const standing = (nowMs: number) => registry.standing("laptop", nowMs);
  expect(standing(NOW).admitted).toBe(true);
  expect(standing(NOW + 3_600_000)).toMatchObject({
    admitted: false,
    reason: expect.stringContaining("expired"),
  });
  registry.renew("laptop", facts("b"));
  expect(standing(NOW + 3_600_000).admitted).toBe(true);
  registry.settle("b".repeat(64));
  expect(standing(NOW + 3_600_000).admitted).toBe(true);
  registry.revoke("laptop", NOW);
  expect(standing(NOW)).toEqual({
    admitted: false,
    name: "laptop",
    reason: 'device "laptop" is enrolled no more',
  });
});

Deno.test("revoking a device revokes its certificate and the successor", () => {
  const registry = withLaptop();
  registry.renew("laptop", facts("b"));
  registry.revoke("laptop", NOW);
  expect([admits(registry, "a"), admits(registry, "b")]).toEqual([
    false,
    false,
  ]);
});

Deno.test("watchers hear of every change until they stop", () => {
  const registry = new Registry();
  const heard: RegistryChange[] = [];
  const stop = registry.watch((change) => heard.push(change));
  registry.enrol({ name: "laptop", certificate: facts("a"), nowMs: NOW });
  registry.renew("laptop", facts("b"));
  registry.revoke("laptop", NOW);
  stop();
  registry.enrol({ name: "phone", certificate: facts("c"), nowMs: NOW });
  expect(heard.map((change) => `${change.kind} ${change.device.name}`)).toEqual(
    ["enrolled laptop", "renewed laptop", "revoked laptop"],
  );
});

Deno.test("a registry goes through JSON unchanged", () => {
  const registry = withLaptop();
  registry.renew("laptop", facts("b"));
  registry.enrol({ name: "phone", certificate: facts("c"), nowMs: NOW });
  registry.revoke("phone", NOW);
  const text = JSON.stringify(registry);
  expect(JSON.stringify(new Registry(JSON.parse(text)))).toBe(text);
});

Deno.test("a damaged registry is not read", () => {
  const good = JSON.parse(JSON.stringify(withLaptop()))[0] as DeviceRecord;
  const bad: unknown[][] = [
    [{ ...good, name: "UP" }],
    [{ ...good, name: undefined }],
    [{ ...good, fingerprint: "a" }],
    [{ ...good, serial: "" }],
    [{ ...good, expiresAt: "soon" }],
    [{ ...good, enrolledAt: 4 }],
    [{ ...good, revokedAt: null }],
    [{ ...good, successor: {} }],
    [{ ...good, successor: facts("a") }],
    [good, { ...good, name: "phone" }],
    [good, { ...good, ...facts("b") }],
  ];
  for (const records of bad) {
    expect(() => new Registry(records as DeviceRecord[])).toThrow(VaultError);
  }
});
