import { expect } from "expect";
import {
  ReflinkFolder,
  whyNoReflinkFolder,
} from "../../tests/harness/reflink_folder.ts";
import { scenario } from "../../tests/harness/scenario.ts";
import { freeBytes } from "./free_space.ts";
import { openFile } from "./file.ts";
import { reflink } from "./reflink.ts";

const SIZE_BYTES = 8 * 2 ** 20;

function withFiles(
  folder: string,
  test: (paths: { from: string; to: string }) => Promise<void>,
): Promise<void> {
  const from = `${folder}/from`;
  Deno.writeFileSync(from, new Uint8Array(SIZE_BYTES).fill(7));
  return test({ from, to: `${folder}/to` });
}

scenario(
  "where the file system can, a copy shares its bytes and keeps them when the other changes",
  {
    peers: ["root", "mkfs.xfs"],
    unable: whyNoReflinkFolder,
  },
  async () => {
    using place = new ReflinkFolder();
    await withFiles(place.path, async ({ from, to }) => {
      const file = openFile(from);
      await file.sync();
      const before = freeBytes(place.path)!;
      expect(await reflink(from, to)).toBe(true);
      expect(before - freeBytes(place.path)!).toBeLessThan(SIZE_BYTES / 2);
      file.write(4096, new Uint8Array(4096).fill(9));
      file.close();
      expect(Deno.readFileSync(to)).toEqual(new Uint8Array(SIZE_BYTES).fill(7));
      expect(Deno.statSync(to).mode! & 0o777).toBe(0o600);
    });
  },
);

Deno.test("a file that is there is not written over, and one that is not is an error", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-reflink-" });
  await withFiles(folder, async ({ from, to }) => {
    Deno.writeTextFileSync(to, "mine");
    await expect(reflink(from, to)).rejects.toThrow("Cannot open");
    expect(Deno.readTextFileSync(to)).toBe("mine");
    await expect(reflink(`${folder}/none`, `${to}2`)).rejects.toThrow("none");
  });
  Deno.removeSync(folder, { recursive: true });
});

scenario("where it cannot, it says so and leaves nothing", {
  peers: ["linux"],
}, async () => {
  // tmpfs has never been able to.
  const folder = Deno.makeTempDirSync({ dir: "/dev/shm", prefix: "vault-" });
  await withFiles(folder, async ({ from, to }) => {
    expect(await reflink(from, to)).toBe(false);
    expect([...Deno.readDirSync(folder)].map(({ name }) => name)).toEqual([
      "from",
    ]);
    expect(to).toContain(folder);
  });
  Deno.removeSync(folder, { recursive: true });
});
