/** Enrolment where the node's disk takes nothing, and after the node was let go of. */

import { expect } from "expect";
import { fromHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { systemClock as clock } from "../os/clock.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { parseCode, renderCode } from "../pki/code.ts";
import { joinNode } from "./join_node.ts";
import { runNode } from "./node.ts";
import { NodeState } from "./node_state.ts";
import { StateFolder } from "./state_folder.ts";

/** The same code with another secret. */
async function guessed(code: string): Promise<string> {
  const read = await parseCode(code);
  const secret = primitives.random(16);
  return await renderCode({ ...read, idBytes: fromHex(read.id)!, secret });
}

Deno.test("a stranger who tries an invitation while the disk is full ends no node, and is told no path", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-enrolment-" });
  const stateDir = join(folder, "vm");
  const registry = join(stateDir, "node", "registry.json");
  const node = await runNode({
    stateDir,
    listen: { hostname: "127.0.0.1", port: 0 },
  });
  const joining = (code: string) =>
    joinNode({ stateDir: join(folder, "laptop"), code })
      .catch((thrown: Error) => thrown);
  try {
    const { code } = await node.operations.invite({
      name: "laptop",
      expiresMs: 60_000,
      advertise: node.listen,
    });
    // No file can take the place of a folder.
    Deno.renameSync(registry, `${registry}.away`);
    Deno.mkdirSync(registry);
    expect(await joining(await guessed(code))).toBeInstanceOf(VaultError);
    const refused = await joining(code) as Error;
    expect(refused.message).toMatch(/the node failed/);
    expect(refused.message).not.toContain("registry.json");
    Deno.removeSync(registry);
    Deno.renameSync(`${registry}.away`, registry);
    // It lives, and a new code is good.
    const next = await node.operations.invite({
      name: "laptop",
      expiresMs: 60_000,
      advertise: node.listen,
    });
    expect(await joining(next.code)).toMatchObject({ device: "laptop" });
  } finally {
    await node.stop();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("what was under way when the node was let go of changes nothing of it", async () => {
  const path = Deno.makeTempDirSync({ prefix: "vault-enrolment-" });
  const folder = new StateFolder(path);
  const state = await NodeState.open({ folder, primitives, clock });
  state.persist();
  state.release();
  const next = await NodeState.open({ folder, primitives, clock });
  next.rememberListen("192.0.2.1:9443");
  expect(() => state.persist()).toThrow(VaultError);
  next.release();
  const last = await NodeState.open({ folder, primitives, clock });
  expect(last.listen).toBe("192.0.2.1:9443");
  last.release();
  Deno.removeSync(path, { recursive: true });
});
