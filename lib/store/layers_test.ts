import { expect } from "expect";
import { bytesOf, faultOf, pattern } from "./conformance.ts";
import { FaultStore, type Schedule } from "./fault_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { ReadOnlyStore } from "./read_only_store.ts";
import { stackStore } from "./stack.ts";
import { FakeFile } from "./testing.ts";

Deno.test("a read-only store reads, refuses changes and stays healthy", async () => {
  const inner = new MemoryStore(1000);
  inner.write(0, pattern(1000, 1));
  const store = new ReadOnlyStore(inner);
  expect(store.readOnly).toBe(true);
  expect(store.sizeBytes).toBe(1000);
  expect(await bytesOf(store)).toEqual(pattern(1000, 1));
  expect(store.nextMapped(0)).toEqual({ offset: 0, length: 1000 });
  for (
    const act of [
      () => store.write(0, new Uint8Array(1)),
      () => store.unmap({ offset: 0, length: 1 }),
      () => store.resize(1),
    ]
  ) expect(await faultOf(act)).toBe("read-only");
  await store.flush();
  expect(store.health).toEqual({ state: "ok" });
  expect(await bytesOf(inner)).toEqual(pattern(1000, 1));
});

Deno.test("the stack is writable or not as asked, and closes its bottom", async () => {
  for (const readOnly of [false, true]) {
    const file = new FakeFile(4096, { canPunch: true });
    const store = stackStore({ bottom: { kind: "file", file }, readOnly });
    expect(store.readOnly).toBe(readOnly);
    expect(store.sizeBytes).toBe(4096);
    await store.close();
    expect(file.closed).toBe(true);
  }
  const memory = { kind: "memory", sizeBytes: 512 } as const;
  expect(stackStore({ bottom: memory, readOnly: false }).sizeBytes).toBe(512);
});

function faulty(schedule: Schedule) {
  const inner = new MemoryStore(1000);
  return { inner, store: new FaultStore(inner, schedule) };
}

const lost = new Error("lost");

Deno.test("a fault before leaves the bytes, a fault after does not", async () => {
  for (const when of ["before", "after"] as const) {
    const { inner, store } = faulty(({ kind, index }) =>
      kind === "write" && index === 1 ? { [when]: lost } : undefined
    );
    store.write(0, Uint8Array.of(1));
    expect(await faultOf(() => store.write(0, Uint8Array.of(2))))
      .toBe("medium");
    expect((await bytesOf(inner))[0]).toBe(when === "before" ? 1 : 2);
    expect(store.health.state).toBe("failed");
    expect(await faultOf(() => store.write(0, Uint8Array.of(3))))
      .toBe("failed");
    expect(await faultOf(() => store.flush())).toBe("failed");
  }
});

Deno.test("a torn write leaves its beginning", async () => {
  const { inner, store } = faulty(() => ({ tornAtBytes: 2, after: lost }));
  expect(await faultOf(() => store.write(0, Uint8Array.of(1, 2, 3, 4))))
    .toBe("medium");
  expect([...(await bytesOf(inner)).subarray(0, 4)]).toEqual([1, 2, 0, 0]);
});

Deno.test("a delayed operation happens when it is let go", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { inner, store } = faulty(() => ({ delay: promise, after: lost }));
  const write = faultOf(() => store.write(0, Uint8Array.of(5)));
  await undefined;
  expect((await bytesOf(inner))[0]).toBe(0);
  resolve();
  expect(await write).toBe("medium");
  expect((await bytesOf(inner))[0]).toBe(5);
});

Deno.test("failed reads, unmaps and flushes are told apart", async () => {
  const { store } = faulty(({ kind }) =>
    kind === "read" ? { before: lost } : undefined
  );
  expect(await faultOf(() => store.read(0, new Uint8Array(1)))).toBe("medium");
  expect(store.health.state).toBe("ok");
  const second = faulty(({ kind }) =>
    kind === "flush" ? { before: lost } : undefined
  );
  second.store.unmap({ offset: 0, length: 10 });
  expect(await faultOf(() => second.store.flush())).toBe("medium");
  expect(await faultOf(() => second.store.unmap({ offset: 0, length: 1 })))
    .toBe("failed");
  const full = Object.assign(new Error("full"), { code: "ENOSPC" });
  const third = faulty(({ kind, index }) =>
    kind === "unmap" && index === 0 ? { before: full } : undefined
  );
  expect(await faultOf(() => third.store.unmap({ offset: 0, length: 1 })))
    .toBe("no-space");
  third.store.unmap({ offset: 0, length: 1 });
});
