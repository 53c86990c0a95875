/** A session with a target as the programs see it that use one. `session.ts` is how it is done. */

import type { DiscoveredTarget } from "../iscsi/send_targets.ts";
import type { Command, CommandResult } from "./command.ts";
import type { TaskManagement } from "./task_management.ts";

/**
 * What happens without having been asked for.
 *
 * `async`: the target's Asynchronous Message, its fields under the names of RFC 7143 section 11.9; AsyncEvent 1 asks to log out within
 * Parameter3 seconds. `reject`: a PDU of ours was rejected that no waiting request sent, with the reason of section 11.17.1. `closed`:
 * the session is over; `error` says why where it was not logged out.
 */
export type SessionEvent =
  | {
    readonly kind: "async";
    readonly asyncEvent: number;
    readonly asyncVCode: number;
    readonly parameters: readonly [number, number, number];
    /** Sense data or the event's data, where there are any. */
    readonly data: Uint8Array;
  }
  | { readonly kind: "reject"; readonly reason: number }
  | { readonly kind: "closed"; readonly error?: Error };

/**
 * A session in full feature phase.
 *
 * Requests may be under way side by side; those that are not immediate wait for the target's command window, in the order of the calls.
 * Each rejects with ConnectionLost where the connection is lost or the session over, and with PeerError where the target rejects the
 * request; a target that breaks the protocol ends the session.
 */
export interface InitiatorSession {
  /** Resolves when the session is over, however it ended. Never rejects. */
  readonly closed: Promise<void>;

  /** The targets that the portal tells of (SendTargets=All, RFC 7143 appendix C), and where. @throws {PeerError} where it talks nonsense */
  discover(): Promise<DiscoveredTarget[]>;

  /**
   * Carries out a SCSI command; whatever its status, it resolves.
   *
   * @throws {PeerError} also where the task was aborted by {@linkcode InitiatorSession.taskManagement}
   * @throws {RangeError} at once for a LUN or CDB that cannot be sent, or for data both ways
   */
  command(command: Command): Promise<CommandResult>;

  /**
   * A ping: the target sends `data` back, nothing unless given.
   *
   * @throws {RangeError} at once for more than the target takes in one PDU
   */
  nop(data?: Uint8Array): Promise<Uint8Array>;

  /**
   * Asks for a task management function, at once. Commands of this session that the function has ended reject.
   *
   * @returns the response (RFC 7143 section 11.6.1): 0 done, 1 no such task, 2 no such LUN, 5 not supported, 255 rejected and others
   */
  taskManagement(ask: TaskManagement): Promise<number>;

  /**
   * Ends the session in order, and its connection. What is under way then rejects: wait for it first.
   *
   * @throws {PeerError} where the target does not agree
   */
  logout(): Promise<void>;

  /** Cuts the connection. All that is under way rejects with `reason`. Harmless when repeated. */
  abort(reason?: Error): void;
}
