/** What `vault serve` is told, and what it gives. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { NodeOperations } from "../control/operations.ts";
import type { Address } from "../os/tcp.ts";

/** Which node to run, and where. */
export interface NodeOptions {
  /** The folder that holds its keys, its devices and its volumes. Made, for its owner alone, where there is none. */
  readonly stateDir: string;
  /** Where devices dial. Port 0 takes a free one. */
  readonly listen: Address;
  /** Another iSCSI target that takes the place of the node's own volumes. */
  readonly forward?: Address;
  /** Offers the volumes to this machine's own initiators, too. */
  readonly target?: Address;
  /** Tells Prometheus how the node is, over plain HTTP at `/metrics`. Port 0 takes a free one. */
  readonly metrics?: Address;
  /** How long a device that has lost its connection may take to come back with nobody noticing; 120 s unless given, 0 for not at all. */
  readonly resumeWindowMs?: number;
  /** Lets `target`, `forward` and `metrics` be addresses that others can reach. iSCSI is not protected there, and metrics are anybody's. */
  readonly unsafeNonLoopback?: boolean;
  /** Where it says what happens, refusals and failed MACs among it; nowhere unless given. */
  readonly log?: Log;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
}

/** A node that serves. */
export interface RunningNode {
  /** What can be asked of it and changed, while it serves. The same is answered on its control socket, to `vault` commands. */
  readonly operations: NodeOperations;
  /** HOST:PORT where devices dial. */
  readonly listen: string;
  /** HOST:PORT for initiators of this machine, where it was asked for. */
  readonly target: string | undefined;
  /** HOST:PORT where Prometheus asks, where it was asked for. */
  readonly metrics: string | undefined;
  /**
   * Asks initiators to log out, cuts those that have not within 10 s, flushes, and ends. Repeated, it is the same stop.
   *
   * @throws {MediaError} where a volume could not be flushed; the node has ended nevertheless
   */
  stop(): Promise<void>;
  /** Resolves when it has ended. Never rejects. */
  readonly closed: Promise<void>;
}
