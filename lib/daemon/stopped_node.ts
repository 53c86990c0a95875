/** A node that does not run: made, asked and changed from its state folder. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import type { NodeOperations } from "../control/operations.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { guessAddress } from "./guess_address.ts";
import { nodeOperations } from "./node_operations.ts";
import { NodeState } from "./node_state.ts";
import { StateFolder } from "./state_folder.ts";

export interface StoppedNodeOptions {
  readonly stateDir: string;
  readonly clock?: Clock;
  readonly primitives?: Primitives;
}

export interface StoppedNode {
  readonly operations: NodeOperations;
  /** Lets others have the node. */
  release(): void;
}

/**
 * Makes a node's keys where there are none yet.
 *
 * @returns its id, and whether it is new
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

/** Takes the node for this process until `release`. @throws {VaultError} where there is none, or another process has it */
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
  const { clock, primitives } = world(options);
  const state = await NodeState.open({ folder, primitives, clock });
  return {
    operations: nodeOperations({ state, clock, guessAddress }),
    release: () => state.release(),
  };
}

function world(
  options: StoppedNodeOptions,
): { clock: Clock; primitives: Primitives } {
  return {
    clock: options.clock ?? systemClock,
    primitives: options.primitives ?? systemPrimitives,
  };
}
