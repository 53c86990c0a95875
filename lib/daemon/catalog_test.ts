import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { join } from "../os/paths.ts";
import { Catalog } from "./catalog.ts";

const WORLD = { primitives: systemPrimitives, clock: systemClock };

const SPEC = {
  name: "photos",
  sizeBytes: 1 << 20,
  blockSizeBytes: 512,
  readOnly: false,
} as const;

async function withCatalog(
  run: (catalog: Catalog, folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "vault-catalog-" });
  try {
    await run(
      new Catalog(join(folder, "volumes"), WORLD),
      join(folder, "volumes"),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a created volume is listed with a stable identity, thin, and gone once deleted", () =>
  withCatalog(async (catalog, folder) => {
    const made = await catalog.create(SPEC);
    expect(made.naa).toMatch(/^3[0-9a-f]{15}$/);
    expect(new Catalog(folder, WORLD).list()).toEqual([made]);
    const data = catalog.openData(made);
    expect([data.size(), data.allocated()]).toEqual([1 << 20, 0]);
    data.close();
    catalog.delete("photos");
    expect(catalog.list()).toEqual([]);
    expect([...Deno.readDirSync(folder)]).toEqual([]);
    expect(() => catalog.get("photos")).toThrow('There is no volume "photos"');
  }));

Deno.test("names and sizes that make no sense are refused, and nothing is made", () =>
  withCatalog(async (catalog, folder) => {
    for (const name of ["", "A", "../x", "a b", "-a", "a-", "a".repeat(64)]) {
      await expect(catalog.create({ ...SPEC, name })).rejects.toThrow(
        "cannot be the name",
      );
      expect(() => catalog.get(name)).toThrow("There is no volume");
    }
    for (const sizeBytes of [0, -512, 513, 2 ** 52 + 512, NaN, 0.5]) {
      await expect(catalog.create({ ...SPEC, sizeBytes })).rejects.toThrow(
        "cannot have",
      );
    }
    expect(catalog.list()).toEqual([]);
    // Fails when the document is written, after the data were made.
    const readOnly = {
      toJSON() {
        throw new Error("No room");
      },
    } as unknown as boolean;
    await expect(catalog.create({ ...SPEC, readOnly })).rejects.toThrow(
      "No room",
    );
    expect([...Deno.readDirSync(folder)]).toEqual([]);
    await catalog.create(SPEC);
    await expect(catalog.create(SPEC)).rejects.toThrow("already a volume");
  }));

Deno.test("what a crash left half made is removed, and a volume stays", () =>
  withCatalog(async (catalog, folder) => {
    await catalog.create(SPEC);
    Deno.mkdirSync(join(folder, ".photos.half"));
    Deno.writeTextFileSync(join(folder, ".photos.half", "data"), "x");
    Deno.writeTextFileSync(
      join(folder, "photos", `reservations.json.${crypto.randomUUID()}.new`),
      "{",
    );
    expect(catalog.list().length).toBe(1);
    catalog.recover();
    expect(
      [...Deno.readDirSync(join(folder, "photos"))].map(({ name }) => name)
        .sort(),
    ).toEqual(["data", "volume.json"]);
    expect([...Deno.readDirSync(folder)].map((entry) => entry.name)).toEqual([
      "photos",
    ]);
  }));

Deno.test("data longer than its document is cut, so that growing again shows zeros; shorter is refused", () =>
  withCatalog(async (catalog) => {
    const made = await catalog.create(SPEC);
    const data = catalog.openData(made);
    data.write(512, Uint8Array.of(7));
    data.close();
    catalog.update({ ...made, sizeBytes: 512 });
    catalog.openData(catalog.get("photos")).close();
    expect(Deno.statSync(catalog.dataPath("photos")).size).toBe(512);
    catalog.update(made);
    expect(() => catalog.openData(made)).toThrow(
      "has 512 bytes and should have 1048576",
    );
  }));

Deno.test("what a shrinking that failed did not cut never comes back", () =>
  withCatalog(async (catalog) => {
    const made = await catalog.create(SPEC);
    const data = catalog.openData(made);
    data.write(4096, Uint8Array.of(7));
    data.close();
    // The document says 512 bytes, and then came the crash.
    const small = { ...made, sizeBytes: 512 };
    catalog.update(small);
    await catalog.resize(small, 8192);
    const { sizeBytes } = catalog.get("photos");
    expect(sizeBytes).toBe(8192);
    expect(Deno.readFileSync(catalog.dataPath("photos"))).toEqual(
      new Uint8Array(8192),
    );
    await catalog.resize(catalog.get("photos"), 1024);
    expect(catalog.get("photos").sizeBytes).toBe(1024);
    expect(Deno.statSync(catalog.dataPath("photos")).size).toBe(1024);
  }));

Deno.test("a damaged document is named, not overwritten", () =>
  withCatalog(async (catalog, folder) => {
    await catalog.create(SPEC);
    const path = join(folder, "photos", "volume.json");
    for (const text of ["", "{", "[]", '{"version":2}']) {
      Deno.writeTextFileSync(path, text);
      expect(() => catalog.get("photos")).toThrow(`Cannot use ${path}`);
      expect(catalog.list()).toEqual([]);
      expect(catalog.survey().get("photos")).toMatchObject({
        message: expect.stringContaining(`Cannot use ${path}`),
      });
      expect(Deno.readTextFileSync(path)).toBe(text);
    }
  }));
