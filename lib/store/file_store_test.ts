import { expect } from "expect";
import { bytesOf, faultOf, pattern } from "./conformance.ts";
import { FileStore } from "./file_store.ts";
import { FakeFile } from "./testing.ts";

const SIZE_BYTES = 16 * 1024;

function setUp(options: { holdSyncs?: boolean; canPunch?: boolean } = {}) {
  const file = new FakeFile(SIZE_BYTES, { canPunch: true, ...options });
  return { file, store: new FileStore(file) };
}

/** Lets every promise that can go on go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

Deno.test("a flush that begins after a write covers it, even beside an older sync", async () => {
  const { file, store } = setUp({ holdSyncs: true });
  store.write(0, Uint8Array.of(1));
  const first = store.flush();
  await settle();
  store.write(1, Uint8Array.of(2));
  const second = store.flush();
  const third = store.flush();
  await settle();
  expect(file.syncs).toBe(1);
  file.held[0]!();
  await first;
  expect([...file.stable.subarray(0, 2)]).toEqual([1, 0]);
  await settle();
  // Both later flushes share one sync.
  expect(file.syncs).toBe(2);
  file.held[1]!();
  await Promise.all([second, third]);
  expect([...file.stable.subarray(0, 2)]).toEqual([1, 2]);
  expect(file.syncs).toBe(2);
});

Deno.test("a flush with nothing new to make stable syncs nothing", async () => {
  const { file, store } = setUp();
  // What a process before this one wrote is not known to be stable.
  await store.flush();
  expect(file.syncs).toBe(1);
  await store.flush();
  expect(file.syncs).toBe(1);
  store.write(0, Uint8Array.of(1));
  await store.flush();
  expect(file.syncs).toBe(2);
  store.unmap({ offset: 0, length: 1 });
  await store.flush();
  expect(file.syncs).toBe(3);
  expect(file.stable[0]).toBe(0);
});

Deno.test("a write during a sync is not taken for stable", async () => {
  const { file, store } = setUp({ holdSyncs: true });
  store.write(0, Uint8Array.of(1));
  const first = store.flush();
  await settle();
  store.write(0, Uint8Array.of(9));
  file.held[0]!();
  await first;
  expect(file.stable[0]).toBe(1);
  const second = store.flush();
  await settle();
  file.held[1]!();
  await second;
  expect(file.stable[0]).toBe(9);
});

Deno.test("after a failed sync the store stays failed, and still reads", async () => {
  const { file, store } = setUp();
  store.write(0, pattern(100, 1));
  file.failing.sync = "EIO";
  expect(await faultOf(() => store.flush())).toBe("medium");
  delete file.failing.sync;
  expect(store.health).toEqual({
    state: "failed",
    why: "Could not sync: Cannot sync: EIO",
  });
  expect(await faultOf(() => store.flush())).toBe("failed");
  expect(await faultOf(() => store.write(0, Uint8Array.of(1)))).toBe("failed");
  expect(await faultOf(() => store.unmap({ offset: 0, length: 1 })))
    .toBe("failed");
  expect(await faultOf(() => store.resize(1))).toBe("failed");
  const into = new Uint8Array(100);
  store.read(0, into);
  expect(into).toEqual(pattern(100, 1));
  expect(file.syncs).toBe(1);
  await store.close();
  expect(file.closed).toBe(true);
});

Deno.test("every flush that waits on a failed sync rejects", async () => {
  const { file, store } = setUp({ holdSyncs: true });
  const flushes = [store.flush(), store.flush(), store.flush()];
  const faults = flushes.map((flush) => faultOf(() => flush));
  file.failing.sync = "EIO";
  await settle();
  file.held[0]!();
  expect(await Promise.all(faults)).toEqual(["medium", "failed", "failed"]);
});

Deno.test("out of space under a sync fails the store: acknowledged bytes may be gone", async () => {
  const { file, store } = setUp();
  file.failing.sync = "ENOSPC";
  expect(await faultOf(() => store.flush())).toBe("medium");
  expect(store.health.state).toBe("failed");
});

Deno.test("a write without space is refused, and the next may succeed", async () => {
  const { file, store } = setUp();
  for (const code of ["ENOSPC", "EDQUOT"]) {
    file.failing.write = code;
    expect(await faultOf(() => store.write(0, Uint8Array.of(1))))
      .toBe("no-space");
    expect(store.health.state).toBe("ok");
  }
  delete file.failing.write;
  store.write(0, Uint8Array.of(1));
  await store.flush();
  expect(file.stable[0]).toBe(1);
});

Deno.test("a store that lacks room says so until a write has found some", async () => {
  const { file, store } = setUp();
  const lack = async () => {
    file.failing.write = "ENOSPC";
    expect(await faultOf(() => store.write(8192, Uint8Array.of(1))))
      .toBe("no-space");
    delete file.failing.write;
    return store.health;
  };
  store.write(0, pattern(4096, 1));
  const lacking = await lack();
  expect(lacking).toEqual({
    state: "ok",
    noRoom: "No space to write: Cannot write: ENOSPC",
  });
  // The same want, the same object: whoever noted when it began can tell.
  expect(await lack()).toBe(lacking);
  // A flush, a write over what is there and room given back are no proof.
  store.write(0, pattern(4096, 2));
  await store.flush();
  store.unmap({ offset: 0, length: 4096 });
  expect(store.health).toBe(lacking);
  store.write(8192, pattern(4096, 3));
  expect(store.health).toEqual({ state: "ok" });
  const again = await lack();
  expect(again).toEqual(lacking);
  expect(again).not.toBe(lacking);
  // A failure is the graver matter.
  file.failing.sync = "EIO";
  store.write(0, Uint8Array.of(1));
  expect(await faultOf(() => store.flush())).toBe("medium");
  expect(store.health.state).toBe("failed");
});

Deno.test("a write that fails otherwise fails the store, also for a sync under way", async () => {
  const { file, store } = setUp({ holdSyncs: true });
  const flush = faultOf(() => store.flush());
  await settle();
  file.failing.write = "EIO";
  expect(await faultOf(() => store.write(0, Uint8Array.of(1)))).toBe("medium");
  file.held[0]!();
  expect(await flush).toBe("failed");
  expect(store.health.state).toBe("failed");
});

Deno.test("a failed read is reported and fails nothing", async () => {
  const { file, store } = setUp();
  file.failing.read = "EIO";
  expect(await faultOf(() => store.read(0, new Uint8Array(1)))).toBe("medium");
  expect(store.health).toEqual({ state: "ok" });
});

Deno.test("a resize is stable when it resolves, and keeps the old size where it fails", async () => {
  const { file, store } = setUp();
  await store.resize(100);
  expect(file.stable.length).toBe(100);
  file.failing.truncate = "ENOSPC";
  expect(await faultOf(() => store.resize(200))).toBe("no-space");
  expect(store.sizeBytes).toBe(100);
});

Deno.test("a file system that allows no such length does not fail the store", async () => {
  const { file, store } = setUp();
  file.failing.truncate = "EFBIG";
  expect(await faultOf(() => store.resize(2 * SIZE_BYTES))).toBe("medium");
  expect([store.health.state, store.sizeBytes]).toEqual(["ok", SIZE_BYTES]);
  store.write(0, Uint8Array.of(3));
  await store.flush();
  expect(file.stable[0]).toBe(3);
});

Deno.test("closing flushes and lets go of the file, also where the flush fails", async () => {
  const { file, store } = setUp();
  store.write(0, Uint8Array.of(3));
  await store.close();
  expect(file.stable[0]).toBe(3);
  expect(file.closed).toBe(true);
  const second = setUp();
  second.file.failing.sync = "EIO";
  expect(await faultOf(() => second.store.close())).toBe("medium");
  expect(second.file.closed).toBe(true);
});

Deno.test("without holes, unmapping writes zeros where there is data", async () => {
  const { file, store } = setUp({ canPunch: false });
  store.write(0, pattern(SIZE_BYTES, 1));
  store.unmap({ offset: 10, length: SIZE_BYTES - 20 });
  const expected = pattern(SIZE_BYTES, 1);
  expected.fill(0, 10, SIZE_BYTES - 10);
  expect(await bytesOf(store)).toEqual(expected);
  expect(file.allocated()).toBe(SIZE_BYTES);
});

Deno.test("unmapping gives space back where the file can", () => {
  const { store } = setUp();
  store.write(0, pattern(SIZE_BYTES, 1));
  expect(store.allocatedBytes()).toBe(SIZE_BYTES);
  store.unmap({ offset: 0, length: SIZE_BYTES });
  expect(store.allocatedBytes()).toBe(0);
  expect(store.nextMapped(0)).toBeUndefined();
});

Deno.test("what is to be written later has its room, once it was asked for", async () => {
  const { file, store } = setUp();
  const asked: number[][] = [];
  const { anchor } = file;
  file.anchor = (offset, length) => {
    asked.push([offset, length]);
    return anchor.call(file, offset, length);
  };
  store.write(4096, pattern(4096, 1));
  store.anchor({ offset: 0, length: 12288 });
  expect(asked.splice(0)).toEqual([[0, 4096], [8192, 4096]]);
  // What is mapped has it.
  store.anchor({ offset: 4096, length: 4096 });
  store.anchor({ offset: 5000, length: 100 });
  expect(asked).toEqual([]);
  store.unmap({ offset: 4096, length: 4096 });
  store.anchor({ offset: 5000, length: 100 });
  expect(asked.splice(0)).toEqual([[5000, 100]]);
  store.write(0, pattern(8192, 1));
  store.anchor({ offset: 0, length: 512 });
  await store.resize(512);
  await store.resize(SIZE_BYTES);
  store.anchor({ offset: 4096, length: 96 });
  expect(asked.splice(0)).toEqual([[4096, 96]]);
  file.failing.write = "ENOSPC";
  expect(await faultOf(() => store.anchor({ offset: 8192, length: 1 })))
    .toBe("no-space");
  expect(store.health).toMatchObject({
    state: "ok",
    noRoom: expect.stringContaining("ENOSPC"),
  });
  delete file.failing.write;
  store.anchor({ offset: 8192, length: 1 });
  expect(store.health).toEqual({ state: "ok" });
  file.failing.write = "EIO";
  expect(await faultOf(() => store.anchor({ offset: 8192, length: 1 })))
    .toBe("medium");
  expect(store.health.state).toBe("failed");
});
