import { expect } from "expect";
import { connectInitiator } from "../lib/initiator/initiator.ts";
import { systemPrimitives } from "../lib/os/primitives.ts";
import { connectTcp } from "../lib/os/tcp.ts";
import { freePort } from "../tests/harness/loopback.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";
import { Machine } from "../tests/harness/vault.ts";

interface Parts {
  readonly node: Machine;
  readonly laptop: Machine;
  readonly port: number;
}

/** Two machines, whose background daemons are ended whatever becomes of the test. */
async function withMachines(test: (parts: Parts) => Promise<void>) {
  using dir = new TempDir();
  const node = new Machine(dir.at("vm"));
  const laptop = new Machine(dir.at("laptop"));
  try {
    await test({ node, laptop, port: freePort() });
  } finally {
    for (const machine of [laptop, node]) await stopDaemons(machine);
  }
}

interface Status {
  node: { running: boolean; pid?: number } | null;
  attachments: { pid: number }[];
}

async function stopDaemons(machine: Machine): Promise<void> {
  const { node, attachments } = await machine.json<Status>("status");
  const pids = attachments.map(({ pid }) => pid);
  if (node?.pid !== undefined) pids.push(node.pid);
  for (const pid of pids) await endProcess(pid);
}

/** Ends a process that is not this one's child, and waits until it is gone. */
async function endProcess(pid: number): Promise<void> {
  try {
    Deno.kill(pid, "SIGTERM");
    while (true) {
      Deno.kill(pid, "SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

Deno.test("a node in the background: asked, changed, told apart from a second one, and ended", () =>
  withMachines(async ({ node, port }) => {
    await transcript(
      `
      $ vault serve --listen 127.0.0.1:${port} --background
      Serving in the background, process ….
      ! Its log: …/vm/run/node.log
      $ vault serve --listen 127.0.0.1:${port} --background
      ! vault: vault serve runs already
      ! vault: hint: vault status shows it.
      [6]
      $ vault serve --listen 127.0.0.1:${port}
      ! vault: Another vault process already runs as "node"
      ! vault: hint: …
      [6]
      $ vault volume create photos --size 64MiB
      Made volume "photos": 64 MiB.
      $ vault volume resize photos 128MiB
      Volume "photos" has 128 MiB now; it had 64 MiB.
      $ vault volume show nothing
      ! vault: There is no volume "nothing"
      ! vault: hint: …
      [3]
      $ vault chap set photos laptop --secret-file - <<< 0123456789abc
      Volume "photos" lets in "laptop" with that secret.
      $ vault status
      node          …
      state         serving for …, process …
      listens at    127.0.0.1:${port}
      MAC failures  0

      VOLUME     SIZE  USED  TARGET  LUN  SESSIONS  HELD BY  HEALTH
      photos  128 MiB   0 B  photos    0         0  -        ok
      `,
      node.env,
    );
    await stopDaemons(node);
    await transcript(
      `
      $ vault volume list
      VOLUME     SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
      photos  128 MiB   0 B    512  read-write  photos    0  yes   ok
      $ vault status
      node   …
      state  not running (vault serve)

      VOLUME     SIZE  USED  TARGET  LUN  SESSIONS  HELD BY  HEALTH
      photos  128 MiB   0 B  photos    0         0  -        ok
      `,
      node.env,
    );
  }));

Deno.test("a daemon that cannot start in the background says why, and ends as it would in front", () =>
  withMachines(async ({ node }) => {
    const held = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = held.addr;
    await transcript(
      `
      $ vault serve --listen 127.0.0.1:${port} --background
      ! vault: Cannot listen on 127.0.0.1:${port}: another program does
      ! vault: hint: …
      [6]
      $ vault serve --listen 127.0.0.1:0 --target 192.0.2.1:3260
      ! vault: 192.0.2.1:3260 is not a loopback address
      ! vault: hint: …
      [2]
      `,
      node.env,
    );
    held.close();
  }));

Deno.test("a device joins, attaches, is seen, detaches and is shut out", () =>
  withMachines(async ({ node, laptop, port }) => {
    const portal = freePort();
    const serve = [
      ...["serve", "--listen", `127.0.0.1:${port}`],
      "--background",
    ];
    await node.ok(...serve);
    await node.ok("volume", "create", "photos", "--size", "64MiB");
    const invite = await node.json<{ code: string; address: string }>(
      ...["invite", "laptop", "--advertise", `127.0.0.1:${port}`],
    );
    expect(invite.address).toBe(`127.0.0.1:${port}`);
    await transcript(
      `
      $ vault join
      ! vault: No code was given
      ! vault: hint: vault join CODE
      [2]
      $ vault join nonsense
      ! vault: The invitation's code is mistyped: …
      ! vault: hint: …
      [2]
      $ vault join <<< ${invite.code}
      Joined the node … at 127.0.0.1:${port} as "laptop".
      ! Next: vault attach VOLUME
      $ vault join ${invite.code}
      ! vault: The node does not take this invitation
      ! vault: hint: …
      [4]
      $ vault attach nothing --portal 127.0.0.1:${portal}
      ! vault: There is no volume "nothing"
      …
      [3]
      $ vault attach photos --portal 0.0.0.0:${portal}
      ! vault: 0.0.0.0:${portal} is not a loopback address
      ! vault: hint: …
      [2]
      $ vault attach photos --portal 127.0.0.1:${portal} --background
      Attached "photos" of 127.0.0.1:${port} at 127.0.0.1:${portal}.
      target   iqn.…photos
      process  …
      ! Its log: …/laptop/run/attach-photos.log
      ! vault detach photos ends it.
      $ vault attach photos
      ! vault: Another vault process already runs as "attach-photos"
      ! vault: hint: …
      [6]
      $ vault detach music
      ! vault: Volume "music" is not attached
      ! vault: hint: Attached are: photos.
      [3]
      $ vault status
      ATTACHED  NODE …
      photos    127.0.0.1:${port}  up …  127.0.0.1:${portal}  -  …
      $ vault __complete -- detach p
      photos	attached at 127.0.0.1:${portal}
      $ vault detach photos
      Detached "photos".
      $ vault detach photos
      ! vault: Volume "photos" is not attached
      ! vault: hint: Nothing is attached here.
      [3]
      `,
      laptop.env,
    );
    await transcript(
      `
      $ vault devices
      DEVICE  STATE          ENROLLED    EXPIRES     FINGERPRINT
      laptop  not connected  …
      $ vault revoke laptop
      Revoked "laptop".
      $ vault devices
      DEVICE  STATE  …
      laptop  revoked …
      $ vault revoke laptop
      ! vault: …
      ! vault: hint: …
      [3]
      `,
      node.env,
    );
    await transcript(
      `
      $ vault attach photos --portal 127.0.0.1:${portal}
      ! vault: …
      …
      [4]
      `,
      laptop.env,
    );
    await stopDaemons(node);
    await transcript(
      `
      $ vault attach photos --portal 127.0.0.1:${portal}
      ! vault: …
      …
      [5]
      $ vault doctor
      …
      FAILED   node 127.0.0.1:${port}: …
      …
      [1]
      `,
      laptop.env,
    );
  }));

Deno.test("serve --target offers the volumes to this machine's own initiators", () =>
  withMachines(async ({ node, port }) => {
    const target = freePort();
    const serve = await node.daemon([
      ...["serve", "--listen", `127.0.0.1:${port}`],
      ...["--target", `127.0.0.1:${target}`],
    ], target);
    await node.ok("volume", "create", "photos", "--size", "64MiB");
    const session = await connectInitiator({
      duplex: await connectTcp({ hostname: "127.0.0.1", port: target }),
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-11.internal.vault:test",
    });
    const { iqn } = await node.json<{ iqn: string }>(
      "volume",
      "show",
      "photos",
    );
    const found = await session.discover();
    expect(found.map(({ name }) => name)).toEqual([iqn]);
    await session.logout();
    expect(serve.stdout).toContain(`find them at 127.0.0.1:${target}`);
    expect(await serve.stop()).toBe(0);
  }));

Deno.test({
  name: "a node that hangs is told of in time",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withMachines(async ({ node, port }) => {
      const serve = await node.daemon(
        ["serve", "--listen", `127.0.0.1:${port}`],
        port,
      );
      serve.signal("SIGSTOP");
      await transcript(
        `
        $ vault status
        ! vault: The running vault did not answer within 5 s
        ! vault: hint: …
        [5]
        `,
        node.env,
      );
      serve.signal("SIGCONT");
      expect(await serve.stop()).toBe(0);
    }),
});

Deno.test("in front, attach tells how to log in, and ends at SIGTERM with 0", () =>
  withMachines(async ({ node, laptop, port }) => {
    const serve = await node.daemon(
      ["serve", "--listen", `127.0.0.1:${port}`],
      port,
    );
    await node.ok("volume", "create", "photos", "--size", "64MiB");
    const { code } = await node.json<{ code: string }>(
      ...["invite", "laptop", "--advertise", `127.0.0.1:${port}`],
    );
    await laptop.ok("join", code);
    const portal = freePort();
    const attach = await laptop.daemon(
      ["attach", "photos", "--portal", `127.0.0.1:${portal}`],
      portal,
    );
    while (!attach.stderr.includes("Ctrl-C")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const words of ["iscsiadm", "Connect-IscsiTarget", "qemu-img info"]) {
      expect(attach.stdout).toContain(words);
    }
    expect(await attach.stop("SIGTERM")).toBe(0);
    expect(attach.stderr).toContain("Detached.");
    expect(await serve.stop("SIGINT")).toBe(0);
    expect(serve.stderr).toContain("Stopped.");
  }));
