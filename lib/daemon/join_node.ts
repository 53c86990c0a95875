/** Makes this machine a device of a node. */

import type { Log } from "../base/log.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { join } from "../../tunnel/join.ts";
import { rememberNode, shortNodeId } from "./joined.ts";
import { auditTo } from "./audit_log.ts";
import { StateFolder } from "./state_folder.ts";

export interface JoinNodeOptions {
  readonly stateDir: string;
  /** What `vault invite` printed. */
  readonly code: string;
  /** HOST:PORT where the code's does not lead to the node from here. */
  readonly address?: string;
  readonly log: Log;
}

/** What a device knows of a node that it has joined. */
export interface JoinedNode {
  /** The node's name for this device. */
  readonly device: string;
  readonly node: string;
  readonly address: string;
}

/** @throws {VaultError} where the code is mistyped, used or expired, nobody answers, or it is not the node that made the code */
export async function joinNode(options: JoinNodeOptions): Promise<JoinedNode> {
  const { stateDir, code, address, log } = options;
  const folder = new StateFolder(stateDir);
  const identity = await join({
    code,
    clock: systemClock,
    primitives: systemPrimitives,
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
