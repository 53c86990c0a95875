import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { BucketError } from "./bucket.ts";
import { answer, open, server } from "./testing/wire_store.ts";

const BYTES = new Uint8Array(10);

Deno.test("a create is sent with its condition, and a replacement without one", async () => {
  const ok = answer("200 OK", "", 'ETag: "1"\r\n');
  await using store = server(() => ok);
  const bucket = open(store.endpoint);
  expect(await bucket.create("d/1", BYTES)).toBe("created");
  await bucket.replace("d/1", BYTES);
  expect(store.seen.map((request) => /if-none-match: \*/i.test(request)))
    .toEqual([true, false]);
  await bucket.close();
});

Deno.test("a replacement that is given up ends at once, and may have been done", async () => {
  await using store = server(() => undefined);
  const bucket = open(store.endpoint);
  const why = new BucketError("uncertain", "it is given up");
  const ending = new AbortController();
  const replacing = bucket.replace("d/1", BYTES, ending.signal);
  while (store.seen.length === 0) await systemClock.sleep(5);
  ending.abort(why);
  await expect(replacing).rejects.toBe(why);
  await expect(bucket.replace("d/2", BYTES, ending.signal)).rejects.toBe(why);
  expect(store.seen).toHaveLength(1);
  await bucket.close();
});
