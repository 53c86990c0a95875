/** Whoever had a volume that was taken up to something missing or damaged finds out that it has lost it, at its next write. */
import { expect } from "expect";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { Fenced } from "./fenced.ts";
import {
  flipped,
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  SECTOR_BYTES,
  takeOn,
  values,
} from "./testing/volumes.ts";

Deno.test("whoever had it finds out that it was taken, however much of its row was cut off", async () => {
  for (const lost of [0, 1, 5]) {
    const bucket = new MemoryBucket();
    await makeVolume(bucket, { sizeBytes: 16 * SECTOR_BYTES });
    const there: Machine = { pin: undefined };
    const writer = await openOn(there, bucket, { checkpointEvery: 1000 });
    const first = writer.row.end.next;
    for (let n = 0; n < 6; n++) await put(writer, { sector: n, value: n + 1 });
    await bucket.delete([keys.nameOf("segment", first + lost)]);
    const here: Machine = { pin: undefined };
    const cut = await takeOn(here, bucket);
    expect(cut).toBe(
      lost === 5
        ? undefined
        : `segment ${first + lost} is missing, or follows another`,
    );
    if (cut === undefined) continue;
    await expect(put(writer, { sector: 0, value: 9 }))
      .rejects.toBeInstanceOf(Fenced);
    const volume = await openOn(here, bucket);
    expect(await values(volume, 6)).toEqual(
      Array.from({ length: 6 }, (_, n) => n < lost ? n + 1 : 0),
    );
    await volume.store.close();
  }
});

Deno.test("so it does where what it wrote last is withheld, and somebody remembers it", async () => {
  for (const remembers of ["pin", "mark"]) {
    const bucket = new MemoryBucket();
    await makeVolume(bucket, { sizeBytes: 16 * SECTOR_BYTES });
    const there: Machine = { pin: undefined };
    const writer = await openOn(there, bucket, { checkpointEvery: 1000 });
    const first = writer.row.end.next;
    for (let n = 0; n < 6; n++) await put(writer, { sector: n, value: n + 1 });
    const before = await namesIn(bucket);
    if (remembers === "mark") await writer.row.checkpoint();
    const withheld = (await namesIn(bucket))
      .filter((name) => !before.includes(name))
      .filter((name) => keys.parseName(name)?.kind === "checkpoint");
    for (let n = 1; n < 6; n++) {
      withheld.push(keys.nameOf("segment", first + n));
    }
    await bucket.delete(withheld);
    const name = keys.nameOf("segment", first);
    const bytes = flipped((await bucket.get(name))!, 40);
    await bucket.delete([name]);
    await bucket.create(name, bytes);
    const pin = remembers === "pin" ? there.pin : undefined;
    const cut = await takeOn({ pin }, bucket);
    expect(cut).toBeDefined();
    await expect(put(writer, { sector: 0, value: 9 }))
      .rejects.toBeInstanceOf(Fenced);
  }
});

Deno.test("so does one that came after what is damaged, and whose epoch nobody remembers", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: 16 * SECTOR_BYTES });
  const options = { checkpointEvery: 1000 };
  const first = await openOn({ pin: undefined }, bucket, options);
  const damaged = first.row.end.next;
  await put(first, { sector: 0, value: 1 });
  const checkpoints = (await namesIn(bucket)).filter((name) =>
    keys.parseName(name)?.kind === "checkpoint"
  );
  const writer = await openOn({ pin: undefined }, bucket, options);
  await put(writer, { sector: 0, value: 2 });
  // Of its checkpoints none is left, nor of its marks.
  await bucket.delete(
    (await namesIn(bucket)).filter((name) => {
      const { kind, number } = keys.parseName(name)!;
      return (kind === "checkpoint" && !checkpoints.includes(name)) ||
        (kind === "mark" && number > 1) ||
        (kind === "segment" && number === damaged);
    }),
  );
  const cut = await takeOn({ pin: undefined }, bucket);
  expect(cut).toContain(`${damaged}`);
  await expect(put(writer, { sector: 0, value: 9 }))
    .rejects.toBeInstanceOf(Fenced);
});
