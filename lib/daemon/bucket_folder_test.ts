/** What is kept of a volume in a bucket, where its history is given up: all of it or nothing, whenever that is cut off. */
import { expect } from "expect";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { CHUNK_BYTES } from "../store/chunk_cache.ts";
import type { Pin } from "../store/segmented/segment_row.ts";
import { BucketFolder } from "./bucket_folder.ts";

const ASIDE = "journal-given-up-20261127T120000000Z";
const VOLUME_ID = new Uint8Array(16).fill(3);
const KEY = { file: "/somewhere/key" };

const pinAt = (next: number): Pin => ({
  ...{ next, epoch: 2, digest: new Uint8Array(32).fill(next) },
  claims: [{ number: next, epoch: 3, digest: new Uint8Array(32).fill(9) }],
});

/** A folder of a volume that was written to, and read back in part. */
async function lived(path: string): Promise<BucketFolder> {
  const folder = new BucketFolder(path, primitives);
  folder.begin(KEY);
  folder.keepPin(pinAt(20));
  const journal = await folder.openJournal(2 ** 26);
  await journal.close();
  const cache = folder.openCache(VOLUME_ID, 2 ** 20);
  const chunk = new Uint8Array(CHUNK_BYTES).fill(1);
  cache.put({ segment: 15, chunk: 0 }, chunk);
  await cache.save();
  cache.close();
  folder.verified.write({
    ...{ volumeId: VOLUME_ID, upTo: 4, suspects: [] },
    chain: { last: undefined, claims: [] },
  });
  return folder;
}

const namesIn = (path: string) =>
  [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("a history that is given up leaves the key, the other history's pin, and its journal under another name", async () => {
  const path = Deno.makeTempDirSync({ prefix: "vault-folder-" });
  const folder = await lived(path);
  expect(namesIn(path)).toEqual(
    ["cache", "cache-index", "journal", "key", "pin.json", "verify.json"],
  );
  const journal = namesIn(`${path}/journal`);
  expect(journal.length).toBeGreaterThan(0);
  folder.goOnWith(pinAt(10), ASIDE);
  folder.settle();
  expect(namesIn(path)).toEqual([ASIDE, "key", "pin.json"]);
  expect(namesIn(`${path}/${ASIDE}`)).toEqual(journal);
  expect(folder.pin()).toEqual(pinAt(10));
  expect(folder.key()).toEqual(KEY);
  // What is there from now on is the other history's.
  await (await folder.openJournal(2 ** 26)).close();
  folder.settle();
  expect(namesIn(path)).toEqual(["journal", ASIDE, "key", "pin.json"]);
  Deno.removeSync(path, { recursive: true });
});

Deno.test("giving a history up is ended where it was cut off, at whatever step", async () => {
  const steps: readonly ((path: string) => void)[] = [
    () => {},
    (path) => Deno.renameSync(`${path}/journal`, `${path}/${ASIDE}`),
    (path) => Deno.removeSync(`${path}/cache`),
    (path) => Deno.removeSync(`${path}/cache-index`),
    (path) => Deno.removeSync(`${path}/verify.json`),
  ];
  for (let cut = 1; cut <= steps.length; cut++) {
    const path = Deno.makeTempDirSync({ prefix: "vault-folder-" });
    const folder = await lived(path);
    const pin = JSON.parse(Deno.readTextFileSync(`${path}/pin.json`));
    Deno.writeTextFileSync(
      `${path}/pin.json`,
      JSON.stringify({ ...pin, next: 10, setsAside: ASIDE }),
    );
    for (const step of steps.slice(0, cut)) step(path);
    folder.settle();
    expect(namesIn(path)).toEqual([ASIDE, "key", "pin.json"]);
    expect(folder.pin().next).toBe(10);
    // Once.
    const settled = Deno.readTextFileSync(`${path}/pin.json`);
    expect(settled).not.toContain("setsAside");
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("a name that leads out of the folder is no name of a journal that was given up", async () => {
  const path = Deno.makeTempDirSync({ prefix: "vault-folder-" });
  const folder = await lived(path);
  const pin = JSON.parse(Deno.readTextFileSync(`${path}/pin.json`));
  for (const setsAside of ["../photos", "journal-given-up-/x", "key", ""]) {
    Deno.writeTextFileSync(
      `${path}/pin.json`,
      JSON.stringify({ ...pin, setsAside }),
    );
    expect(() => folder.settle()).toThrow("pin.json");
    expect(namesIn(path)).toContain("journal");
  }
  Deno.removeSync(path, { recursive: true });
});
