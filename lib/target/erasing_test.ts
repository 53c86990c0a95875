import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { MediaError } from "../base/media_error.ts";
import type { MemoryStore } from "../store/memory_store.ts";
import { OVERWRITE_BYTES_PER_SECOND } from "./erasing.ts";
import { execute } from "./execute.ts";
import {
  BLOCK,
  erasable,
  hurried,
  SIZE_BYTES,
  verdictOf,
} from "./testing/erasable.ts";
import { settle } from "./testing/fixture.ts";
import { NEXUS } from "./testing/jobs.ts";

const MiB = 1024 * 1024;
const FORMAT = "040000000000";
const FORMAT_LATER = "041000000000";
const OVERWRITE = "48010000000000000500";
const OVERWRITE_LATER = "48810000000000000500";
const BLOCK_ERASE = "48020000000000000000";
const READY = "000000000000";

function written(memory: MemoryStore): void {
  memory.write(0, new Uint8Array(3 * BLOCK).fill(1));
  memory.write(MiB + 7, new Uint8Array(100).fill(2));
  memory.write(SIZE_BYTES - BLOCK, new Uint8Array(BLOCK).fill(3));
}

Deno.test("after FORMAT UNIT and BLOCK ERASE all reads as zeros and takes no room", async () => {
  for (
    const [cdb, list] of [[FORMAT, ""], [FORMAT_LATER, "00000000"], [
      BLOCK_ERASE,
      "",
    ]] as const
  ) {
    const { run, memory, bytes, note } = erasable();
    written(memory);
    expect(await run(cdb, list)).toBe("GOOD");
    expect(bytes().every((byte) => byte === 0)).toBe(true);
    // The store keeps the page in which the disk ends.
    expect(memory.allocatedBytes()).toBe(4096);
    expect(note.ask).toBe(undefined);
    expect(await run(READY)).toBe("GOOD");
  }
});

Deno.test("BLOCK ERASE overwrites what there was, stable, before it is given back", async () => {
  const calls: string[] = [];
  const { run, memory } = erasable({
    schedule: ({ kind, offset, length }) => {
      calls.push(kind === "flush" ? kind : `${kind} ${offset}+${length}`);
      return undefined;
    },
  });
  memory.write(8192, new Uint8Array(10).fill(1));
  memory.write(SIZE_BYTES - 1, Uint8Array.of(3));
  expect(await run(BLOCK_ERASE)).toBe("GOOD");
  expect(calls).toEqual([
    "write 8192+4096",
    `write ${4 * MiB}+512`,
    "flush",
    `unmap 0+${SIZE_BYTES}`,
    "flush",
  ]);
});

Deno.test("OVERWRITE leaves its last pattern in every block", async () => {
  const { run, memory, bytes } = erasable();
  written(memory);
  // Twice, inverted: a5 5a 11, and then 5a a5 ee; from the beginning of every block.
  expect(await run(OVERWRITE.replace("05", "07"), "82000003a55a11")).toBe(
    "GOOD",
  );
  const block = Uint8Array.from(
    { length: BLOCK },
    (_, i) => [0x5a, 0xa5, 0xee][i % 3]!,
  );
  const all = bytes();
  for (let at = 0; at < SIZE_BYTES; at += BLOCK) {
    expect(all.subarray(at, at + BLOCK)).toEqual(block);
  }
});

Deno.test("OVERWRITE with zeros takes no room where nothing was", async () => {
  const { run, memory, bytes } = erasable();
  written(memory);
  const before = memory.allocatedBytes();
  expect(await run(OVERWRITE, "0100000100")).toBe("GOOD");
  expect(bytes().every((byte) => byte === 0)).toBe(true);
  expect(memory.allocatedBytes()).toBe(before);
});

Deno.test("with IMMED it is answered when it is noted, and the medium is back when it is over", async () => {
  let release = () => {};
  const delay = new Promise<void>((resolve) => release = resolve);
  const { run, memory, note, volume, bytes } = erasable({
    schedule: ({ kind }) => kind === "unmap" ? { delay } : undefined,
  });
  written(memory);
  expect(await run(FORMAT_LATER, "00020000")).toBe("GOOD");
  expect(note.ask?.method.kind).toBe("format");
  expect(await run(READY)).toBe("2 04/04");
  // What was planned before and has its data now.
  const write = { offset: 0, length: BLOCK };
  const job = {
    nexus: NEXUS,
    dataOut: new Uint8Array(BLOCK).fill(9),
    readOnly: false,
    aborted: false,
  };
  for (
    const plan of [
      { kind: "write", extent: write, fua: false },
      { kind: "read", extent: write },
      { kind: "or", offset: 0, data: job.dataOut, fua: false },
      { kind: "unmap", extents: [write], fua: false },
    ] as const
  ) {
    expect(verdictOf(await execute(volume, job, plan))).toBe("2 04/04");
  }
  release();
  await volume.order.settled();
  await settle();
  expect(await run(READY)).toBe("GOOD");
  expect(bytes().every((byte) => byte === 0)).toBe(true);
  expect(note.ask).toBe(undefined);
});

