/** `vault demo`: the whole road in under half a minute, without a terminal, and nothing of it is left behind. */
import { expect } from "expect";
import { run } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { vaultCommand } from "../harness/vault.ts";

const DEMO_MS = 30_000;

scenario("the demo ends green and leaves nothing behind", {}, async () => {
  using temporary = new TempDir();
  using home = new TempDir();
  const began = performance.now();
  const { code, stdout, stderr } = await run({
    ...vaultCommand(["demo"]),
    env: {
      TMPDIR: temporary.path,
      XDG_STATE_HOME: home.path,
      XDG_CONFIG_HOME: home.path,
      XDG_DATA_HOME: home.path,
      XDG_RUNTIME_DIR: home.path,
    },
    timeoutMs: 2 * DEMO_MS,
  });
  expect([code, stderr]).toEqual([0, stderr]);
  expect(performance.now() - began).toBeLessThan(DEMO_MS);
  expect(stdout).toMatch(/flip/i);
  expect(stdout).toMatch(/replay|repeat/i);
  expect(stdout).toMatch(/drop|left out/i);
  expect([...Deno.readDirSync(temporary.path)]).toEqual([]);
  expect([...Deno.readDirSync(home.path)]).toEqual([]);
});
