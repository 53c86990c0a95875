import { expect } from "expect";
import { systemClock as clock } from "./clock.ts";

const TURN_MS = 10;
const ENOUGH = 200;

Deno.test("turns of no time let connections be heard", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echoing = (async () => {
    using there = await listener.accept();
    const bytes = new Uint8Array(1);
    while (await there.read(bytes)) await there.write(bytes);
  })();
  using here = await Deno.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
  });
  let turns = 0;
  let over = false;
  const busy = (async () => {
    for (; !over && turns < ENOUGH; turns++) {
      const end = clock.monotonic() + TURN_MS;
      while (clock.monotonic() < end);
      await clock.sleep(0);
    }
  })();
  for (let n = 0; n < 5; n++) {
    await here.write(new Uint8Array(1));
    await here.read(new Uint8Array(1));
  }
  over = true;
  await busy;
  here.closeWrite();
  await echoing;
  // Each goes there and back; without a look at the sockets that is more than 61 turns.
  expect(turns).toBeLessThan(61);
});

Deno.test("turns of no time that are short are taken without a timer in between", async () => {
  const began = clock.monotonic();
  for (let n = 0; n < 2000; n++) await clock.sleep(0);
  // A timer each would be two seconds at least.
  expect(clock.monotonic() - began).toBeLessThan(1500);
});
