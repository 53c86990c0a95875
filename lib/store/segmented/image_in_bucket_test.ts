/** Images that come into a volume in a bucket, cut off by a loss of power at any step, with a bucket that fails now and then. */
import { expect } from "expect";
import { equalBytes } from "../../base/bytes.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { CrashDisk } from "../../journal/testing/crash_disk.ts";
import { sha256 } from "../../os/digest.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { rawImage } from "../image_copy.ts";
import { type FillCheckpoint, fillFromImage } from "../image_fill.ts";
import { openJournal, soon } from "../testing/journaled.ts";
import { FakeFile } from "../testing.ts";
import {
  CountedBucket,
  type Machine,
  makeVolume,
  openOn,
} from "./testing/volumes.ts";

const MIB = 1024 * 1024;
const SIZE_BYTES = 33 * MIB;
/** What of it is neither a hole nor zeros. */
const DATA_BYTES = 3 * MIB + 4096;

/** Data at its beginning, right before its checkpoint, and at its end; zeros that are written out; holes. */
function image(dice: Dice): FakeFile {
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  file.write(0, dice.bytes(MIB));
  file.write(2 * MIB, new Uint8Array(5 * MIB));
  file.write(16 * MIB - 300 * 4096, dice.bytes(MIB));
  file.write(16 * MIB - 4096, dice.bytes(4096));
  file.write(SIZE_BYTES - MIB, dice.bytes(MIB));
  return file;
}

Deno.test("cut off anywhere, an image that goes on is in the bucket in the end, whole, and its zeros are not", async () => {
  let cuts = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const dice = Dice.forCase(31, seed);
    const from = image(dice);
    const store = new CountedBucket();
    let fails = false;
    const bucket = new FaultBucket(
      store,
      ({ kind, name }) =>
        fails && kind === "create" && name.startsWith("d/") &&
          dice.next(8) === 0
          ? { before: new BucketError("uncertain", "no answer") }
          : undefined,
    );
    await makeVolume(store, {
      sizeBytes: SIZE_BYTES,
      segmentBytes: 256 * 1024,
    });
    const machine: Machine = { pin: undefined };
    let disk = new CrashDisk(dice);
    let last: FillCheckpoint | undefined;
    for (let round = 0, whole = false; !whole; round++) {
      const journal = await openJournal(disk.folder("j"), {
        fileBytes: 256 * 1024,
        maxFiles: 8,
      });
      const { store: into } = await openOn(machine, store, {
        ...{ journal, clock: soon, bucket },
      });
      fails = true;
      if (round < 4) disk.cutAfter(1 + dice.next(25));
      try {
        const filled = await fillFromImage({
          ...{ source: rawImage(from), into, from: last, clock: soon, sha256 },
          checkpoint: (at) => {
            if (!disk.isOff) last = at;
          },
          progress: () => {},
        });
        await into.drained();
        expect(filled.sha256).toEqual(last!.sha256);
        whole = true;
        await into.close();
      } catch (thrown) {
        if (!disk.isOff) throw thrown;
        cuts++;
        await into.close().catch(() => {});
        disk = disk.survivor();
        fails = false;
      }
    }
    // A machine that has nothing of it finds all of it.
    const found = await openOn({ pin: undefined }, store);
    const bytes = new Uint8Array(SIZE_BYTES);
    await found.store.read(0, bytes);
    const wanted = new Uint8Array(SIZE_BYTES);
    from.read(0, wanted);
    expect([seed, equalBytes(bytes, wanted)]).toEqual([seed, true]);
    expect(found.map.liveBytes).toBeLessThanOrEqual(DATA_BYTES);
    await found.store.close();
  }
  expect(cuts).toBeGreaterThan(4);
});
