import { expect } from "expect";
import { exists, makeFolder } from "../os/file.ts";
import { systemClock as clock } from "../os/clock.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { Catalog } from "./catalog.ts";
import { writeDocument } from "./documents.ts";
import { BucketFolder } from "./bucket_folder.ts";
import { Imports, keepImport, volumeFolder } from "./imports.ts";

const SPEC = {
  name: "photos",
  sizeBytes: 4096,
  blockSizeBytes: 512,
  readOnly: false,
} as const;

Deno.test("only an image that is whole becomes a volume, and a crash leaves the import, the volume or both", async () => {
  const state = Deno.makeTempDirSync({ prefix: "vault-imports-" });
  const catalog = new Catalog(`${state}/volumes`, { primitives, clock });
  const imports = new Imports(`${state}/imports`, catalog);
  expect(() => imports.stage({ ...SPEC, name: "../photos" }))
    .toThrow("cannot be the name");
  expect(() => imports.finished(SPEC)).toThrow("No image was imported");
  const folder = imports.stage(SPEC);
  Deno.writeFileSync(`${folder}/data`, new Uint8Array(4096).fill(7));
  const note = (sha256?: string) =>
    writeDocument(`${folder}/import.json`, {
      version: 1,
      sizeBytes: 4096,
      doneBytes: 4096,
      ...(sha256 && { sha256 }),
    });
  note();
  expect(() => imports.finished(SPEC)).toThrow("No image was imported");
  note("ab");
  expect(() => imports.finished({ ...SPEC, sizeBytes: 8192 })).toThrow("No im");
  imports.recover();
  const image = imports.finished(SPEC);
  if (!("data" in image)) throw new Error("It is in a bucket");
  await catalog.create(SPEC, image.data);
  const data = Deno.readFileSync(catalog.dataPath("photos"));
  expect(data).toEqual(new Uint8Array(4096).fill(7));
  // Killed here: what is left is the same file twice, and goes.
  Deno.writeTextFileSync(`${folder}/import.json`, "junk");
  imports.recover();
  expect(exists(folder)).toBe(true);
  note("ab");
  imports.recover();
  expect(exists(folder)).toBe(false);
  expect(Deno.readFileSync(catalog.dataPath("photos"))).toEqual(data);
  expect(() => imports.stage(SPEC)).toThrow("There is already");
  Deno.removeSync(state, { recursive: true });
});

Deno.test("of an image in a bucket the folder becomes the volume's, and its key is at one place or at the other", () => {
  const state = Deno.makeTempDirSync({ prefix: "vault-imports-" });
  const catalog = new Catalog(`${state}/volumes`, { primitives, clock });
  const imports = new Imports(`${state}/imports`, catalog);
  const folder = imports.stage(SPEC);
  const half = volumeFolder(folder);
  makeFolder(half);
  const key = { file: `${state}/photos.key` };
  new BucketFolder(half, primitives).begin(key);
  const bucket = {
    ...{ url: "s3://backup/photos", cacheBytes: 2 ** 20 },
    journalBytes: 2 ** 26,
  };
  const note = {
    ...{ version: 1, sizeBytes: 4096, blockSizeBytes: 512, bucket } as const,
    ...{ doneBytes: 4096, soFar: "ab".repeat(32) },
  };
  keepImport(folder, note);
  expect(() => imports.finished(SPEC)).toThrow("No image was imported");
  keepImport(folder, { ...note, sha256: note.soFar });
  expect(() => imports.finished({ ...SPEC, blockSizeBytes: 4096 }))
    .toThrow("No image was imported");
  expect(imports.finished(SPEC)).toEqual({ folder: half, bucket });

  // Another was made in its place meanwhile: nobody else has the key.
  const other = new Catalog(`${state}/volumes`, { primitives, clock });
  other.adopt(SPEC, imports.stage({ ...SPEC, name: "other" }), bucket);
  imports.recover();
  expect(exists(half)).toBe(true);
  catalog.delete("photos");

  expect(catalog.adopt(SPEC, half, bucket)).toMatchObject({ ...SPEC, bucket });
  expect(exists(half)).toBe(false);
  expect(catalog.get("photos").bucket).toEqual(bucket);
  expect(catalog.bucketFolder("photos").key()).toEqual(key);
  // Killed here: what is left of the import says nothing more, and goes.
  expect(exists(folder)).toBe(true);
  imports.recover();
  expect(exists(folder)).toBe(false);
  expect(() => imports.stage(SPEC)).toThrow("There is already");
  Deno.removeSync(state, { recursive: true });
});
