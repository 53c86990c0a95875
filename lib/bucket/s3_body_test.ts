import { expect } from "expect";
import { readBody } from "./s3_body.ts";

/** Pieces that end as if that were all. */
function body(...lengths: number[]) {
  return {
    destroyed: false,
    destroy() {
      this.destroyed = true;
    },
    async *[Symbol.asyncIterator]() {
      for (const length of lengths) {
        await Promise.resolve();
        yield new Uint8Array(length).fill(length);
      }
    },
  };
}

const expected = { name: "d/1", limit: 10, heard: () => {} };

Deno.test("a body is read whole, and heard piece by piece", async () => {
  let heard = 0;
  const bytes = await readBody(body(2, 3, 5), {
    ...expected,
    lengthBytes: 10,
    heard: () => heard++,
  });
  expect([...bytes]).toEqual([2, 2, 3, 3, 3, 5, 5, 5, 5, 5]);
  expect(heard).toBe(3);
  const unknown = await readBody(body(4), {
    ...expected,
    lengthBytes: undefined,
  });
  expect(unknown.length).toBe(4);
  expect((await readBody(undefined, { ...expected, lengthBytes: 0 })).length)
    .toBe(0);
});

Deno.test("a body that ends early is uncertain, one that is too long is not read on", async () => {
  await expect(readBody(body(2, 3), { ...expected, lengthBytes: 10 })).rejects
    .toMatchObject({ fault: "uncertain" });
  await expect(readBody(undefined, { ...expected, lengthBytes: 10 })).rejects
    .toMatchObject({ fault: "uncertain" });
  for (const lengthBytes of [undefined, 10, 11]) {
    const long = body(6, 5, 5);
    await expect(readBody(long, { ...expected, lengthBytes })).rejects
      .toMatchObject({ fault: "rejected" });
    expect(long.destroyed).toBe(true);
  }
});
