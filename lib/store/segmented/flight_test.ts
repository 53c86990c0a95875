/** How segments go into the bucket, several at once: what may be under way, and what becomes of it where one does not arrive. */
import { expect } from "expect";
import { Checkpoints } from "./checkpoints.ts";
import { UPLOADS } from "./row_queue.ts";
import { heldVolume, SECTORS, turns } from "./testing/held_volume.ts";
import { keys, type Machine, openOn, put, values } from "./testing/volumes.ts";

Deno.test("the next segment starts when the first is there, and not before", async () => {
  const { bucket, volume, first, done, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS + 2 }, (_, n) => write(n));
  await turns();
  const window = (from: number) =>
    Array.from({ length: UPLOADS }, (_, n) => first + from + n);
  expect(bucket.underWay).toEqual(window(0));
  // However many behind it have arrived: more would lie further behind the end of the row than anybody expects.
  bucket.held.get(first + 1)!.resolve();
  bucket.held.get(first + 2)!.resolve();
  await turns();
  writes.push(write(6));
  await turns();
  expect(bucket.underWay).toEqual([first, first + 3]);
  expect(done).toEqual([]);
  bucket.held.get(first)!.resolve();
  await turns();
  expect(done).toEqual([0, 1, 2]);
  expect(bucket.underWay).toEqual(window(3));
  bucket.held.get(first + 3)!.resolve();
  await turns();
  expect(bucket.underWay).toEqual([first + 4, first + 5, first + 6]);
  // A write that comes meanwhile goes beside them.
  writes.push(write(10));
  await turns();
  expect(bucket.underWay).toEqual(window(4));
  for (const number of window(4)) bucket.held.get(number)!.resolve();
  await Promise.all(writes);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 10]);
  expect(await values(volume, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 11]);
});

Deno.test("what is resolved is pinned, though others are under way", async () => {
  const { bucket, machine, first, write } = await heldVolume();
  const writes = [write(0), write(1)];
  await turns();
  bucket.held.get(first)!.resolve();
  await writes[0];
  expect(machine.pin).toMatchObject({ next: first + 1 });
  bucket.held.get(first + 1)!.resolve();
  await writes[1];
  expect(machine.pin).toMatchObject({ next: first + 2 });
});

Deno.test("where one is not created, those behind it are not in the row, none starts after them, and all come again", async () => {
  const { bucket, machine, volume, first, done, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS + 2 }, (_, n) => write(n));
  let told = false;
  const outcomes = Promise.allSettled(writes).finally(() => told = true);
  await turns();
  bucket.held.get(first + 2)!.reject(new TypeError("gone"));
  await turns();
  bucket.held.get(first)!.resolve();
  await turns();
  expect(done).toEqual([0]);
  expect(bucket.underWay).toEqual([first + 1, first + 3]);
  bucket.held.get(first + 1)!.resolve();
  await turns();
  expect(done).toEqual([0, 1]);
  // Nothing is told while anything is under way.
  expect(told).toBe(false);
  bucket.held.get(first + 3)!.resolve();
  expect((await outcomes).map(({ status }) => status)).toEqual([
    ...["fulfilled", "fulfilled"],
    ...Array.from({ length: UPLOADS }, () => "rejected"),
  ]);
  expect(bucket.underWay).toEqual([]);
  bucket.holds = false;
  for (let n = 2; n < UPLOADS + 2; n++) await write(n);
  const expected = Array.from({ length: UPLOADS + 2 }, (_, n) => n + 1);
  expect(await values(volume, UPLOADS + 2)).toEqual(expected);
  // So far behind that no segment of before is in the way.
  expect(volume.row.end.next).toBeGreaterThan(first + 256);
  const again = await openOn(machine, bucket);
  expect(await values(again, UPLOADS + 2)).toEqual(expected);
});

