import { expect } from "expect";
import { MAX_SNAPSHOTS, SnapshotFolder } from "./snapshot_folder.ts";

Deno.test("a volume has so many snapshots and no more, and a damaged one can go", () => {
  const path = Deno.makeTempDirSync({ prefix: "vault-snapshots-" });
  const folder = new SnapshotFolder("photos", path);
  const make = (name: string) =>
    folder.finish(folder.begin(name), {
      version: 1,
      name,
      createdAt: "2026-11-22T12:00:00.000Z",
      sizeBytes: 512,
      blockSizeBytes: 512,
    });
  for (let at = 0; at < MAX_SNAPSHOTS; at++) {
    folder.expectFree(`s${at}`);
    make(`s${at}`);
  }
  expect(() => folder.expectFree("more")).toThrow("at most 256");
  expect(folder.list().length).toBe(MAX_SNAPSHOTS);
  Deno.writeTextFileSync(`${path}/snapshots/s7/snapshot.json`, "junk");
  expect(() => folder.list()).toThrow("Cannot use");
  folder.delete("s7");
  expect(folder.list().length).toBe(MAX_SNAPSHOTS - 1);
  folder.expectFree("more");
  for (const name of ["", "..", ".x", "A", "a/b", "-a", "a".repeat(64)]) {
    expect(() => folder.expectFree(name)).toThrow("cannot be the name");
    expect(() => folder.get(name)).toThrow("There is no snapshot");
    expect(() => folder.delete(name)).toThrow("There is no snapshot");
  }
  Deno.removeSync(path, { recursive: true });
});
