import { expect } from "expect";
import { join } from "../os/paths.ts";
import { systemClock as clock } from "../os/clock.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { joinNode } from "./join_node.ts";
import { runNode } from "./node.ts";
import { nodeOperations } from "./node_operations.ts";
import { NodeState } from "./node_state.ts";
import { StateFolder } from "./state_folder.ts";
import { initNode, openNode } from "./stopped_node.ts";

Deno.test("a revocation that could not be stored is told, and stored when it is said again", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-revocation-" });
  const stateDir = join(folder, "vm");
  const registry = join(stateDir, "node", "registry.json");
  const node = await runNode({
    stateDir,
    listen: { hostname: "127.0.0.1", port: 0 },
  });
  try {
    const { code } = await node.operations.invite({
      name: "laptop",
      expiresMs: 60_000,
      advertise: node.listen,
    });
    await joinNode({ stateDir: join(folder, "laptop"), code });
    // No file can take the place of a folder.
    Deno.renameSync(registry, `${registry}.away`);
    Deno.mkdirSync(registry);
    await expect(node.operations.revoke("laptop")).rejects.toThrow(
      "Cannot write",
    );
    Deno.removeSync(registry);
    Deno.renameSync(`${registry}.away`, registry);
    const { device } = await node.operations.revoke("laptop");
    const revokedAt = device!.revokedAt;
    expect(revokedAt).toBeDefined();
    // Once it is stored there is nothing left to revoke.
    await expect(node.operations.revoke("laptop")).rejects.toThrow(
      'No device "laptop"',
    );
    await node.stop();
    const { operations, release } = await openNode({ stateDir });
    expect(await operations.devices()).toMatchObject([{ revokedAt }]);
    release();
  } finally {
    await node.stop();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a code that leaked is withdrawn: nobody joins with it, now or after the node was started anew", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-revocation-" });
  const stateDir = join(folder, "vm");
  const listen = { hostname: "127.0.0.1", port: 0 };
  const joining = (code: string, address: string) =>
    joinNode({ stateDir: join(folder, "laptop"), code, address });
  let node = await runNode({ stateDir, listen });
  const invite = (name: string) =>
    node.operations.invite({ name, expiresMs: 60_000, advertise: node.listen });
  try {
    const leaked = (await invite("laptop")).code;
    const phone = (await invite("phone")).code;
    const names = async () =>
      (await node.operations.invitations()).map(({ name }) => name);
    expect(await names()).toEqual(["laptop", "phone"]);
    const { device, invitation } = await node.operations.revoke("laptop");
    expect([device, invitation?.name]).toEqual([undefined, "laptop"]);
    expect(await names()).toEqual(["phone"]);
    await expect(joining(leaked, node.listen)).rejects.toThrow(/not take/);
    await expect(node.operations.revoke("laptop")).rejects.toThrow(
      'No device "laptop"',
    );
    await node.stop();
    node = await runNode({ stateDir, listen });
    await expect(joining(leaked, node.listen)).rejects.toThrow(/not take/);
    expect(await node.operations.devices()).toEqual([]);
    expect((await joining(phone, node.listen)).device).toBe("phone");
  } finally {
    await node.stop();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a withdrawal that could not be stored is told, and stored when it is said again", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-revocation-" });
  const registry = join(folder, "node", "registry.json");
  await initNode({ stateDir: folder });
  const { operations, release } = await openNode({ stateDir: folder });
  try {
    const ask = { name: "laptop", expiresMs: 60_000, advertise: "a:1" };
    await operations.invite(ask);
    Deno.renameSync(registry, `${registry}.away`);
    Deno.mkdirSync(registry);
    await expect(operations.revoke("laptop")).rejects.toThrow("Cannot write");
    Deno.removeSync(registry);
    Deno.renameSync(`${registry}.away`, registry);
    const { invitation } = await operations.revoke("laptop");
    expect(invitation?.name).toBe("laptop");
    const kept = JSON.parse(Deno.readTextFileSync(registry));
    expect(kept.invitations).toEqual([]);
    await expect(operations.revoke("laptop")).rejects.toThrow("No device");
  } finally {
    release();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a device and an invitation for its name are shut out together", async () => {
  const path = Deno.makeTempDirSync({ prefix: "vault-revocation-" });
  const state = await NodeState.open({
    folder: new StateFolder(path),
    primitives,
    clock,
  });
  const operations = nodeOperations({
    primitives,
    state,
    clock,
    guessAddress: () => undefined,
  });
  const ask = { name: "laptop", expiresMs: 60_000, advertise: "a:1" };
  await operations.invite(ask);
  // A join by an older code that was under way while the newer one was made.
  state.registry.enrol({
    name: "laptop",
    certificate: {
      fingerprint: "a".repeat(64),
      serial: "1",
      expiresAt: new Date(clock.now() + 60_000).toISOString(),
    },
    nowMs: clock.now(),
  });
  const { device, invitation } = await operations.revoke("laptop");
  expect([device?.name, invitation?.name]).toEqual(["laptop", "laptop"]);
  expect(await operations.invitations()).toEqual([]);
  state.release();
  Deno.removeSync(path, { recursive: true });
});
