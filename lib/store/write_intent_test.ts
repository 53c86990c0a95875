import { expect } from "expect";
import { createHash } from "node:crypto";
import { MediaError } from "../base/media_error.ts";
import { faultOf, pattern } from "./conformance.ts";
import { FileStore } from "./file_store.ts";
import { FakeFile } from "./testing.ts";
import { MAX_INTENT_BYTES, WriteIntent } from "./write_intent.ts";

const SIZE_BYTES = 64 * 1024;
const RECORD_BYTES = 4096 + MAX_INTENT_BYTES;
const AT = 512;
const LENGTH = 3 * 4096;

function hash(...parts: Uint8Array[]): Uint8Array {
  const all = createHash("sha256");
  for (const part of parts) all.update(part);
  return new Uint8Array(all.digest());
}

function fileOf(bytes: Uint8Array): FakeFile {
  const file = new FakeFile(bytes.length, { canPunch: true });
  file.write(0, bytes);
  file.stable = bytes.slice();
  return file;
}

function bytesOf(file: FakeFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

/** What a loss of power may leave of a file: what was synced, what was written, and each half of the difference. */
function* leftOf(file: FakeFile): Generator<Uint8Array> {
  const now = bytesOf(file);
  yield file.stable.slice();
  yield now;
  for (const cut of [AT + LENGTH / 2, 20, 4096 + LENGTH / 2]) {
    const half = file.stable.slice();
    half.set(now.subarray(0, cut));
    yield half;
    const other = now.slice();
    other.set(file.stable.subarray(0, cut));
    yield other;
  }
}

/** What a store finds that is opened on what was left. */
async function reopened(
  data: Uint8Array,
  record: Uint8Array,
): Promise<Uint8Array> {
  const file = fileOf(data);
  const kept = fileOf(record);
  const store = new FileStore(file, new WriteIntent(kept, hash));
  await store.flush();
  expect(new WriteIntent(kept, hash).read()).toBe(undefined);
  return file.stable;
}

/** The files' states at every moment at which something waits for the medium. */
async function momentsOf(
  run: (store: FileStore) => Promise<void>,
  before: Uint8Array,
): Promise<{ data: FakeFile; record: FakeFile; acknowledged: boolean }[]> {
  const moments: { data: FakeFile; record: FakeFile; acknowledged: boolean }[] =
    [];
  const data = fileOf(before);
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const keep = (acknowledged: boolean) => {
    const copy = (file: FakeFile) => {
      const twin = fileOf(bytesOf(file));
      twin.stable = file.stable.slice();
      return twin;
    };
    moments.push({ data: copy(data), record: copy(record), acknowledged });
  };
  for (const file of [data, record]) {
    const sync = file.sync.bind(file);
    file.sync = async () => {
      keep(false);
      await sync();
      keep(false);
    };
  }
  await run(new FileStore(data, new WriteIntent(record, hash)));
  keep(true);
  return moments;
}

Deno.test("whatever a loss of power leaves, all of an atomic write is there or nothing", async () => {
  const before = pattern(SIZE_BYTES, 1);
  const fresh = pattern(LENGTH, 7);
  const after = before.slice();
  after.set(fresh, AT);
  const moments = await momentsOf(
    async (store) => await store.atomic?.write(AT, fresh),
    before,
  );
  expect(moments.length).toBe(7);
  let [old, whole] = [0, 0];
  for (const { data, record, acknowledged } of moments) {
    for (const left of leftOf(data)) {
      for (const kept of leftOf(record)) {
        const found = await reopened(left, kept);
        const isNew = same(found, after);
        expect(isNew || same(found, before)).toBe(true);
        if (acknowledged) expect(isNew).toBe(true);
        if (isNew) whole++;
        else old++;
      }
    }
  }
  expect(old > 0 && whole > 0).toBe(true);
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

Deno.test("what was promised after an atomic write is not undone by its record", async () => {
  const before = new Uint8Array(SIZE_BYTES);
  const last = pattern(512, 9);
  const moments = await momentsOf(async (store) => {
    await store.atomic?.write(0, pattern(1024, 3));
    store.write(0, last);
    await store.flush();
  }, before);
  const { data, record } = moments.at(-1)!;
  for (const kept of leftOf(record)) {
    const found = await reopened(data.stable, kept);
    expect(found.subarray(0, 512)).toEqual(last);
  }
});

Deno.test("a record that was made good is cleared before a later flush is answered", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const fresh = pattern(1024, 3);
  await new WriteIntent(record, hash).keep({ offset: 0, data: fresh });
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  expect(bytesOf(data).subarray(0, 1024)).toEqual(fresh);
  const last = pattern(512, 9);
  store.write(0, last);
  await store.flush();
  const found = await reopened(data.stable, record.stable);
  expect(found.subarray(0, 512)).toEqual(last);
  expect(found.subarray(512, 1024)).toEqual(fresh.subarray(512));
});

Deno.test("what was acknowledged after a record was made good survives kill -9, flushed or not", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  await new WriteIntent(record, hash).keep({
    offset: 0,
    data: pattern(1024, 3),
  });
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  const last = pattern(512, 9);
  store.write(0, last);
  const found = await reopened(bytesOf(data), bytesOf(record));
  expect(found.subarray(0, 512)).toEqual(last);
});

Deno.test("a record that a kill has left in the page cache is stable before its data are touched", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const fresh = pattern(1024, 3);
  await new WriteIntent(record, hash).keep({ offset: 0, data: fresh });
  record.stable = new Uint8Array(RECORD_BYTES);
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const found: unknown[] = [];
  const write = data.write.bind(data);
  data.write = (offset, from) => {
    found.push(new WriteIntent(fileOf(record.stable), hash).read());
    write(offset, from);
  };
  new FileStore(data, new WriteIntent(record, hash));
  expect(found).toEqual([{ offset: 0, data: fresh }]);
});

