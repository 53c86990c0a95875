import { expect } from "expect";
import { join } from "node:path";
import {
  MountedFolder,
  needsExt4,
} from "../../tests/harness/mounted_folder.ts";
import { scenario } from "../../tests/harness/scenario.ts";
import { VaultError } from "../base/errors.ts";
import {
  lockFile,
  makeFolder,
  openFile,
  readWhole,
  remove,
  writeWhole,
} from "./file.ts";

const SMALL = { type: "ext4", sizeBytes: 16 << 20 } as const;

async function inFolder(
  run: (folder: string) => void | Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vault-file-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Holes are reached through the C library of Linux alone; elsewhere `punch` and `anchor` say that they cannot. */
function onLinux(name: string, run: (folder: string) => void): void {
  Deno.test({
    name,
    ignore: Deno.build.os !== "linux",
    fn: () => inFolder(run),
  });
}

Deno.test("a file reads back what was written, and zeros past its end", () =>
  inFolder(async (folder) => {
    const file = openFile(join(folder, "disk"), { create: true });
    const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7);
    file.write(12_345, bytes);
    await file.sync();
    const into = new Uint8Array(10_005).fill(0xff);
    file.read(12_345, into);
    expect(into.subarray(0, 10_000)).toEqual(bytes);
    expect([...into.subarray(10_000)]).toEqual([0, 0, 0, 0, 0]);
    expect(file.size()).toBe(22_345);
    file.close();
  }));

Deno.test("a sync for which the process stands still fails aloud", () =>
  inFolder((folder) => {
    const file = openFile(join(folder, "disk"), { create: true });
    file.write(0, Uint8Array.of(1));
    file.syncNow();
    file.close();
    expect(() => file.syncNow()).toThrow(/^Cannot sync /);
  }));

Deno.test("beyond 4 GiB offsets are exact", () =>
  inFolder((folder) => {
    const file = openFile(join(folder, "disk"), { create: true });
    const at = 5 * 2 ** 30 + 1;
    file.truncate(2 ** 33);
    file.write(at, Uint8Array.of(1, 2, 3));
    const into = new Uint8Array(5);
    file.read(at - 1, into);
    expect([...into]).toEqual([0, 1, 2, 3, 0]);
    file.close();
  }));

onLinux("a punched range reads as zeros and gives its space back", (folder) => {
  const file = openFile(join(folder, "disk"), { create: true });
  file.write(0, new Uint8Array(1 << 20).fill(0xaa));
  const before = file.allocated();
  expect(file.punch(64 * 1024, 512 * 1024)).toBe(true);
  expect(file.allocated()).toBe(before - 512 * 1024);
  expect(file.size()).toBe(1 << 20);
  const into = new Uint8Array(3);
  file.read(64 * 1024 - 1, into);
  expect([...into]).toEqual([0xaa, 0, 0]);
  expect(file.nextData(0)).toEqual({ offset: 0, length: 64 * 1024 });
  expect(file.nextData(64 * 1024)).toEqual({
    offset: 576 * 1024,
    length: 448 * 1024,
  });
  expect(file.nextData(1 << 20)).toBeUndefined();
  file.punch(576 * 1024, 448 * 1024);
  expect(file.nextData(64 * 1024)).toBeUndefined();
  file.close();
});

onLinux(
  "a range that was given its room has it, and holds what it held",
  (folder) => {
    const file = openFile(join(folder, "disk"), { create: true });
    file.truncate(1 << 20);
    file.write(0, Uint8Array.of(1, 2, 3));
    const before = file.allocated();
    expect(file.anchor(0, 512 * 1024)).toBe(true);
    expect(file.allocated()).toBe(512 * 1024);
    expect(before).toBeLessThan(512 * 1024);
    expect(file.size()).toBe(1 << 20);
    const into = new Uint8Array(5);
    file.read(0, into);
    expect([...into]).toEqual([1, 2, 3, 0, 0]);
    file.close();
    // Closed, it is no file at all.
    expect(file.anchor(0, 512)).toBe(false);
  },
);

