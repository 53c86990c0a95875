import { expect } from "expect";
import { silent } from "../base/log.ts";
import { connectTcp, listenTcp, parseAddress } from "../os/tcp.ts";
import type { Channel } from "../../tunnel/channel.ts";
import type { Link } from "../../tunnel/link.ts";
import { TestClock } from "../../tunnel/testing/clock.ts";
import type { LinkKeeper } from "./link_keeper.ts";
import { LINK_WAIT_MS, PortalDoor } from "./portal_door.ts";

/** A link that is paused: what is asked over it is answered when `answer` is called. */
function pausedLink() {
  const answer = Promise.withResolvers<Channel>();
  let asked = 0;
  const link = {
    open: () => {
      asked++;
      return answer.promise;
    },
  } as unknown as Link;
  const keeper = { up: () => Promise.resolve(link) } as unknown as LinkKeeper;
  return { keeper, answer: answer.resolve, asked: () => asked };
}

Deno.test("an initiator that connects while the link is paused is not kept waiting without end", async () => {
  const clock = new TestClock();
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { keeper, answer, asked } = pausedLink();
  const door = new PortalDoor({
    ...{ listener, keeper, clock, log: silent },
    request: () => ({ kind: "iscsi" }),
  });
  const opened = door.open();
  const socket = await connectTcp(parseAddress(listener.address));
  const reading = socket.read().catch(() => undefined);
  while (asked() === 0) await new Promise((go) => setTimeout(go, 1));
  await clock.pass(LINK_WAIT_MS - 1);
  expect(door.connections).toBe(1);
  await clock.pass(1);
  expect(await reading).toBeUndefined();
  expect(door.connections).toBe(0);
  // The node's answer comes too late for it, and its channel is not left behind.
  let aborted: Error | undefined;
  answer({ abort: (why?: Error) => aborted = why } as unknown as Channel);
  await clock.pass(0);
  expect(aborted?.message).toBe("It is too late");
  expect(clock.timers).toBe(0);
  socket.abort();
  door.close("The test is over");
  await opened;
});

Deno.test("who waits for the last initiator to go is told, or stops to wait", async () => {
  const clock = new TestClock();
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { keeper, asked } = pausedLink();
  const door = new PortalDoor({
    ...{ listener, keeper, clock, log: silent },
    request: () => ({ kind: "iscsi" }),
  });
  const opened = door.open();
  const socket = await connectTcp(parseAddress(listener.address));
  while (asked() === 0) await new Promise((go) => setTimeout(go, 1));
  const patience = new AbortController();
  const impatient = door.empty(patience.signal);
  patience.abort();
  await impatient;
  expect(door.connections).toBe(1);
  const patient = door.empty(new AbortController().signal);
  await clock.pass(LINK_WAIT_MS);
  await patient;
  expect(door.connections).toBe(0);
  socket.abort();
  door.close("The test is over");
  await opened;
});
