/** What a lease is of, and whom its keeper speaks to. */

import type { VaultError } from "../base/errors.ts";
import type { Holder, Holding, KeptLease, Lost } from "../lease/holder.ts";
import type { Proof } from "../lease/proof.ts";

/** What the lease is of. */
export interface LeasePlace {
  /** Its name, for people. */
  readonly name: string;
  /** On stable storage when it returns. @throws where that fails */
  keep(kept: KeptLease): void;
  /** Ends what goes on under the proof; resolves when nothing of it can reach the volume, and what it wrote is stable. */
  clear(proof: Proof, why: string): Promise<void>;
  /** Asks initiators under the proof to log out. */
  requestLogout(proof: Proof, seconds: number): void;
}

/** Whoever holds a lease or asks for it, as it is spoken to. Nothing here throws. */
export interface Voice {
  granted(holder: Holder): void;
  /** `holders` are in the way, or it cannot be kept. The last word. */
  refused(
    why: { holders: readonly Holding[]; taker?: string } | VaultError,
  ): void;
  /** It has lost the lease, if it ever had it. The last word. */
  lost(how: Lost | undefined): void;
  handOver(to: string, boundMs: number): void;
  /** Nobody wants to take it over any more. */
  keepIt(): void;
  progress(text: string): void;
  /** What it has released is over: nothing more is said. */
  over(): void;
  /** Nobody listens any more. */
  readonly gone: boolean;
  /** Whoever listens has lost its connection, and may come back. */
  readonly paused: boolean;
}
