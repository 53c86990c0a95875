import { freePort } from "../tests/harness/loopback.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";
import { Machine } from "../tests/harness/vault.ts";
import { expect } from "expect";

Deno.test("a volume that cannot be served is told everywhere, can be deleted, and serve runs without it", async () => {
  using dir = new TempDir();
  const node = new Machine(dir.at("vm"));
  await node.ok("init");
  for (const name of ["photos", "logs", "swap"]) {
    await node.ok("volume", "create", name, "--size", "1MiB");
  }
  const volumes = dir.at("vm/node/volumes");
  Deno.truncateSync(`${volumes}/logs/data`, 512);
  Deno.writeTextFileSync(`${volumes}/swap/volume.json`, "{");
  const logs =
    'not served: Cannot open volume "logs": …/data has 512 bytes and should have 1048576';
  const swap = "not served: Cannot use …/volume.json: it is not JSON";
  const told = `
    $ vault volume list
    VOLUME   SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
    logs    1 MiB   0 B    512  read-write  logs      0  no    ${logs}
    photos  1 MiB   0 B    512  read-write  photos    0  no    ok
    swap        -   0 B      -  -           -         -  -     ${swap}
    $ vault volume show swap
    volume  swap
    used    …
    health  ${swap}
    $ vault status
    …
    ! Volume "logs" is ${logs}
    ! Volume "swap" is ${swap}
    $ vault doctor
    …
    FAILED   volume logs: ${logs}
    …
    FAILED   volume swap: ${swap}
               …; or: vault volume delete swap
    …
    [1]
    `;
  await transcript(told, node.env);
  const port = freePort();
  const serve = await node.daemon(
    ["serve", "--listen", `127.0.0.1:${port}`],
    port,
  );
  await transcript(told, node.env);
  await node.ok("volume", "delete", "swap", "--yes");
  await node.ok("volume", "delete", "logs", "--yes");
  await transcript(
    `
    $ vault volume list
    VOLUME   SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
    photos  1 MiB   0 B    512  read-write  photos    0  no    ok
    `,
    node.env,
  );
  expect(await serve.stop()).toBe(0);
  expect(serve.stdout).toContain('Volume "photos": 1 MiB.');
  expect(serve.stderr).toContain('Volume "logs" is not served: ');
  expect(serve.stderr).toContain('Volume "swap" is not served: ');
});
