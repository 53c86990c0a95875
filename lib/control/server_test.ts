import { expect } from "expect";
import fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import { NodeClient } from "./client.ts";
import { readAll, SPEC, STILL, withNode } from "./node_fixture.ts";
import { MAX_REQUEST_BYTES } from "./schema.ts";
import { MAX_CONTROL_CONNECTIONS } from "./server.ts";

Deno.test("parameters that make no sense are refused before anybody acts on them", () =>
  withNode(async ({ door, asked }) => {
    for (
      const [method, params] of [
        ["createVolume", []],
        ["createVolume", [{ ...SPEC, sizeBytes: -1 }]],
        ["createVolume", [{ ...SPEC, sizeBytes: 1.5 }]],
        ["createVolume", [{ ...SPEC, blockSizeBytes: 1024 }]],
        ["createVolume", [SPEC, SPEC]],
        ["resizeVolume", ["photos", "1GiB"]],
        ["showVolume", ["x".repeat(1025)]],
        ["status", [1]],
        ["invite", [{ name: "x", expiresMs: 0 }]],
        ["__proto__", []],
        ["constructor", []],
      ]
    ) {
      const connection = door.connect();
      await connection.write(
        utf8(JSON.stringify({ id: 3, method, params }) + "\n"),
      );
      await connection.close();
      const answer = JSON.parse(await readAll(connection));
      expect([method, answer.id, typeof answer.error?.message]).toEqual([
        method,
        3,
        "string",
      ]);
    }
    expect(asked).toEqual([]);
  }));

Deno.test("junk is answered with an error and the end of its connection, and disturbs nobody", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string().map(utf8),
          fc.json().map((text) => utf8(text + "\n")),
        ),
        { minLength: 1, maxLength: 10 },
      ),
      (chunks) =>
        withNode(async ({ door, client }) => {
          const connection = door.connect();
          const answer = readAll(connection);
          try {
            for (const chunk of chunks) await connection.write(chunk);
            await connection.close();
          } catch {
            // Ended by the server while it was still being written to.
          }
          for (const line of (await answer).split("\n")) {
            if (line) expect(JSON.parse(line)).toHaveProperty("error.message");
          }
          expect((await client.status()).running).toBe(true);
        }),
    ),
    { numRuns: 50 },
  );
});

Deno.test("a line that never ends is cut at the limit", () =>
  withNode(async ({ door, client }) => {
    const connection = door.connect();
    const answer = readAll(connection);
    await connection.write(new Uint8Array(MAX_REQUEST_BYTES + 1).fill(0x20));
    expect(JSON.parse(await answer).error.message).toContain("longer than");
    expect((await client.status()).running).toBe(true);
  }));

Deno.test("thousands of idle connections take the places of each other, never of one that asks", () =>
  withNode(async ({ door, client }) => {
    const first = door.connect();
    const cut = first.read().then(() => "ended", () => "cut");
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 100; j++) {
        // Half a request holds a place no better than none.
        await door.connect().write(utf8('{"id":'));
      }
      // Beaten out of its place once all others came later, so it is a new one that asks.
      await client.status().catch(() => {});
    }
    expect(await cut).toBe("cut");
    const late = new NodeClient({
      connection: door.connect(),
      clock: STILL,
    });
    expect((await late.status()).running).toBe(true);
    late.close();
  }));

Deno.test("a connection that asks in time outlives as many idle ones as there are places", () =>
  withNode(async ({ door, client }) => {
    for (let i = 0; i < 4 * MAX_CONTROL_CONNECTIONS; i++) {
      door.connect();
      if (i % (MAX_CONTROL_CONNECTIONS / 2) === 0) await client.status();
    }
    expect((await client.status()).running).toBe(true);
  }));
