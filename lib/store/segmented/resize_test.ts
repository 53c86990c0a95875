/** How long a volume is stands in its row: whatever is hidden, damaged or not heard of, no size counts beside it. */
import { expect } from "expect";
import { BucketError } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import {
  bucketOf,
  flipped,
  keys,
  type Machine,
  namesIn,
  openOn,
  put,
  values,
  withoutCheckpoints,
} from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";

const SIZE_BYTES = 16 * 512;

Deno.test("a change of size of which nobody heard is none, for who asked for it and for who opens the volume then", async () => {
  for (const how of ["before", "after"] as const) {
    for (const sizeBytes of [2 * SIZE_BYTES, SIZE_BYTES / 2]) {
      const memory = await bucketOf(SIZE_BYTES);
      const state = { on: false };
      const bucket = new FaultBucket(
        memory,
        ({ kind, name }) =>
          state.on && kind === "create" && name.startsWith("d/")
            ? { [how]: new BucketError("uncertain", "no answer") }
            : undefined,
      );
      const here: Machine = { pin: undefined };
      const volume = await openOn(here, bucket);
      await put(volume, { sector: 15, value: 5 });
      state.on = true;
      await expect(volume.store.resize(sizeBytes)).rejects.toThrow("no answer");
      expect(volume.store.sizeBytes).toBe(SIZE_BYTES);
      // Nothing is written before it is known again which size the row tells.
      await expect(put(volume, { sector: 0, value: 1 })).rejects.toThrow(
        "no answer",
      );
      state.on = false;
      await put(volume, { sector: 0, value: 1 });
      expect(volume.store.sizeBytes).toBe(SIZE_BYTES);
      // What lay behind the end that was asked for may be lost.
      const isLost = how === "after" && sizeBytes < SIZE_BYTES;
      expect((await values(volume, 16))[15]).toBe(isLost ? 0 : 5);
      const other = await openOn({ ...here }, memory.copy());
      expect(other.store.sizeBytes).toBe(SIZE_BYTES);
      expect(await values(other, 16)).toEqual(await values(volume, 16));

      await volume.store.resize(sizeBytes);
      const again = await openOn(here, memory);
      expect(again.store.sizeBytes).toBe(sizeBytes);
    }
  }
});

Deno.test("a checkpoint tells no other size than the row, also where it is written before anything else is", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const state = { on: false };
  const bucket = new FaultBucket(
    memory,
    ({ kind, name }) =>
      state.on && kind === "create" && name.startsWith("d/")
        ? { after: new BucketError("uncertain", "no answer") }
        : undefined,
  );
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await put(volume, { sector: 15, value: 5 });
  state.on = true;
  await expect(volume.store.resize(SIZE_BYTES / 2)).rejects.toThrow();
  state.on = false;
  // It is found out that it has arrived.
  await volume.row.expectOurs();
  const before = await namesIn(memory);
  await volume.row.checkpoint();
  const hidden = memory.copy();
  await hidden.delete(
    (await namesIn(memory)).filter((name) =>
      !before.includes(name) && keys.parseName(name)?.kind !== "segment"
    ),
  );
  for (const bucket of [memory.copy(), hidden]) {
    const again = await openOn({ pin: undefined }, bucket);
    expect(again.store.sizeBytes).toBe(SIZE_BYTES);
    expect((await values(again, 16))[15]).toBe(0);
  }
});

Deno.test("a size counts that no checkpoint could tell of, and what cannot be told is told as trouble", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const state = { on: false };
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, withoutCheckpoints(memory, state));
  state.on = true;
  await volume.store.resize(2 * SIZE_BYTES);
  expect(volume.store.sizeBytes).toBe(2 * SIZE_BYTES);
  expect(volume.row.trouble).toContain("no answer");
  await put(volume, { sector: 31, value: 9 });
  const again = await openOn(here, memory);
  expect((await values(again, 32))[31]).toBe(9);
});

Deno.test("what was cut off does not come back where no checkpoint tells of it, or the last one is hidden", async () => {
  for (const hides of [[], ["checkpoint"], ["checkpoint", "mark"]]) {
    const memory = await bucketOf(SIZE_BYTES);
    const state = { on: false };
    const here: Machine = { pin: undefined };
    const volume = await openOn(here, withoutCheckpoints(memory, state));
    await put(volume, { sector: 0, sectors: 16, value: 7 });
    await volume.row.checkpoint();
    const before = await namesIn(memory);
    state.on = true;
    await volume.store.resize(SIZE_BYTES / 2);
    state.on = hides.length === 0;
    await volume.store.resize(SIZE_BYTES);
    await put(volume, { sector: 15, value: 9 });
    const names = (await namesIn(memory)).filter((name) =>
      !before.includes(name) && hides.includes(keys.parseName(name)!.kind)
    );
    expect(names.length).toBe(hides.length);
    await memory.delete(names);
    for (const pin of [here.pin, undefined]) {
      const again = await openOn({ pin }, memory.copy());
      expect(again.store.sizeBytes).toBe(SIZE_BYTES);
      expect(await values(again, 16)).toEqual(
        [...Array(8).fill(7), ...Array(7).fill(0), 9],
      );
    }
  }
});

Deno.test("verify says where damage lies by the size that the row tells", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const state = { on: false };
  const volume = await openOn(
    { pin: undefined },
    withoutCheckpoints(memory, state),
  );
  const { next } = volume.row.end;
  await put(volume, { sector: 0, sectors: 16, value: 7 });
  await volume.row.checkpoint();
  state.on = true;
  await volume.store.resize(SIZE_BYTES / 2);
  const name = keys.nameOf("segment", next);
  const bytes = (await memory.get(name))!;
  await memory.delete([name]);
  await memory.create(name, flipped(bytes, bytes.length - 1));
  const { damages } = await verifyVolume({
    ...{ bucket: memory, keys, clock: noTime },
  });
  expect(damages).toMatchObject([{
    ...{ kind: "segment", number: next },
    extents: [{ offset: 0, length: SIZE_BYTES / 2 }],
  }]);
});
