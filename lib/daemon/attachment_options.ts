/** What `vault attach` is told, and what it gives. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { AttachmentOperations } from "../control/operations.ts";
import type { Mode } from "../lease/holder.ts";
import type { Address } from "../os/tcp.ts";
import type { Handover } from "./handover.ts";
import { MAX_HANDOVER_MS } from "./lease_lines.ts";

/** How long those that hold a volume may take to let go of it, unless told otherwise. */
export const HANDOVER_MS = 10_000;

/** The operating system's own initiator, where the attachment is to log it in. */
export interface OsLogin {
  /** The disk, `/dev/sdb` say. @throws {VaultError} */
  login(target: { iqn: string; portal: string }): Promise<string>;
  /**
   * Unmounts, closes and writes out what is on the disk; `tell` hears of each step ahead of it.
   *
   * @throws {VaultError} where a program does not let go
   */
  letGo(
    target: { iqn: string; portal: string },
    tell: (step: string) => void,
  ): Promise<void>;
  /**
   * Flushes and logs out.
   *
   * @throws {VaultError} where the disk is in use, unless it is to go `evenInUse`
   */
  logout(
    target: { iqn: string; portal: string },
    options?: { readonly evenInUse?: boolean },
  ): Promise<void>;
}

/** What is done about those that hold the volume already. */
export interface TakeOverOptions {
  /** They are not asked: what they have not flushed is lost to them. */
  readonly now: boolean;
  /** How long they may take to let go; 10 s unless given. */
  readonly withinMs?: number;
}

/** What to attach, and where. */
export interface AttachmentOptions {
  /** The folder that holds the device's keys, which {@linkcode joinNode} filled. */
  readonly stateDir: string;
  /** The volume's name at the node. */
  readonly volume: string;
  /** Which joined node, where there are several: its address, host, or the beginning of its id. */
  readonly node?: string;
  /** Where initiators of this machine connect. Port 0 takes a free one. */
  readonly portal: Address;
  /** Lets `portal` be an address that others can reach. iSCSI is not protected there. */
  readonly unsafeNonLoopback?: boolean;
  /**
   * Nothing can be changed through this attachment, and what it shows does not move: where the node's file system can, it is the volume as it
   * is now, whatever others write; elsewhere nobody writes meanwhile.
   */
  readonly readOnly?: boolean;
  /** The volume as its snapshot of that name was. Goes with `readOnly`. */
  readonly snapshot?: string;
  /** Others that say the same may write at the same time: for cluster file systems, which keep each other off by reservations. */
  readonly shared?: boolean;
  /** Takes the volume from those that hold it; without it, they keep it. */
  readonly takeOver?: TakeOverOptions;
  /** What is done here when another device takes the volume over, before the initiator is logged out. */
  readonly handover?: Handover;
  /** Logs the operating system's initiator in, and out again before the attachment ends. */
  readonly osLogin?: OsLogin;
  /** How long the link may be without a connection with no initiator noticing; 120 s unless given, 0 for not at all. The node has its own. */
  readonly resumeWindowMs?: number;
  /** Told when the link goes away and comes back. */
  readonly onLink?: (
    event: { readonly up: boolean; readonly why: string },
  ) => void;
  /** Told, in sentences, how a take-over goes on: of others by this attachment, and of its volume by others. */
  readonly onTakeOver?: (sentence: string) => void;
  /** Where it says what happens; nowhere unless given. */
  readonly log?: Log;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
}

/** How an attachment has ended: by itself, handed over to another device, or because the volume was taken from it. */
export type AttachmentEnd =
  | {
    readonly kind: "detached";
    /** Whether the node knows that the volume is free. */
    readonly released: boolean;
  }
  | {
    readonly kind: "handed-over";
    /** The device that wanted it. */
    readonly by: string;
  }
  | {
    readonly kind: "fenced";
    /** The device that has it now, where the node says so. */
    readonly by?: string;
    /** When, where the node says so. */
    readonly at?: string;
    /** A sentence. */
    readonly why: string;
  };

/** A volume that is attached. */
export interface RunningAttachment {
  /** What can be asked of it. The same is answered on its control socket, to `vault` commands. */
  readonly operations: AttachmentOperations;
  /** The target that initiators log in to. */
  readonly iqn: string;
  /** HOST:PORT where initiators connect. */
  readonly portal: string;
  /** Whether the target asks initiators for CHAP. */
  readonly chap: boolean;
  /** HOST:PORT where the node is dialled. */
  readonly nodeAddress: string;
  /** The disk, where the operating system's initiator was logged in. */
  readonly device: string | undefined;
  /** Logs the operating system's initiator out, gives the volume back, and ends. @throws {VaultError} where the disk is in use: nothing ended */
  stop(): Promise<void>;
  /** Resolves when it has ended, with how. Never rejects. */
  readonly closed: Promise<AttachmentEnd>;
}

/** How it holds the volume. @throws {VaultError} where it asks for both */
export function modeOf(
  { readOnly, snapshot, shared }: AttachmentOptions,
): Mode {
  if (snapshot !== undefined && !readOnly) {
    throw new VaultError("Nobody writes to a snapshot", {
      kind: "usage",
      hint: "Attach it read-only, or put it back: vault snapshot restore.",
    });
  }
  if (!readOnly) return shared ? "shared" : "write";
  if (!shared) return "read";
  throw new VaultError("Whoever only reads shares the volume with no writer", {
    kind: "usage",
    hint: "Say one of the two: read-only, or shared.",
  });
}

/** What a node is asked to do about those in the way. @throws {VaultError} where nobody is given so long */
export function takeOverOf(
  { takeOver }: AttachmentOptions,
): { readonly now: boolean; readonly boundMs: number } | undefined {
  if (!takeOver) return undefined;
  const { now, withinMs: boundMs = HANDOVER_MS } = takeOver;
  if (boundMs >= 0 && boundMs <= MAX_HANDOVER_MS) return { now, boundMs };
  throw new VaultError(
    `Nobody is given ${boundMs / 1000} s to let go of a volume`,
    {
      kind: "usage",
      hint: `At most ${MAX_HANDOVER_MS / 60_000} minutes are.`,
    },
  );
}
