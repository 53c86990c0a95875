/** Who holds a volume, of a node that runs or does not, and how an operator ends that. */

import type { HolderInfo } from "../control/operations.ts";
import { VaultError } from "../base/errors.ts";
import { holdingsOf, leaseOf, step } from "../lease/lease.ts";
import type { Catalog } from "./catalog.ts";
import { holderInfo } from "./lease_words.ts";
import type { Leases } from "./leases.ts";

interface Kept {
  readonly catalog: Catalog;
  /** Those of a node that runs. */
  readonly leases: Leases | undefined;
}

/** Of the volume at LUN 0 of a target. Nobody where that cannot be told: its health says why. */
export function holdersOf(
  target: string,
  { catalog, leases }: Kept,
): readonly HolderInfo[] {
  if (leases) return leases.holders(target);
  try {
    const kept = catalog.lease(target).read();
    return kept ? holdingsOf(leaseOf(kept)).map(holderInfo) : [];
  } catch (thrown) {
    if (thrown instanceof VaultError) return [];
    throw thrown;
  }
}

/** A device that is revoked while the node does not run holds nothing any more; at its next start the node would see to it, too. */
export function withoutDevice(
  device: string,
  { catalog, nowMs }: { readonly catalog: Catalog; readonly nowMs: number },
): void {
  for (const { name } of catalog.list()) {
    const file = catalog.lease(name);
    const kept = file.read();
    if (!kept) continue;
    const { state } = step(leaseOf(kept), { kind: "revoked", device }, nowMs);
    if (state.kept !== kept) file.write(state.kept);
  }
}

/** @throws {VaultError} where there is no such volume, what is kept is damaged, or cannot be stored */
export async function releaseVolume(
  name: string,
  { catalog, leases, nowMs }: Kept & { readonly nowMs: number },
): Promise<readonly HolderInfo[]> {
  const forwarded = await leases?.releaseForwarded(name);
  if (forwarded) return forwarded;
  const { behind } = catalog.get(name);
  if (behind) {
    throw new VaultError(
      `Volume "${name}" is behind the target of "${behind.target}", which is held as a whole`,
      { kind: "usage", hint: `Say it of "${behind.target}".` },
    );
  }
  if (leases) return await leases.release(name);
  const file = catalog.lease(name);
  const kept = file.read();
  if (!kept) return [];
  const before = leaseOf(kept);
  const event = { kind: "ended", reason: "operator" } as const;
  file.write(step(before, event, nowMs).state.kept);
  return holdingsOf(before).map(holderInfo);
}
