import { expect } from "expect";
import { join } from "../os/paths.ts";
import type { KeptLease } from "../lease/holder.ts";
import { LeaseFile } from "./lease_file.ts";

const KEPT: KeptLease = {
  lastGeneration: 4,
  holders: ["a", "b"].map((digit, n) => ({
    device: `device-${digit}`,
    attachment: digit.repeat(32),
    mode: "shared",
    generation: 3 + n,
    since: Date.UTC(2026, 10, 22) + n,
  })),
  lost: [{
    device: "laptop",
    attachment: "c".repeat(32),
    generation: 1,
    by: "desktop",
    at: Date.UTC(2026, 10, 21),
    reason: "late",
  }],
};

Deno.test("a lease is read as it was written, and one that cannot be is damaged", () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-lease-" });
  const path = join(folder, "lease.json");
  const file = new LeaseFile(path);
  expect(file.read()).toBeUndefined();
  file.write(KEPT);
  expect(new LeaseFile(path).read()).toEqual(KEPT);
  const text = Deno.readTextFileSync(path);
  for (
    const [from, to] of [
      ['"lastGeneration": 4', '"lastGeneration": 3'],
      ['"generation": 4', '"generation": 3'],
      ['"generation": 4', '"generation": 0'],
      ["b".repeat(32), "a".repeat(32)],
      ["b".repeat(32), "b".repeat(31)],
      ['"mode": "shared"', '"mode": "write"'],
      ['"mode": "shared"', '"mode": "all"'],
      ['"reason": "late"', '"reason": "early"'],
      ['"version": 1', '"version": 2'],
    ]
  ) {
    const damaged = text.replace(from!, to!);
    expect(damaged).not.toBe(text);
    Deno.writeTextFileSync(path, damaged);
    expect(() => file.read()).toThrow(/^Cannot use .*lease\.json: /);
  }
  Deno.removeSync(folder, { recursive: true });
});
