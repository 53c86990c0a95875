/** What batches of a journal lie in, where their target needs their data no more before they are applied. */
import { expect } from "expect";
import { bytesOf } from "./conformance.ts";
import { AT_ONCE, busy } from "./testing/busy_target.ts";
import { settle } from "./testing/held_target.ts";

Deno.test("what a batch lies in is used for the next as soon as the target says so, and otherwise when it is applied", async () => {
  const { target, store, batch } = await busy();
  const rooms = () =>
    new Set(target.held.map(({ pieces }) => {
      const [piece] = pieces;
      return piece?.kind === "write" ? piece.data.buffer : undefined;
    })).size;
  for (const [n, releases] of [true, false].entries()) {
    target.releases = releases;
    for (let m = 0; m < AT_ONCE; m++) await batch(AT_ONCE * n + m);
    await settle();
    expect(rooms()).toBe(releases ? 1 : AT_ONCE);
    for (let m = 0; m < AT_ONCE; m++) target.letGo();
    await settle();
  }
  expect(store.undrainedBytes).toBe(0);
  expect(await bytesOf(store)).toEqual(await bytesOf(target.inner));
  await store.close();
});

Deno.test("where the target says how many it has unreleased, the next is read when one is released or over", async () => {
  const { target, store, batch } = await busy();
  target.unreleasedAtOnce = 1;
  for (let n = 0; n < 5; n++) await batch(n);
  await settle();
  const came = (...firsts: number[]) =>
    settle().then(() => expect(target.firsts).toEqual(firsts));
  await came(1);
  target.held[0]!.release!();
  await came(1, 5);
  // A second time it is nobody's.
  target.held[0]!.release!();
  await came(1, 5);
  target.releases = true;
  target.letGo();
  await came(1, 5);
  target.letGo();
  await came(1, 5, 9, 13, 17);
  for (let n = 0; n < 3; n++) target.letGo();
  await settle();
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});
