/** Makes this machine a device of a node. */

import type { Clock } from "../base/clock.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { join } from "../../tunnel/join.ts";
import { rememberNode, shortNodeId } from "./joined.ts";
import { auditTo } from "./audit_log.ts";
import { StateFolder } from "./state_folder.ts";

/** With what to join, and where to keep it. */
export interface JoinNodeOptions {
  /** The folder that will hold the device's keys. Made, for its owner alone, where there is none. */
  readonly stateDir: string;
  /** What `vault invite` printed. */
  readonly code: string;
  /** HOST:PORT where the code's does not lead to the node from here. */
  readonly address?: string;
  /** Where it says what happens; nowhere unless given. */
  readonly log?: Log;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
}

/** What a device knows of a node that it has joined. */
export interface JoinedNode {
  /** The node's name for this device. */
  readonly device: string;
  /** The beginning of the node's id, as `vault status` shows it. */
  readonly node: string;
  /** HOST:PORT where the node is dialled. */
  readonly address: string;
}

/**
 * Makes this machine a device of the node that made the code: what `vault join` does. The private key is made here and stays here.
 *
 * @throws {VaultError} where the code is mistyped, used or expired, nobody answers, or it is not the node
 * that made the code
 */
export async function joinNode(options: JoinNodeOptions): Promise<JoinedNode> {
  const { stateDir, code, address, log = silent } = options;
  const folder = new StateFolder(stateDir);
  const identity = await join({
    code,
    clock: options.clock ?? systemClock,
    primitives: options.primitives ?? systemPrimitives,
    log,
    audit: auditTo(log),
    ...(address === undefined ? {} : { address }),
  });
  rememberNode(folder, identity);
  return {
    device: identity.name,
    node: shortNodeId(identity.nodeId),
    address: identity.address,
  };
}
