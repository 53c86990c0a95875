import { expect } from "expect";
import fc from "fast-check";
import { equalBytes, toHex } from "../base/bytes.ts";
import { systemClock as clock } from "../os/clock.ts";
import { sha256 } from "../os/digest.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { IMAGE_PIECE_BYTES, rawImage } from "./image_copy.ts";
import {
  FILL_CHECKPOINT_BYTES,
  type FillCheckpoint,
  fillFromImage,
} from "./image_fill.ts";
import { MemoryStore } from "./memory_store.ts";
import { FakeFile } from "./testing.ts";

const SIZE_BYTES = FILL_CHECKPOINT_BYTES + 3 * IMAGE_PIECE_BYTES;

/** A store that counts what it is given, and is cut off when it is told to. */
class CountedStore extends MemoryStore {
  writtenBytes = 0;
  unmaps = 0;
  flushed = 0;
  /** So many bytes more are taken. */
  roomBytes = Infinity;

  override write(offset: number, from: Uint8Array): void {
    if (this.writtenBytes + from.length > this.roomBytes) {
      throw new Error("cut off");
    }
    this.writtenBytes += from.length;
    super.write(offset, from);
  }

  override unmap(extent: { offset: number; length: number }): void {
    this.unmaps++;
    super.unmap(extent);
  }

  override flush(): Promise<void> {
    this.flushed = this.writtenBytes;
    return super.flush();
  }
}

function all(from: { size(): number } | MemoryStore): Uint8Array {
  const length = from instanceof MemoryStore ? from.sizeBytes : from.size();
  const bytes = new Uint8Array(length);
  (from as FakeFile).read(0, bytes);
  return bytes;
}

/** Something at its beginning, around the checkpoint and at its end, zeros that are written out, and holes. */
function image(): FakeFile {
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  file.write(0, systemPrimitives.random(3 * IMAGE_PIECE_BYTES));
  file.write(IMAGE_PIECE_BYTES, new Uint8Array(512 * 1024));
  file.write(FILL_CHECKPOINT_BYTES - 4096, systemPrimitives.random(100_000));
  file.write(SIZE_BYTES - 512, systemPrimitives.random(512));
  return file;
}

async function fill(
  from: FakeFile,
  into: MemoryStore,
  before?: FillCheckpoint,
) {
  const checkpoints: FillCheckpoint[] = [];
  const over = fillFromImage({
    ...{ source: rawImage(from), into, from: before, sha256, clock },
    checkpoint: (at) => checkpoints.push(at),
    progress: () => {},
  });
  const failed = await over.then(() => undefined, (why: unknown) => why);
  return { over, failed, checkpoints };
}

Deno.test("a store is filled with an image, and neither its holes nor its zeros are written", async () => {
  const from = image();
  const into = new CountedStore(SIZE_BYTES);
  const { over, checkpoints } = await fill(from, into);
  const whole = toHex(systemPrimitives.hash("sha256", all(from)));
  expect(toHex((await over).sha256)).toBe(whole);
  expect(equalBytes(all(into), all(from))).toBe(true);
  expect(into.writtenBytes).toBeLessThan(2.8 * IMAGE_PIECE_BYTES);
  expect(into.unmaps).toBe(0);
  expect(checkpoints.map(({ doneBytes }) => doneBytes))
    .toEqual([0, FILL_CHECKPOINT_BYTES, SIZE_BYTES]);
  expect(toHex(checkpoints[2]!.sha256)).toBe(whole);
  expect(into.flushed).toBe(into.writtenBytes);
});

Deno.test("a fill that is cut off goes on at its checkpoint, and writes nothing of before again", async () => {
  const from = image();
  const into = new CountedStore(SIZE_BYTES);
  into.roomBytes = 2.5 * IMAGE_PIECE_BYTES + 60_000;
  const cut = await fill(from, into);
  expect(cut.failed).toMatchObject({ message: "cut off" });
  const last = cut.checkpoints.at(-1)!;
  expect(last.doneBytes).toBe(FILL_CHECKPOINT_BYTES);
  into.roomBytes = Infinity;
  const before = into.writtenBytes;
  const { over } = await fill(from, into, last);
  const { keptBytes, sha256 } = await over;
  expect(keptBytes).toBe(FILL_CHECKPOINT_BYTES);
  expect(into.writtenBytes - before).toBeLessThan(IMAGE_PIECE_BYTES / 4);
  expect(sha256).toEqual(systemPrimitives.hash("sha256", all(from)));
  expect(equalBytes(all(into), all(from))).toBe(true);
});

Deno.test("wherever it is cut off, and whatever becomes of the image meanwhile, the store ends as the image is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 3 * IMAGE_PIECE_BYTES }),
      fc.option(fc.integer({ min: 0, max: SIZE_BYTES - 8192 })),
      fc.boolean(),
      async (roomBytes, changedAt, becomesZero) => {
        const from = image();
        const into = new CountedStore(SIZE_BYTES);
        into.roomBytes = roomBytes;
        const cut = await fill(from, into);
        into.roomBytes = Infinity;
        if (changedAt !== null) {
          const fresh = becomesZero
            ? new Uint8Array(8192)
            : systemPrimitives.random(8192);
          from.write(changedAt, fresh);
        }
        const { over } = await fill(from, into, cut.checkpoints.at(-1));
        const { sha256 } = await over;
        expect(equalBytes(all(into), all(from))).toBe(true);
        expect(sha256).toEqual(systemPrimitives.hash("sha256", all(from)));
      },
    ),
    { numRuns: 12 },
  );
});

Deno.test("a fill that begins anew counts from nothing before it writes", async () => {
  const from = image();
  const into = new CountedStore(SIZE_BYTES);
  const { checkpoints } = await fill(from, into);
  from.write(0, new Uint8Array(4096).fill(9));
  into.roomBytes = 0;
  const again = await fill(from, into, checkpoints.at(-1));
  expect(again.failed).toMatchObject({ message: "cut off" });
  expect(again.checkpoints.map(({ doneBytes }) => doneBytes)).toEqual([0]);
  // What was written then, and is zeros in the image now, goes.
  from.write(0, new Uint8Array(4096));
  into.roomBytes = Infinity;
  await (await fill(from, into, again.checkpoints.at(-1))).over;
  expect(equalBytes(all(into), all(from))).toBe(true);
});
