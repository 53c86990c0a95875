import { expect } from "expect";
import fc from "fast-check";
import { equalBytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../os/digest.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  CHECKPOINT_BYTES,
  copyImage,
  dataBytes,
  IMAGE_PIECE_BYTES,
  rawImage,
} from "./image_copy.ts";
import { FakeFile } from "./testing.ts";

const SIZE_BYTES = CHECKPOINT_BYTES + 3 * IMAGE_PIECE_BYTES;

function all(file: FakeFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

/** A thin image with something at its beginning, around the checkpoint and at its end. */
function image(): FakeFile {
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  for (const at of [0, CHECKPOINT_BYTES - 4096, SIZE_BYTES - 512]) {
    file.write(at, systemPrimitives.random(512));
  }
  file.write(CHECKPOINT_BYTES, systemPrimitives.random(100_000));
  return file;
}

function copy(
  from: FakeFile,
  into: FakeFile,
  options: { doneBytes?: number; checkpoint?: (done: number) => void } = {},
) {
  return copyImage({
    source: rawImage(from),
    into,
    sizeBytes: SIZE_BYTES,
    doneBytes: options.doneBytes ?? 0,
    checkpoint: options.checkpoint ?? (() => {}),
    progress: () => {},
    sha256,
  });
}

function expectCopied(from: FakeFile, into: FakeFile): void {
  expect(equalBytes(all(into), all(from))).toBe(true);
  expect(equalBytes(into.stable, all(from))).toBe(true);
}

Deno.test("an image is copied with its holes, and its digest is that of all its bytes", async () => {
  const from = image();
  // Zeros that are written out are holes in the copy.
  from.write(8 * IMAGE_PIECE_BYTES, new Uint8Array(IMAGE_PIECE_BYTES));
  const into = new FakeFile(0, { canPunch: true });
  const checkpoints: number[] = [];
  const done = await copy(from, into, {
    checkpoint: (bytes) => checkpoints.push(bytes),
  });
  expectCopied(from, into);
  expect(checkpoints).toEqual([CHECKPOINT_BYTES, SIZE_BYTES]);
  expect(done.keptBytes).toBe(0);
  const whole = systemPrimitives.hash("sha256", all(from));
  expect(toHex(done.sha256)).toBe(toHex(whole));
  expect(dataBytes(rawImage(into), 0)).toBeLessThan(IMAGE_PIECE_BYTES);
});

Deno.test("a run that is cut off goes on at its checkpoint, whatever it has left behind that", async () => {
  const from = image();
  const into = new FakeFile(0, { canPunch: true });
  let doneBytes = 0;
  const cut = copy(from, into, {
    checkpoint: (done) => {
      doneBytes = done;
      into.failing.write = "cut off";
    },
  });
  await expect(cut).rejects.toThrow("cut off");
  expect(doneBytes).toBe(CHECKPOINT_BYTES);
  delete into.failing.write;
  into.write(CHECKPOINT_BYTES + 200_000, new Uint8Array(9000).fill(9));
  const { keptBytes, sha256 } = await copy(from, into, { doneBytes });
  expect(keptBytes).toBe(CHECKPOINT_BYTES);
  expectCopied(from, into);
  expect(sha256).toEqual(systemPrimitives.hash("sha256", all(from)));
});

Deno.test("nothing is taken for granted: what does not hold what it should is copied again", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: SIZE_BYTES }),
      fc.integer({ min: 0, max: SIZE_BYTES - 1 }),
      async (doneBytes, at) => {
        const from = image();
        const into = new FakeFile(0, { canPunch: true });
        await copy(from, into);
        const byte = new Uint8Array(1);
        into.read(at, byte);
        into.write(at, byte.map((value) => value ^ 1));
        const { keptBytes } = await copy(from, into, { doneBytes });
        expect(keptBytes).toBeLessThanOrEqual(doneBytes);
        if (at < doneBytes) expect(keptBytes).toBeLessThanOrEqual(at);
        expectCopied(from, into);
      },
    ),
    { numRuns: 5 },
  );
});

Deno.test("a copy that reads back otherwise does not count", async () => {
  const from = image();
  const into = new FakeFile(0, { canPunch: true });
  const lying = copy(from, into, {
    checkpoint: (done) => {
      if (done === SIZE_BYTES) into.write(0, new Uint8Array(1).fill(77));
    },
  });
  await expect(lying).rejects.toThrow("does not read back");
});

Deno.test("zeros follow an image that is shorter", async () => {
  const from = new FakeFile(1000, { canPunch: true });
  from.write(0, new Uint8Array(1000).fill(3));
  const into = new FakeFile(0, { canPunch: true });
  const { sha256 } = await copy(from, into);
  const bytes = new Uint8Array(SIZE_BYTES);
  bytes.fill(3, 0, 1000);
  expect(equalBytes(all(into), bytes)).toBe(true);
  expect(sha256).toEqual(systemPrimitives.hash("sha256", bytes));
});
