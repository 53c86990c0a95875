import { expect } from "expect";
import { connectInitiator } from "../initiator/initiator.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectTcp, listenTcp, parseAddress } from "../os/tcp.ts";
import { TestClock } from "../../tunnel/testing/clock.ts";
import { runAttachment } from "./attachment.ts";
import { DISCOVERY_MS, Forward } from "./forward.ts";
import { joinNode } from "./join_node.ts";
import { runNode } from "./node.ts";

Deno.test("a target that does not answer is asked once for all who ask, and not for ever", async () => {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const clock = new TestClock();
  const forward = new Forward({
    address: parseAddress(listener.address),
    primitives: systemPrimitives,
    clock,
  });
  let connections = 0;
  const accepting = (async () => {
    for (let socket; (socket = await listener.accept());) {
      connections++;
      while (await socket.read().catch(() => undefined));
      socket.abort();
    }
  })();
  const asked = Array.from({ length: 50 }, () => forward.find("disk"));
  const results = Promise.allSettled(asked);
  while (connections === 0) await new Promise((go) => setTimeout(go, 1));
  await clock.pass(DISCOVERY_MS);
  for (const result of await results) {
    expect(result).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringContaining("does not answer") },
    });
  }
  expect(connections).toBe(1);
  listener.close();
  await accepting;
});

Deno.test("behind --forward a device finds what it can name, and an attachment reaches what it was made for alone", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-forward-" });
  const anyPort = { hostname: "127.0.0.1", port: 0 };
  const listen = anyPort;
  const behind = await runNode({
    stateDir: join(folder, "behind"),
    listen,
    target: anyPort,
  });
  const volume = (name: string) =>
    behind.operations.createVolume({
      name,
      sizeBytes: 1 << 20,
      blockSizeBytes: 512,
      readOnly: false,
    });
  const mine = await volume("mine");
  const secret = await volume("secret-name");
  const node = await runNode({
    stateDir: join(folder, "vm"),
    listen,
    forward: parseAddress(behind.target!),
  });
  const stateDir = join(folder, "laptop");
  const { code } = await node.operations.invite({
    name: "laptop",
    expiresMs: 60_000,
    advertise: node.listen,
  });
  await joinNode({ stateDir, code });
  const attaching = (volume: string) =>
    runAttachment({ stateDir, volume, portal: anyPort });
  for (const wanted of ["nothing", "forward", "secret"]) {
    const thrown = await attaching(wanted).catch((error) => error);
    expect(thrown.kind).toBe("not-found");
    expect(`${thrown.message} ${thrown.hint}`).not.toMatch(/iqn|secret-name/);
  }
  const attachment = await attaching(mine.iqn);
  const login = async (targetName?: string) =>
    await connectInitiator({
      duplex: await connectTcp(parseAddress(attachment.portal)),
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-11.internal.example:me",
      ...(targetName === undefined ? {} : { targetName }),
    });
  const session = await login();
  expect((await session.discover()).map(({ name }) => name)).toEqual([
    mine.iqn,
  ]);
  await session.logout();
  await expect(login(secret.iqn)).rejects.toThrow();
  expect((await behind.operations.status()).sessions).toEqual([]);
  await (await login(mine.iqn)).logout();
  await attachment.stop();
  await behind.stop();
  // Nor does anybody learn where it would be.
  const gone = await attaching(mine.iqn).catch((error) => error);
  expect([gone.kind, /127\.0\.0\.1/.test(gone.message)]).toEqual([
    "unreachable",
    false,
  ]);
  await node.stop();
  Deno.removeSync(folder, { recursive: true });
});
