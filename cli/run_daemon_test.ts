import { expect } from "expect";
import { VaultError } from "../lib/base/errors.ts";
import type { onStopSignals } from "../lib/os/signals.ts";
import { runDaemon } from "./run_daemon.ts";

/** A daemon that counts how often it is told to stop, and whose stop does what it is given. `refused` resolves after one that failed. */
function daemon(stop: () => Promise<void>) {
  const closed = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();
  const asked = { times: 0, end: closed.resolve };
  return {
    asked,
    closed: closed.promise,
    refused: refused.promise,
    stop() {
      asked.times += 1;
      const stopped = stop();
      // Once whoever asked has seen it.
      stopped.catch(() => setTimeout(refused.resolve));
      return stopped;
    },
  };
}

/** Signals that are sent by a call. */
function signals() {
  let count = 0;
  let reactions: Parameters<typeof onStopSignals>[0] | undefined;
  const listen: typeof onStopSignals = (given) => {
    reactions = given;
    return () => reactions = undefined;
  };
  const send = (signal: string) => {
    count += 1;
    if (count === 1) reactions?.first(signal);
    else reactions?.again(signal);
  };
  return { listen, send, isHeard: () => reactions !== undefined };
}

Deno.test("the first signal stops a daemon in good order", async () => {
  const { listen, send, isHeard } = signals();
  const one = daemon(() => Promise.resolve(one.asked.end()));
  const run = runDaemon(() => Promise.resolve(one), listen);
  send("SIGTERM");
  await run;
  expect([one.asked.times, isHeard()]).toEqual([1, false]);
});

Deno.test("a second signal ends at once what does not stop", async () => {
  const { listen, send, isHeard } = signals();
  const one = daemon(() => new Promise(() => {}));
  const run = runDaemon(() => Promise.resolve(one), listen);
  send("SIGINT");
  send("SIGTERM");
  await expect(run).rejects.toMatchObject({ status: 130 });
  expect([one.asked.times, isHeard()]).toEqual([1, false]);
});

Deno.test("a daemon that ends by itself needs no signal", async () => {
  const { listen } = signals();
  const one = daemon(() => Promise.resolve());
  const run = runDaemon(() => Promise.resolve(one), listen);
  one.asked.end();
  await run;
  expect(one.asked.times).toBe(0);
});

Deno.test("a stop that fails is a failure; a disk in use is none, and the daemon goes on", async () => {
  for (const [kind, status] of [[undefined, 1], ["conflict", 0]] as const) {
    const { listen, send } = signals();
    const one = daemon(() =>
      Promise.reject(new VaultError("no", kind ? { kind } : {}))
    );
    const run = runDaemon(() => Promise.resolve(one), listen);
    send("SIGTERM");
    await one.refused;
    one.asked.end();
    if (status === 0) await run;
    else await expect(run).rejects.toMatchObject({ status });
  }
});

Deno.test("a daemon that has ended, and says a moment later that its stop failed, has failed", async () => {
  const { listen, send } = signals();
  const one = daemon(async () => {
    one.asked.end();
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw new VaultError("not flushed");
  });
  const run = runDaemon(() => Promise.resolve(one), listen);
  send("SIGTERM");
  await expect(run).rejects.toMatchObject({ status: 1 });
});

Deno.test("a signal while the daemon starts stops it once it is up; a second one waits for nothing", async () => {
  const { listen, send } = signals();
  const one = daemon(() => Promise.resolve(one.asked.end()));
  const up = Promise.withResolvers<typeof one>();
  const run = runDaemon(() => up.promise, listen);
  send("SIGTERM");
  expect(one.asked.times).toBe(0);
  up.resolve(one);
  await run;
  expect(one.asked.times).toBe(1);

  const again = signals();
  const stuck = runDaemon(() => new Promise(() => {}), again.listen);
  again.send("SIGTERM");
  again.send("SIGTERM");
  await expect(stuck).rejects.toMatchObject({ status: 130 });
});

Deno.test("a daemon that does not come up says why, signal or not", async () => {
  const { listen, send } = signals();
  const start = () => Promise.reject(new VaultError("no port"));
  await expect(runDaemon(start, listen)).rejects.toThrow("no port");
  const run = runDaemon(start, signals().listen);
  send("SIGTERM");
  await expect(run).rejects.toThrow("no port");
});