Deno.test("whoever waits for a turn has it although writes never pause", async () => {
  const { bucket, volume, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS }, (_, n) => write(n));
  await turns();
  let resized = false;
  const resizing = volume.row.resize(2 * SECTORS * 512)
    .then(() => resized = true);
  for (let n = 0; !resized && n < 20; n++) {
    writes.push(write(n % SECTORS));
    bucket.held.get(bucket.underWay[0]!)?.resolve();
    await turns();
  }
  expect(resized).toBe(true);
  bucket.holds = false;
  for (const { resolve } of [...bucket.held.values()]) resolve();
  await Promise.all([...writes, resizing]);
  expect(volume.row.sizeBytes).toBe(2 * SECTORS * 512);
});

Deno.test("what somebody looks at between all that is written has nothing under way", async () => {
  const { bucket, volume, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS }, (_, n) => write(n));
  await turns();
  let looks = 0;
  const looked = volume.row.between(() => {
    expect(bucket.underWay).toEqual([]);
    return Promise.resolve(looks++);
  });
  for (let n = 0; n < 3; n++) writes.push(write(UPLOADS + n));
  for (let n = 0; looks === 0 && n < 20; n++) {
    bucket.held.get(bucket.underWay[0]!)?.resolve();
    await turns();
  }
  expect(looks).toBe(1);
  bucket.holds = false;
  for (const { resolve } of [...bucket.held.values()]) resolve();
  await Promise.all([...writes, looked]);
});

Deno.test("beside a checkpoint segments start, none lands, and it names no end that has not", async () => {
  const { bucket, machine, volume, first, done, write } = await heldVolume({
    checkpointEvery: 1,
  });
  // Enough of them that the first one is swept away.
  const overwritten = write(0);
  await turns();
  const checkpoint = Promise.withResolvers<void>();
  bucket.checkpoints = checkpoint.promise;
  const writes = Array.from({ length: UPLOADS + 1 }, (_, n) => write(n));
  await turns();
  bucket.held.get(first)!.resolve();
  await turns();
  expect(bucket.underWay).toEqual([1, 2, 3, 4].map((n) => first + n));
  bucket.held.get(first + 1)!.resolve();
  bucket.held.get(first + 2)!.resolve();
  await turns();
  // Those are there and not marked anywhere: there are not to be more and more of them.
  expect(bucket.underWay).toEqual([3, 4].map((n) => first + n));
  expect(done).toEqual([0]);
  expect(machine.pin).toMatchObject({ next: first + 1 });
  bucket.checkpoints = undefined;
  checkpoint.resolve();
  await turns();
  expect(done).toEqual([0, 0, 1]);
  const named = async () => {
    const checkpoints = new Checkpoints({
      ...{ bucket, keys, volumeId: volume.superblock.volumeId },
    });
    return (await checkpoints.find())!.nextSegment;
  };
  expect(await named()).toBe(first + 3);
  // Whoever opens it now finds all that is there, and nothing else is deleted.
  bucket.holds = false;
  for (const { resolve } of [...bucket.held.values()]) resolve();
  await Promise.all([overwritten, ...writes]);
  await volume.row.settled();
  expect(await named()).toBe(first + UPLOADS + 2);
  expect(await values(volume, 5)).toEqual([1, 2, 3, 4, 5]);
  const again = await openOn(machine, bucket);
  expect(await values(again, 5)).toEqual([1, 2, 3, 4, 5]);
});

Deno.test("where a checkpoint never can be written, nothing starts after that is known", async () => {
  const { bucket, first, done, write } = await heldVolume({
    checkpointEvery: 1,
  });
  const checkpoint = Promise.withResolvers<void>();
  bucket.checkpoints = checkpoint.promise;
  const writes = Array.from({ length: UPLOADS }, (_, n) => write(n));
  await turns();
  bucket.held.get(first)!.resolve();
  await turns();
  checkpoint.reject(new TypeError("too long"));
  await turns();
  const late = write(UPLOADS);
  const refused = expect(late).rejects.toThrow("too long");
  for (const n of [1, 2, 3]) {
    bucket.held.get(first + n)!.resolve();
    await turns();
    expect(bucket.underWay).not.toContain(first + UPLOADS);
  }
  await Promise.all(writes);
  await refused;
  expect(done).toEqual([0, 1, 2, 3]);
});

