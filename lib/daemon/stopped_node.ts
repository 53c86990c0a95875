/** A node that does not run: made, asked and changed from its state folder. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { NodeOperations } from "../control/operations.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { guessAddress } from "./guess_address.ts";
import { nodeOperations } from "./node_operations.ts";
import { NodeState } from "./node_state.ts";
import { StateFolder } from "./state_folder.ts";

/** Where a node that does not run is kept. */
export interface StoppedNodeOptions {
  /** The folder that holds its keys, its devices and its volumes. */
  readonly stateDir: string;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
  /** Told where the audit log cannot be written; nowhere unless given. */
  readonly log?: Log;
}

/** A node that does not run, held by this process. */
export interface StoppedNode {
  /** What can be asked of it and changed. */
  readonly operations: NodeOperations;
  /** Lets others have the node. To be called once. */
  release(): void;
}

/**
 * Makes a node's keys where there are none yet: what `vault init` does, and {@linkcode runNode} by itself.
 *
 * @returns its id, and whether it is new
 * @throws {VaultError} `conflict` where another process has the node
 */
export async function initNode(
  options: StoppedNodeOptions,
): Promise<{ nodeId: string; isNew: boolean }> {
  const folder = new StateFolder(options.stateDir);
  const isNew = !NodeState.exists(folder);
  const state = await NodeState.open({ folder, ...world(options) });
  try {
    return { nodeId: state.identity.nodeId, isNew };
  } finally {
    state.release();
  }
}

/**
 * Takes a node that does not run for this process, until `release`.
 *
 * @example
 * ```ts
 * import { initNode, openNode } from "@vault/vault";
 *
 * const stateDir = await Deno.makeTempDir();
 * const { nodeId } = await initNode({ stateDir });
 *
 * const { operations, release } = await openNode({ stateDir });
 * const { node, running } = await operations.status();
 * if (node !== nodeId || running) throw new Error("That is another node");
 * release();
 *
 * await Deno.remove(stateDir, { recursive: true });
 * ```
 *
 * @throws {VaultError} `not-found` where there is none, `conflict` where another process has it
 */
export async function openNode(
  options: StoppedNodeOptions,
): Promise<StoppedNode> {
  const folder = new StateFolder(options.stateDir);
  if (!NodeState.exists(folder)) {
    throw new VaultError(`There is no node in ${folder.path}`, {
      kind: "not-found",
      hint:
        "Make one with `vault init`, or `vault serve`, which does that by itself.",
    });
  }
  const { clock, primitives, log } = world(options);
  const state = await NodeState.open({ folder, primitives, clock, log });
  const operations = nodeOperations({
    ...{ state, clock, primitives, guessAddress },
  });
  return {
    operations,
    release: () => {
      operations.end();
      state.release();
    },
  };
}

function world(
  options: StoppedNodeOptions,
): { clock: Clock; primitives: Primitives; log: Log } {
  return {
    clock: options.clock ?? systemClock,
    primitives: options.primitives ?? systemPrimitives,
    log: options.log ?? silent,
  };
}