Deno.test("it waits for what is under way, and nothing comes in between", async () => {
  let release = () => {};
  const delay = new Promise<void>((resolve) => release = resolve);
  let first = true;
  const { run, volume, bytes } = erasable({
    schedule: ({ kind }) => {
      if (kind !== "write" || !first) return undefined;
      first = false;
      return { delay };
    },
  });
  const job = {
    nexus: NEXUS,
    dataOut: new Uint8Array(BLOCK).fill(9),
    readOnly: false,
    aborted: false,
  };
  const early = execute(volume, job, {
    kind: "write",
    extent: { offset: 0, length: BLOCK },
    fua: false,
  });
  const format = run(FORMAT);
  await settle();
  release();
  expect(verdictOf(await early)).toBe("GOOD");
  expect(await format).toBe("GOOD");
  expect(bytes()[0]).toBe(0);
});

Deno.test("a medium that fails on the way stays out of reach, and its note stays", async () => {
  const { run, note, memory } = erasable({
    schedule: ({ kind }) =>
      kind === "unmap"
        ? { before: new MediaError("no-space", "No room") }
        : undefined,
  });
  written(memory);
  expect(await run(FORMAT)).toBe("3 31/01");
  expect(await run(READY)).toBe("3 31/00");
  expect(note.ask?.method.kind).toBe("format");
  // Another kind of erasing may work.
  expect(await run(OVERWRITE, "0100000100")).toBe("GOOD");
  expect(await run(READY)).toBe("GOOD");
  expect(note.ask).toBe(undefined);
});

Deno.test("what was stopped in the middle is carried on from the beginning by the next who serves it", async () => {
  let release = () => {};
  const delay = new Promise<void>((resolve) => release = resolve);
  const { run, volume, note, memory } = erasable({
    schedule: ({ kind, index }) =>
      kind === "write" && index === 2 ? { delay } : undefined,
  });
  written(memory);
  expect(await run(OVERWRITE_LATER, "01000001aa")).toBe("GOOD");
  const stopped = volume.stopErasing();
  release();
  await stopped;
  expect(await run(READY)).toBe("2 04/1b");
  const interrupted = note.ask!;
  expect(interrupted.method).toMatchObject({ kind: "overwrite", count: 1 });

  const next = erasable({ memory, interrupted });
  expect(await next.run(READY)).toBe("2 04/1b");
  next.volume.carryOn();
  await next.volume.order.settled();
  await settle();
  expect(await next.run(READY)).toBe("GOOD");
  expect(next.bytes().every((byte) => byte === 0xaa)).toBe(true);
  expect(next.note.ask).toBe(undefined);
});

Deno.test("overwriting leaves the machine's disk to others", async () => {
  let now = 0;
  const slept: number[] = [];
  const clock: Clock = {
    ...hurried,
    monotonic: () => now,
    sleep: (ms) => {
      slept.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
  const { run } = erasable({ clock });
  expect(await run(OVERWRITE, "01000001aa")).toBe("GOOD");
  const leastMs = SIZE_BYTES / OVERWRITE_BYTES_PER_SECOND * 1000;
  expect(now).toBeCloseTo(leastMs, 3);
});

Deno.test("a connection that may only read erases nothing", async () => {
  const { run, memory, bytes } = erasable();
  written(memory);
  for (const cdb of [FORMAT, BLOCK_ERASE]) {
    expect(await run(cdb, "", { readOnly: true })).toBe("7 27/00");
  }
  expect(await run(OVERWRITE, "01000001aa", { readOnly: true })).toBe(
    "7 27/00",
  );
  expect(bytes()[0]).toBe(1);
  expect(await run(READY)).toBe("GOOD");
});

Deno.test("long work that is under way gives way to it at its next extent, and does not wait", async () => {
  const releases: (() => void)[] = [];
  const { run, volume } = erasable({
    schedule: ({ kind }) =>
      kind === "unmap"
        ? { delay: new Promise<void>((resolve) => releases.push(resolve)) }
        : undefined,
  });
  const job = {
    nexus: NEXUS,
    dataOut: new Uint8Array(0),
    readOnly: false,
    aborted: false,
  };
  const unmapping = execute(volume, job, {
    kind: "unmap",
    extents: [0, 1, 2].map((n) => ({ offset: n * BLOCK, length: BLOCK })),
    fua: false,
  });
  await settle();
  expect(await run(FORMAT_LATER, "00020000")).toBe("GOOD");
  releases[0]?.();
  expect(verdictOf(await unmapping)).toBe("2 04/04");
  await settle();
  releases[1]?.();
  await volume.order.settled();
  expect(releases.length).toBe(2);
  expect(await run(READY)).toBe("GOOD");
});
