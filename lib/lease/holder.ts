/** Who holds a volume, and how. */

/**
 * `write`: it alone. `shared`: with others that share, for file systems that bring their own reservations. `read`: with others that read;
 * nobody writes meanwhile, so that what they see stands still.
 */
export type Mode = "write" | "shared" | "read";

/** All modes. */
export const MODES: readonly Mode[] = ["write", "shared", "read"];

/** Whether the holder is heard of. A paused one has lost its connection and may come back over another. */
export type Life = "up" | "paused" | "gone";

/** A lease as it is kept. */
export interface Holder {
  /** Whose it is, for people. */
  readonly device: string;
  /** Unlike any other attachment's: 32 hexadecimal digits. */
  readonly attachment: string;
  readonly mode: Mode;
  /** Unlike that of any other lease of the volume, and higher than all before. */
  readonly generation: number;
  /** When it was granted: milliseconds since the epoch. */
  readonly since: number;
}

/** A holder as it is now. */
export interface Holding extends Holder {
  readonly life: Life;
  /** Since when it is gone; undefined where it has not been heard of since the process began. */
  readonly goneSince?: number;
}

/**
 * Why a lease has ended without its holder's doing. `taken`: another wanted it at once. `late`: it was asked for it, and did not let go in
 * time. `dead`: another wanted it, and the holder was not connected. `anew`: its own device has come with another attachment. `operator`:
 * whoever runs the node has ended it. `revoked`: the device is. `deleted`: the volume is.
 */
export type Reason =
  | "taken"
  | "late"
  | "dead"
  | "anew"
  | "operator"
  | "revoked"
  | "deleted";

/** All reasons. */
export const REASONS: readonly Reason[] = [
  "taken",
  "late",
  "dead",
  "anew",
  "operator",
  "revoked",
  "deleted",
];

/** A lease that has ended without its holder's doing. Its holder may not have heard of it yet. */
export interface Lost {
  readonly device: string;
  readonly attachment: string;
  readonly generation: number;
  /** The device that has it since; undefined where none wanted it. */
  readonly by?: string;
  readonly at: number;
  readonly reason: Reason;
}

/** What outlives the process. */
export interface KeptLease {
  /** Of the last lease that was granted; 0 before the first. */
  readonly lastGeneration: number;
  readonly holders: readonly Holder[];
  /** The latest, oldest first. */
  readonly lost: readonly Lost[];
}

/** Nobody has held it yet. */
export const NEVER_HELD: KeptLease = {
  lastGeneration: 0,
  holders: [],
  lost: [],
};

/** How many lost leases are remembered, so that their holders can be told to whom. Others are told that they have lost it. */
export const MAX_LOST = 16;

/** How many may hold a volume together. */
export const MAX_HOLDERS = 16;

/** Whether both may hold the volume at once. */
export function goTogether(a: Mode, b: Mode): boolean {
  return a === b && a !== "write";
}
