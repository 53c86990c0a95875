/** What is found in a bucket that does not go together with what is remembered: said with where it ends, and nothing changed by looking. */
import { expect } from "expect";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SUPERBLOCK_NUMBER } from "../../segments/superblock.ts";
import { noTime } from "../testing/journaled.ts";
import { takeBucketVolume, whyRefused } from "./bucket_volume.ts";
import {
  bucketOf,
  copyOf,
  keys,
  type Machine,
  namesIn,
  openOn,
  put,
  putBack,
  values,
} from "./testing/volumes.ts";

const SIZE_BYTES = 16 * 512;
const JOURNAL = { id: new Uint8Array(16), appended: 0 };

function look(
  bucket: MemoryBucket,
  { pin }: Machine,
  journal = JOURNAL,
): ReturnType<typeof whyRefused> {
  return whyRefused({ bucket, keys, pin: pin!, journal, clock: noTime });
}

Deno.test("a bucket that was put back is another history, until it is taken", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await put(volume, { sector: 0, value: 1 });
  const copy = await copyOf(bucket);
  await put(volume, { sector: 0, value: 2 });
  await volume.row.resize(SIZE_BYTES / 2);
  await volume.store.close();
  expect(await look(bucket, here)).toBeUndefined();

  await putBack(bucket, copy);
  const names = await namesIn(bucket);
  const why = await look(bucket, here);
  expect(why?.message).toContain("older state");
  expect(why).toMatchObject({ kind: "refused" });
  expect(why?.hint).toContain("--accept-rollback");
  expect(await namesIn(bucket)).toEqual(names);

  const taken = await takeBucketVolume({
    ...{ bucket, keys, clock: noTime },
    keepPin: (pin) => here.pin = pin,
  });
  expect(taken.sizeBytes).toBe(SIZE_BYTES);
  taken.letGo();
  expect(await look(bucket, here)).toBeUndefined();
  const again = await openOn(here, bucket);
  expect(await values(again, 2)).toEqual([1, 0]);
  await again.store.close();
});

Deno.test("what another node has written since is another history, and so is what a journal that was put back does not know", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await put(volume, { sector: 0, value: 1 });
  await volume.store.close();
  const there: Machine = { pin: undefined };
  const other = await openOn(there, bucket);
  await put(other, { sector: 0, value: 2 });
  const id = new Uint8Array(16).fill(5);
  await other.row.append({
    extents: [{ kind: "data", sector: 1, sectors: 1 }],
    data: [new Uint8Array(512)],
    drained: { journal: id, last: 7 },
  });
  await other.store.close();
  const why = await look(bucket, here);
  expect(why).toMatchObject({ kind: "conflict" });
  expect(await look(bucket, there)).toBeUndefined();

  expect(await look(bucket, there, { id, appended: 7 })).toBeUndefined();
  const older = await look(bucket, there, { id, appended: 6 });
  expect(older?.message).toContain("it ends with entry 6, and entry 7");
  expect(older?.hint).toContain("--accept-rollback");
});

Deno.test("a bucket that shows what nobody wrote is no history that could be accepted", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await put(volume, { sector: 0, value: 1 });
  await volume.store.close();
  const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  const bytes = (await bucket.get(name))!.slice();
  bytes[40]! ^= 1;
  await bucket.delete([name]);
  await bucket.create(name, bytes);
  expect(await look(bucket, here)).toBeInstanceOf(SealError);
});