Deno.test("what cannot be kept on this machine is not told to be in the row, and comes again", async () => {
  const full = { is: false };
  const machine: Machine = { pin: undefined };
  const { bucket, volume, done, write } = await heldVolume({
    keepPin: (pin) => {
      if (full.is) throw new TypeError("no space");
      machine.pin = pin;
    },
  });
  bucket.holds = false;
  await write(0);
  full.is = true;
  await expect(write(1)).rejects.toThrow("no space");
  full.is = false;
  await write(2);
  await write(1);
  expect(done).toEqual([0, 2, 1]);
  const again = await openOn(machine, bucket);
  expect(await values(again, 4)).toEqual([1, 2, 3, 0]);
  expect(await values(volume, 4)).toEqual([1, 2, 3, 0]);
});

Deno.test("the memory of one that failed is written to by nobody: a request that was given up may read it yet", async () => {
  const { bucket, first, write } = await heldVolume();
  const writes = [write(0), write(1)];
  const outcomes = Promise.allSettled(writes);
  await turns();
  const sent = bucket.sent.get(first)!;
  const copy = sent.slice();
  bucket.held.get(first + 1)!.resolve();
  bucket.held.get(first)!.reject(new TypeError("gone"));
  await outcomes;
  bucket.holds = false;
  for (let n = 0; n < 2 * UPLOADS; n++) await write(n);
  expect(sent).toEqual(copy);
});

/** What a move says, of sectors that are in the first segment of a volume. */
function moveOf(segment: number, value: number) {
  return {
    extents: [{
      ...{ kind: "moved" as const, sector: 0, sectors: 4 },
      from: { segment, sector: 0 },
    }],
    data: [new Uint8Array(4 * 512).fill(value)],
  };
}

/** Lets a write and a move go together, one behind the other, and their answers come in that order. */
async function together(
  { behind, arrives }: {
    readonly behind: "move" | "write";
    readonly arrives: "first" | "last";
  },
) {
  const { bucket, machine, volume, first } = await heldVolume({
    checkpointEvery: 1,
  });
  const { row } = volume;
  bucket.holds = false;
  await put(volume, { sector: 0, sectors: 4, value: 1 });
  await row.settled();
  bucket.holds = true;
  if (behind === "move") {
    // Where moves press, one goes beside a write once two have gone.
    row.cleaner = { presses: true, wake: () => {} };
    const gone = { extents: [], data: [] };
    await Promise.all([row.move(gone), row.move(gone)]);
  }
  const move = () => row.move(moveOf(first, 1));
  const write = () => put(volume, { sector: 1, sectors: 2, value: 7 });
  const both = behind === "move" ? [write(), move()] : [move()];
  await turns();
  if (behind === "write") both.push(write());
  await turns();
  expect(bucket.underWay).toEqual([first + 1, first + 2]);
  const order = arrives === "first" ? [1, 2] : [2, 1];
  for (const n of order) {
    bucket.held.get(first + n)!.resolve();
    await turns();
  }
  await Promise.all(both);
  await row.settled();
  bucket.holds = false;
  const expected = [1, 7, 7, 1, 0];
  expect(await values(volume, 5)).toEqual(expected);
  expect(await values(await openOn(machine, bucket), 5)).toEqual(expected);
}

for (const behind of ["move", "write"] as const) {
  for (const arrives of ["first", "last"] as const) {
    const before = behind === "move" ? "write" : "move";
    Deno.test(`a ${behind} behind a ${before} that is under way: the write wins, where the ${before} arrives ${arrives}`, () =>
      together({ behind, arrives }));
  }
}
