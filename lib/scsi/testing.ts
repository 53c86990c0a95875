/** What the tests of this room share: disks, callers and short ways to say a CDB. */

import { fromHex } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import { Disk, type DiskOptions } from "./disk.ts";
import type { ErasureNotes } from "./erasure.ts";
import type { Nexus } from "./nexus.ts";
import type { Outcome, Plan } from "./plan.ts";
import { Status } from "./status.ts";

export const identity = {
  vendor: "VAULT",
  product: "photos",
  revision: "0.1",
  serial: "0123456789abcdef",
  naa: "3123456789abcdef",
  targetName: "iqn.2026-01.example:photos",
};

export function nexusNamed(name: string, id: number): Nexus {
  return { initiatorPort: `iqn.2026-01.example:${name},i,0x00023d000001`, id };
}

export const alice = nexusNamed("alice", 1);
export const bob = nexusNamed("bob", 2);
export const carol = nexusNamed("carol", 3);

/** Bytes from hexadecimal digits; blanks are for the reader. */
export function hex(digits: string): Uint8Array {
  const bytes = fromHex(digits.replaceAll(/\s/g, ""));
  invariant(bytes, `Not hexadecimal: ${digits}`);
  return bytes;
}

/** Notes of nobody. */
export const noNotes: ErasureNotes = { write() {}, clear() {} };

/** A disk that can do all there is, that `nexuses` have joined, and whose first unit attention they have taken. */
export function diskWith(
  options: Partial<DiskOptions> & { readonly blocks?: number } = {},
  nexuses: readonly Nexus[] = [alice],
): Disk {
  const { blocks = 1024, ...rest } = options;
  const disk = new Disk({
    identity,
    geometry: { blockSizeBytes: 512, sizeBytes: blocks * 512 },
    readOnly: false,
    removable: true,
    erasureNotes: noNotes,
    atomicWrites: true,
    ...rest,
  });
  for (const nexus of nexuses) {
    disk.join(nexus);
    takeAttention(disk, nexus);
  }
  return disk;
}

/** Clears one unit attention. */
export function takeAttention(disk: Disk, nexus: Nexus): void {
  disk.plan(nexus, hex("00 00 00 00 00 00"));
}

/** The bytes that a plan sends. */
export function dataOf(plan: Plan): Uint8Array {
  invariant(plan.kind === "data-in", `No data-in but ${describe(plan)}`);
  return plan.data;
}

/** Hands `data` to a plan that waits for them. */
export function withData(plan: Plan, data: Uint8Array): Plan {
  invariant(plan.kind === "data-out", `No data-out but ${describe(plan)}`);
  return plan.then(data);
}

/** `GOOD`, `RESERVATION CONFLICT`, or `key asc/ascq` in hexadecimal: `5 24/00`. */
export function verdictOf(plan: Plan): string {
  return plan.kind === "answer" ? outcomeText(plan.outcome) : plan.kind;
}

export function outcomeText({ status, sense }: Outcome): string {
  if (status === Status.GOOD) return "GOOD";
  if (status === Status.RESERVATION_CONFLICT) return "RESERVATION CONFLICT";
  invariant(sense, `Status ${status} without sense data`);
  const fixed = (sense[0]! & 0x7e) === 0x70;
  const [key, asc, ascq] = fixed
    ? [sense[2]!, sense[12]!, sense[13]!]
    : [sense[1]!, sense[2]!, sense[3]!];
  const two = (byte: number) => byte.toString(16).padStart(2, "0");
  return `${key.toString(16)} ${two(asc)}/${two(ascq)}`;
}

function describe(plan: Plan): string {
  return plan.kind === "answer" ? outcomeText(plan.outcome) : plan.kind;
}
