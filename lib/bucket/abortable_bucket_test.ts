import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { AbortableBucket } from "./abortable_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";

Deno.test("who gives up waits for nothing any more, and others go on", async () => {
  const memory = new MemoryBucket();
  await memory.create("a", new Uint8Array([1]));
  const ending = new AbortController();
  const { signal } = ending;
  const bucket = new AbortableBucket(memory, { signal });
  expect(await bucket.get("a")).toEqual(new Uint8Array([1]));
  const stalled = Promise.withResolvers<undefined>();
  memory.get = () => stalled.promise;
  const reading = bucket.get("a");
  ending.abort(new VaultError("It is over"));
  await expect(reading).rejects.toThrow("It is over");
  await expect(bucket.list("")).rejects.toThrow("It is over");
  // What was under way fails afterwards, and nobody minds.
  stalled.reject(new VaultError("closed"));
  await bucket.close();
  expect((await memory.list("")).objects).toHaveLength(1);
});
