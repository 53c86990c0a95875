/** One process at a time has a node. */
import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { runNode } from "./node.ts";
import { NodeState } from "./node_state.ts";
import { StateFolder } from "./state_folder.ts";
import { initNode, openNode } from "./stopped_node.ts";

const listen = { hostname: "127.0.0.1", port: 0 };

async function withStateDir(work: (stateDir: string) => Promise<void>) {
  const stateDir = await Deno.makeTempDir({ prefix: "vault-node-state-" });
  try {
    await work(stateDir);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test("a node starts when a command is over that found none running", async () => {
  await withStateDir(async (stateDir) => {
    await initNode({ stateDir });
    const command = await openNode({ stateDir });
    const starting = runNode({ stateDir, listen });
    await systemClock.sleep(200);
    command.release();
    const node = await starting;
    await node.stop();
  });
});

Deno.test("who waits for another process that does not end is told", async () => {
  await withStateDir(async (stateDir) => {
    await initNode({ stateDir });
    const command = await openNode({ stateDir });
    try {
      const folder = new StateFolder(stateDir);
      const world = { folder, primitives, clock: systemClock };
      for (const waitMs of [0, 120]) {
        const before = performance.now();
        await expect(NodeState.open({ ...world, waitMs })).rejects
          .toThrow("Another vault process is changing this node");
        expect(performance.now() - before).toBeGreaterThanOrEqual(waitMs);
      }
    } finally {
      command.release();
    }
  });
});