scenario(
  "a range for which there is no room is refused with what the system calls it",
  needsExt4(SMALL.sizeBytes),
  () => {
    using mounted = new MountedFolder(SMALL);
    const file = openFile(join(mounted.path, "disk"), { create: true });
    file.truncate(1 << 30);
    let thrown: unknown;
    try {
      file.anchor(0, 1 << 30);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toMatchObject({
      message: expect.stringMatching(
        /^Cannot allocate .*: ENOSPC: No space left/,
      ),
      cause: { code: "ENOSPC" },
    });
    file.close();
    return Promise.resolve();
  },
);

Deno.test("creating over an existing file and opening a missing one are refused in a sentence", () =>
  inFolder((folder) => {
    const path = join(folder, "disk");
    expect(() => openFile(path)).toThrow(VaultError);
    openFile(path, { create: true }).close();
    expect(() => openFile(path, { create: true })).toThrow(VaultError);
    const readOnly = openFile(path, { readOnly: true });
    expect(() => readOnly.write(0, Uint8Array.of(1))).toThrow(
      `Cannot write ${path}`,
    );
    readOnly.close();
  }));

Deno.test("a whole file is replaced, private, and leaves nothing beside it", () =>
  inFolder((folder) => {
    const nested = join(folder, "a", "b");
    makeFolder(nested);
    expect(Deno.statSync(nested).mode! & 0o777).toBe(0o700);
    const path = join(nested, "state.json");
    expect(readWhole(path)).toBeUndefined();
    writeWhole(path, Uint8Array.of(1));
    writeWhole(path, Uint8Array.of(2, 3));
    expect([...readWhole(path)!]).toEqual([2, 3]);
    expect(Deno.statSync(path).mode! & 0o777).toBe(0o600);
    expect([...Deno.readDirSync(nested)].map((entry) => entry.name)).toEqual([
      "state.json",
    ]);
    expect(() => writeWhole(join(folder, "missing", "x"), new Uint8Array()))
      .toThrow(VaultError);
    remove(path);
    expect(readWhole(path)).toBeUndefined();
  }));

Deno.test("a file that was closed touches no other that was opened since", () =>
  inFolder((folder) => {
    const closed = openFile(join(folder, "a"), { create: true });
    closed.close();
    const other = openFile(join(folder, "b"), { create: true });
    other.write(0, new Uint8Array(8192).fill(7));
    expect(() => closed.write(0, Uint8Array.of(1))).toThrow();
    expect(() => closed.read(0, new Uint8Array(1))).toThrow();
    expect(() => closed.truncate(0)).toThrow();
    expect(() => closed.close()).toThrow();
    expect(closed.punch(0, 4096)).toBe(false);
    const bytes = new Uint8Array(8192);
    other.read(0, bytes);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    other.close();
  }));

Deno.test("a lock that was let go of is free at once, whatever programs are being started meanwhile", () =>
  inFolder(async (folder) => {
    // A child holds copies of all descriptors until it runs its program, so it takes another thread that keeps starting some.
    const source = `
      for (let i = 0; i < 100; i++) {
        new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync();
      }
      postMessage("done");`;
    const url = URL.createObjectURL(
      new Blob([source], { type: "text/javascript" }),
    );
    const worker = new Worker(url, { type: "module" });
    const path = join(folder, "lock");
    let busy = 0;
    let done = false;
    const ended = new Promise<void>((resolve) => {
      worker.onmessage = () => resolve(void (done = true));
    });
    while (!done) {
      for (let i = 0; i < 100; i++) {
        const lock = lockFile(path);
        if (lock) lock.release();
        else busy++;
      }
      await new Promise((next) => setTimeout(next, 0));
    }
    await ended;
    worker.terminate();
    URL.revokeObjectURL(url);
    expect(busy).toBe(0);
  }));
