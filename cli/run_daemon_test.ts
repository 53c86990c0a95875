import { expect } from "expect";
import { VaultError } from "../lib/base/errors.ts";
import type { onStopSignals } from "../lib/os/signals.ts";
import { runDaemon } from "./run_daemon.ts";

/** A daemon that counts how often it is told to stop, and whose stop does what it is given. */
function daemon(stop: () => Promise<void>) {
  const closed = Promise.withResolvers<void>();
  const asked = { times: 0, end: closed.resolve };
  return {
    asked,
    closed: closed.promise,
    stop() {
      asked.times += 1;
      return stop();
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
  const run = runDaemon(one, listen);
  send("SIGTERM");
  await run;
  expect([one.asked.times, isHeard()]).toEqual([1, false]);
});

Deno.test("a second signal ends at once what does not stop", async () => {
  const { listen, send, isHeard } = signals();
  const one = daemon(() => new Promise(() => {}));
  const run = runDaemon(one, listen);
  send("SIGINT");
  send("SIGTERM");
  await expect(run).rejects.toMatchObject({ status: 130 });
  expect([one.asked.times, isHeard()]).toEqual([1, false]);
});

Deno.test("a daemon that ends by itself needs no signal", async () => {
  const { listen } = signals();
  const one = daemon(() => Promise.resolve());
  const run = runDaemon(one, listen);
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
    const run = runDaemon(one, listen);
    send("SIGTERM");
    await Promise.resolve();
    one.asked.end();
    if (status === 0) await run;
    else await expect(run).rejects.toMatchObject({ status });
  }
});
