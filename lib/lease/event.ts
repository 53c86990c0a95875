/** What happens to a lease, and what is to be done about it. */

import type { Holder, Holding, Life, Lost, Mode, Reason } from "./holder.ts";

/** Somebody wants to hold the volume. */
export interface Ask {
  readonly device: string;
  readonly attachment: string;
  readonly mode: Mode;
  /** Of the lease that it has held so far. */
  readonly generation?: number;
  /** Those that are in the way are asked to let go; `now`: they are not asked. */
  readonly takeOver?: { readonly now: boolean };
}

/** What happens to a lease. */
export type LeaseEvent =
  | { readonly kind: "ask"; readonly ask: Ask }
  | { readonly kind: "released"; readonly attachment: string }
  | {
    readonly kind: "life";
    readonly attachment: string;
    readonly life: Life;
  }
  | { readonly kind: "bound over" }
  /** Nothing of that lease reaches the volume any more, and all that it wrote is stable. */
  | { readonly kind: "cleared"; readonly generation: number }
  /** Who takes over does not wait for it any more. */
  | { readonly kind: "withdrawn"; readonly attachment: string }
  | { readonly kind: "revoked"; readonly device: string }
  /** All that hold it lose it. */
  | { readonly kind: "ended"; readonly reason: Reason };

/** What is to be told or done, in this order. */
export type Effect =
  | { readonly kind: "granted"; readonly holder: Holder; readonly new: boolean }
  | {
    readonly kind: "refused";
    readonly holders: readonly Holding[];
    /** The device that takes it over just now. */
    readonly taker?: string;
  }
  /** A former holder is still being cleared away: ask again when that is done. */
  | { readonly kind: "wait" }
  /** Who asks has lost it before; `how` where that is remembered. */
  | { readonly kind: "lost"; readonly how?: Lost }
  | {
    readonly kind: "hand over";
    readonly holder: Holder;
    readonly to: string;
  }
  | { readonly kind: "keep it"; readonly holder: Holder }
  /** It counts no more: what it has under way ends. `lost` where that was not its own doing. */
  | {
    readonly kind: "clear";
    readonly holder: Holder;
    readonly lost?: Lost;
    /** It let go because it was asked to, by this device. */
    readonly handedTo?: string;
  };
