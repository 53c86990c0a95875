/** A moment at which nothing is under way: pictures of a volume are taken then. */
import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { execute } from "./execute.ts";
import type { Plan } from "../scsi/plan.ts";
import { JOB } from "./testing/jobs.ts";
import { fakeVolume } from "./testing/fakes.ts";
import { settle } from "./testing/fixture.ts";

const WRITE: Plan = {
  kind: "write",
  extent: { offset: 0, length: 4 },
  fua: false,
};
const dataOut = Uint8Array.of(1, 2, 3, 4);

Deno.test("what is under way ends before a volume stands still, and what comes later waits", async () => {
  const { volume, store } = fakeVolume({ sizeBytes: 4096, clock: systemClock });
  const slow = Promise.withResolvers<void>();
  store.gate = () => slow.promise;
  const first = execute(volume, { ...JOB, dataOut }, WRITE);
  await settle();
  const said: string[] = [];
  const picture = Promise.withResolvers<void>();
  const still = volume.standStill(() => {
    said.push(`still: ${store.bytes.subarray(0, 4)}`);
    return picture.promise;
  });
  await settle();
  expect(said).toEqual([]);
  slow.resolve();
  await first;
  await settle();
  expect(said).toEqual(["still: 1,2,3,4"]);

  const later = Promise.resolve(
    execute(volume, { ...JOB, dataOut: Uint8Array.of(5, 6, 7, 8) }, WRITE),
  ).then(() => said.push("written"));
  await settle();
  expect([said.length, store.bytes[0]]).toEqual([1, 1]);
  picture.resolve();
  await Promise.all([still, later]);
  expect(store.bytes[0]).toBe(5);
  expect(volume.order.idle).toBe(true);
});

Deno.test("one that fails while it stands still goes on", async () => {
  const { volume, store } = fakeVolume({ sizeBytes: 4096, clock: systemClock });
  const failed = volume.standStill(() => Promise.reject(new Error("no room")));
  await expect(failed).rejects.toThrow("no room");
  await execute(volume, { ...JOB, dataOut }, WRITE);
  expect(store.bytes[0]).toBe(1);
});