Deno.test("a record that a killed process was clearing does not come back with the power", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const intent = new WriteIntent(record, hash);
  await intent.keep({ offset: 0, data: pattern(1024, 3) });
  const kept = record.stable;
  await intent.clear();
  record.stable = kept;
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  const last = pattern(512, 9);
  store.write(0, last);
  await store.flush();
  const found = await reopened(data.stable, record.stable);
  expect(found.subarray(0, 512)).toEqual(last);
});

Deno.test("of a record that reaches beyond the volume's end, what is in the volume is made good", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const fresh = pattern(2048, 3);
  const offset = SIZE_BYTES - 1024;
  await new WriteIntent(record, hash).keep({ offset, data: fresh });
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  new FileStore(data, new WriteIntent(record, hash));
  expect(data.size()).toBe(SIZE_BYTES);
  expect(data.stable.subarray(offset)).toEqual(fresh.subarray(0, 1024));
});

Deno.test("atomic writes take turns, and none is mixed with another", async () => {
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  await Promise.all(
    [1, 2, 3].map((n) =>
      store.atomic?.write(n * 1024, new Uint8Array(1024).fill(n))
    ),
  );
  for (const n of [1, 2, 3]) {
    expect(data.stable[n * 1024]).toBe(n);
    expect(data.stable[n * 1024 + 1023]).toBe(n);
  }
  expect(new WriteIntent(record, hash).read()).toBe(undefined);
});

Deno.test("an atomic write that finds no room leaves nothing and harms nothing", async () => {
  const before = pattern(SIZE_BYTES, 1);
  const data = fileOf(before);
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  const write = data.write.bind(data);
  // Half of it is written, and then there is no room.
  data.write = (offset, from) => {
    if (from.length !== LENGTH) return write(offset, from);
    write(offset, from.subarray(0, LENGTH / 2));
    throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  const fault = await faultOf(() =>
    store.atomic!.write(AT, pattern(LENGTH, 7))
  );
  expect(fault).toBe("no-space");
  expect(bytesOf(data)).toEqual(before);
  expect(new WriteIntent(record, hash).read()).toBe(undefined);
  expect(store.health.state).toBe("ok");
});

Deno.test("a record that cannot be made stable fails the store", async () => {
  const data = new FakeFile(SIZE_BYTES, { canPunch: true });
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const store = new FileStore(data, new WriteIntent(record, hash));
  record.failing.sync = "EIO";
  await expect(store.atomic!.write(0, pattern(512, 7))).rejects
    .toBeInstanceOf(MediaError);
  expect(bytesOf(data)[0]).toBe(0);
  expect(store.health.state).toBe("failed");
});

Deno.test("the longest record, and one beyond the end of the volume", async () => {
  const record = new FakeFile(RECORD_BYTES, { canPunch: true });
  const intent = new WriteIntent(record, hash);
  const data = pattern(MAX_INTENT_BYTES, 5);
  await intent.keep({ offset: 2 ** 40, data });
  expect(intent.read()).toEqual({ offset: 2 ** 40, data });
  // The volume was cut since.
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  const store = new FileStore(file, intent);
  expect(file.size()).toBe(SIZE_BYTES);
  await store.flush();
  expect(intent.read()).toBe(undefined);
});
