/** What a volume's segments take of a journal, and what not. */
import { expect } from "expect";
import { BucketError } from "../../bucket/bucket.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { UPLOADS } from "./row_queue.ts";
import { SegmentTarget } from "./segment_target.ts";
import { type HeldBucket, heldVolume, turns } from "./testing/held_volume.ts";
import { openOn, values } from "./testing/volumes.ts";

const JOURNAL = { id: new Uint8Array(16).fill(9), appended: 8 };

function targetOf(
  { map, reader, row, superblock }: BucketVolume,
  bucket: HeldBucket,
): SegmentTarget {
  const { segmentBytes } = superblock;
  return new SegmentTarget({
    ...{ map, reader, row, bucket, segmentBytes, cache: undefined },
    ...{ cleaner: undefined, prefetch: undefined, journal: JOURNAL },
  });
}

Deno.test("what comes behind a batch that failed is not taken before it is asked what has arrived, and that does not come again", async () => {
  const { bucket, machine, volume, first } = await heldVolume();
  const target = targetOf(volume, bucket);
  const batch = (n: number) =>
    target.apply({
      ...{ first: n, last: n },
      pieces: [{
        ...{ kind: "write", offset: n * 512 },
        data: new Uint8Array(512).fill(n),
      }],
    });
  expect(await target.lastApplied()).toBe(0);
  const one = batch(1);
  const two = batch(2);
  // Its giver is about to hear that.
  const three = one.catch(() => batch(3));
  const outcomes = Promise.allSettled([one, two, three]);
  await turns();
  const why = new BucketError("uncertain", "no answer");
  bucket.held.get(first + 1)!.resolve();
  await turns();
  // It arrives, and nobody hears of it.
  await bucket.arrive(first);
  bucket.held.get(first)!.reject(why);
  expect(await outcomes).toEqual([
    ...[why, why, why].map((reason) => ({ status: "rejected", reason })),
  ]);
  bucket.holds = false;
  await expect(batch(2)).rejects.toThrow("no answer");
  expect(await target.lastApplied()).toBe(2);
  await batch(3);
  expect(await target.lastApplied()).toBe(3);
  const again = await openOn(machine, bucket);
  expect(await values(again, 4)).toEqual([0, 1, 2, 3]);
  // Each once: the two that arrived, the claim, the third.
  expect(volume.row.end.next).toBe(first + 2 + 256 + 1);
});

Deno.test("a batch that is uploaded is not looked at any more, and one that waits for that is", async () => {
  const { bucket, volume, first } = await heldVolume();
  const target = targetOf(volume, bucket);
  const released: number[] = [];
  const applied = Array.from({ length: UPLOADS + 1 }, (_, n) =>
    target.apply({
      ...{ first: n, last: n, release: () => released.push(n) },
      pieces: [{ kind: "zero", offset: n * 512, length: 512 }],
    }));
  await turns();
  const underWay = Array.from({ length: UPLOADS }, (_, n) => n);
  expect(released).toEqual(underWay);
  bucket.held.get(first)!.resolve();
  await turns();
  expect(released).toEqual([...underWay, UPLOADS]);
  for (const { resolve } of bucket.held.values()) resolve();
  await Promise.all(applied);
});
