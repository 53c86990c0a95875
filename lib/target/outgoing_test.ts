import { expect } from "expect";
import type { Duplex } from "../base/duplex.ts";
import { Outgoing, QUEUE_LIMIT_BYTES } from "./outgoing.ts";
import { settle } from "./testing/fixture.ts";

/** A conversation whose writes end when the test says so. */
function slowDuplex() {
  const writes: { bytes: Uint8Array; end: (lost?: Error) => void }[] = [];
  const duplex: Duplex = {
    read: () => new Promise(() => {}),
    write: (bytes) =>
      new Promise((resolve, reject) =>
        writes.push({
          bytes,
          end: (lost) => lost ? reject(lost) : resolve(),
        })
      ),
    close: () => Promise.resolve(),
    abort() {},
  };
  return { duplex, writes };
}

function put(out: Outgoing, ...bytes: number[]): void {
  const at = out.claim(bytes.length);
  out.bytes.set(bytes, at);
}

Deno.test("what is queued while a write is under way goes out as one, in order, and changes nothing that is lent", async () => {
  const { duplex, writes } = slowDuplex();
  const out = new Outgoing(duplex);
  put(out, 1, 2);
  out.flush();
  put(out, 3);
  out.flush();
  put(out, 4, 5);
  out.flush();
  expect(writes.map(({ bytes }) => [...bytes])).toEqual([[1, 2]]);
  writes[0]!.end();
  await settle();
  expect(writes.map(({ bytes }) => [...bytes])).toEqual([[1, 2], [3, 4, 5]]);
  put(out, 6);
  writes[1]!.end();
  await settle();
  expect([...writes[2]!.bytes]).toEqual([6]);
  writes[2]!.end();
  await out.drained();
  expect(out.queued).toBe(0);
});

Deno.test("room is there up to the limit, and again once the queue was taken", async () => {
  const { duplex, writes } = slowDuplex();
  const out = new Outgoing(duplex);
  out.claim(QUEUE_LIMIT_BYTES - 1);
  expect(out.room()).toBeUndefined();
  out.claim(1);
  await out.room();
  expect(writes.length).toBe(1);
  out.claim(QUEUE_LIMIT_BYTES);
  let free = false;
  const room = out.room()!.then(() => free = true);
  await settle();
  expect([free, writes.length]).toEqual([false, 1]);
  writes[0]!.end();
  await room;
  expect([out.queued, writes.length]).toEqual([0, 2]);
  writes[1]!.end();
});

Deno.test("a block that is left to somebody keeps its bytes; what is claimed may be given back", async () => {
  const { duplex, writes } = slowDuplex();
  const out = new Outgoing(duplex);
  put(out, 1, 2);
  const at = out.claim(3);
  const left = out.bytes.subarray(at, at + 3);
  out.leave(at);
  left.fill(9);
  put(out, 3);
  const back = out.claim(2);
  out.unclaim(back);
  put(out, 4);
  out.flush();
  expect([...writes[0]!.bytes]).toEqual([1, 2, 3, 4]);
  writes[0]!.end();
  await out.drained();
});

Deno.test("a lost conversation takes anything and keeps nothing", async () => {
  const { duplex, writes } = slowDuplex();
  const out = new Outgoing(duplex);
  out.claim(QUEUE_LIMIT_BYTES);
  const room = out.room();
  out.claim(QUEUE_LIMIT_BYTES);
  const drained = out.drained();
  writes[0]!.end(new Error("cut"));
  await room;
  await drained;
  out.claim(QUEUE_LIMIT_BYTES);
  out.flush();
  await out.room();
  expect([writes.length, out.queued]).toEqual([1, 0]);
});

Deno.test("answers of one turn go out together", async () => {
  const { duplex, writes } = slowDuplex();
  const out = new Outgoing(duplex);
  for (let i = 0; i < 5; i++) {
    put(out, i);
    out.flushSoon();
  }
  expect(writes.length).toBe(0);
  await settle();
  expect(writes.map(({ bytes }) => [...bytes])).toEqual([[0, 1, 2, 3, 4]]);
  writes[0]!.end();
});
