/** `vault volume import` and `export`, raw and qcow2, judged by qemu-img; and by the initiator that reads the disk. */
import { expect } from "expect";
import { randomImage, sameFiles } from "../harness/images.ts";
import { compareImages } from "../harness/qemu.ts";
import { runOk } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { Machine } from "../harness/vault.ts";

const SIZE_MIB = 130;

interface Imported {
  readonly sizeBytes: number;
  readonly sha256: string;
}

async function sha256Of(path: string): Promise<string> {
  const said = await runOk({ command: "sha256sum", args: [path] });
  return said.split(" ")[0]!;
}

/** An image with holes: at its beginning, in the middle, at its end. */
function thinImage(path: string): void {
  randomImage(path, 70);
  using file = Deno.openSync(path, { write: true });
  file.truncateSync(SIZE_MIB * 2 ** 20);
  file.seekSync(100 * 2 ** 20 + 512, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(5000).fill(9));
}

scenario("a volume comes and goes as an image", {
  peers: ["qemu-img", "linux"],
  timeoutMs: 120_000,
}, async () => {
  using dir = new TempDir();
  // A name that qemu-img would take for options, if it were let.
  const raw = dir.at("a,b:c=d.img");
  const qcow = dir.at("a,size=1.qcow2");
  thinImage(raw);
  await runOk({
    command: "qemu-img",
    args: ["convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow],
  });
  const digest = await sha256Of(raw);
  const node = new Machine(dir.at("node"));
  await node.ok("init");
  for (const [name, file] of [["one", raw], ["two", qcow]] as const) {
    const made = await node.json<Imported>(
      ...["volume", "import", file, "--name", name],
    );
    expect(made).toMatchObject({
      sizeBytes: SIZE_MIB * 2 ** 20,
      sha256: digest,
    });
    const data = dir.at(`node/node/volumes/${name}/data`);
    expect(sameFiles(raw, data)).toBe(true);
    // Holes, and zeros that were written out, take no room.
    const { blocks } = Deno.statSync(data);
    expect(blocks! * 512).toBeLessThan(66 * 2 ** 20);
  }
  for (const format of ["raw", "qcow2"]) {
    const file = dir.at(`out,.${format}`);
    const done = await node.json<Imported>(
      ...["volume", "export", "two", file, "--format", format],
    );
    expect(done.sha256).toBe(digest);
    expect(Deno.statSync(file).mode! & 0o777).toBe(0o600);
    expect(Deno.statSync(file).blocks! * 512).toBeLessThan(66 * 2 ** 20);
    if (format === "raw") await compareImages(file, raw);
    else {
      await runOk({
        command: "qemu-img",
        args: ["compare", "-f", "qcow2", "-F", "raw", file, raw],
      });
    }
  }
  expect(await node.json("snapshot", "list")).toEqual([]);
  expect([...Deno.readDirSync(dir.at("node/node/imports"))]).toEqual([]);
});

scenario("an image that leans on other files is not read", {
  peers: ["qemu-img", "linux"],
}, async () => {
  using dir = new TempDir();
  const secret = dir.at("secret");
  Deno.writeFileSync(secret, new Uint8Array(2 ** 20).fill(7));
  const leaning = dir.at("leaning.qcow2");
  const outside = dir.at("outside.qcow2");
  await runOk({
    command: "qemu-img",
    args: ["create", "-f", "qcow2", "-b", secret, "-F", "raw", leaning],
  });
  await runOk({
    command: "qemu-img",
    args: [
      ...["create", "-f", "qcow2", outside, "1M"],
      ...["-o", `data_file=${dir.at("other")},data_file_raw=on`],
    ],
  });
  const node = new Machine(dir.at("node"));
  await node.ok("init");
  for (const image of [leaning, outside]) {
    const { code, stderr } = await node.run(
      ["volume", "import", image, "--name", "disk"],
    );
    expect([code, stderr]).toEqual([4, expect.stringContaining("leans on")]);
  }
  expect(await node.json("volume", "list")).toEqual([]);
  // As what it is, byte for byte, it may come.
  await node.ok(
    "volume",
    "import",
    leaning,
    "--name",
    "disk",
    "--format",
    "raw",
    "--pad",
  );
});
