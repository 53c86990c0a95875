import { expect } from "expect";
import { systemPrimitives } from "../os/primitives.ts";
import { listenTcp, parseAddress } from "../os/tcp.ts";
import { TestClock } from "../../tunnel/testing/clock.ts";
import { DISCOVERY_MS, Forward } from "./forward.ts";

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
