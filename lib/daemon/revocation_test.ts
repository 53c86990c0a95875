import { expect } from "expect";
import { join } from "../os/paths.ts";
import { joinNode } from "./join_node.ts";
import { runNode } from "./node.ts";
import { openNode } from "./stopped_node.ts";

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
    const { revokedAt } = await node.operations.revoke("laptop");
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
