/** `vault volume import` and `export`, raw and qcow2, judged by qemu-img; and by the initiator that reads the disk. Into a bucket, too. */
import { expect } from "expect";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import {
  BUCKET,
  objectsIn,
  STORE_KEYS,
  storeArgs,
} from "../harness/bucket_tunnel.ts";
import { Ceph } from "../harness/ceph.ts";
import { randomImage, sameFiles } from "../harness/images.ts";
import { compareImages } from "../harness/qemu.ts";
import { freePort } from "../harness/loopback.ts";
import { runOk, start } from "../harness/process.ts";
import { CEPH_PEERS, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually } from "../harness/until.ts";
import { Machine, startServe, vaultCommand } from "../harness/vault.ts";

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

/** How far an import says that it is. */
function doneBytes(note: string): number {
  try {
    return JSON.parse(Deno.readTextFileSync(note)).doneBytes;
  } catch {
    return 0;
  }
}

scenario("an image comes into a bucket, killed on its way", {
  peers: [...CEPH_PEERS, "qemu-img"],
  timeoutMs: 200_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  using dir = new TempDir();
  const raw = dir.at("thin.img");
  thinImage(raw);
  const digest = await sha256Of(raw);
  const node = new Machine(dir.at("node"));
  node.daemonEnv = STORE_KEYS;
  const serve = () => startServe(node, freePort());
  let serving = await serve();
  try {
    const importing = (...more: string[]) => [
      ...["volume", "import", raw, "--name", "photos", "--json"],
      ...[...storeArgs(ceph, "photos"), ...more],
    ];
    const refusal = async (
      args: string[],
      env: Record<string, string> = STORE_KEYS,
    ) => {
      const { code, stderr } = await node.run(args, { env });
      return [code, stderr];
    };
    expect(await refusal(importing("--read-only")))
      .toEqual([2, expect.stringContaining("can be written to")]);
    expect(
      await refusal(importing(), {
        ...STORE_KEYS,
        AWS_ACCESS_KEY_ID: "",
        AWS_EC2_METADATA_DISABLED: "true",
      }),
    )
      .toEqual([4, expect.stringContaining("AWS_ACCESS_KEY_ID")]);

    // Killed at each of these it goes on, and nobody finds a volume meanwhile.
    const note = dir.at("node/node/imports/photos/import.json");
    const kept = dir.at("node/node/imports/photos/volume/key");
    const keys = new Set<string>();
    for (const after of [1, 40 * 2 ** 20, SIZE_MIB * 2 ** 20]) {
      await using program = await start({
        ...vaultCommand(importing("--upload-limit", "4M")),
        env: { ...node.env, ...STORE_KEYS },
        ready: () => doneBytes(note) >= after,
        timeoutMs: 60_000,
      });
      await program.stop("SIGKILL");
      keys.add(Deno.readTextFileSync(kept));
      expect(await node.json("volume", "list")).toEqual([]);
    }
    expect(keys.size).toBe(1);
    // A node that is killed and started stands in nobody's way, and forgets nothing of it.
    await serving.stop("SIGKILL");
    serving = await serve();
    expect(
      await refusal([
        ...["volume", "import", raw, "--name", "photos"],
      ]),
    ).toEqual([6, expect.stringContaining(`begun into s3://${BUCKET}`)]);
    const elsewhere = importing().with(-1, `s3://${BUCKET}/else`);
    expect(await refusal(elsewhere))
      .toEqual([6, expect.stringContaining(`begun into s3://${BUCKET}`)]);

    const { code, stdout, stderr } = await node.run(importing(), {
      env: STORE_KEYS,
      timeoutMs: 60_000,
    });
    expect([code, stderr])
      .toEqual([0, expect.stringContaining("It was begun before")]);
    const made = JSON.parse(stdout) as
      & Imported
      & VolumeInfo
      & { recovery: string[] };
    expect(made).toMatchObject({
      ...{ sha256: digest, sizeBytes: SIZE_MIB * 2 ** 20, health: "ok" },
      bucket: { pendingBytes: 0 },
    });
    expect(made.recovery.length).toBe(4);
    expect(made.bucket?.upload).toBeUndefined();
    expect([...Deno.readDirSync(dir.at("node/node/imports"))]).toEqual([]);
    // Neither its holes nor its zeros are there, and each byte once, but for what kills have made to be sent again.
    const stored = (await objectsIn(ceph, "photos"))
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(made.bucket?.liveBytes).toBeLessThan(63 * 2 ** 20);
    expect(stored).toBeLessThan(100 * 2 ** 20);
    expect(await refusal(importing()))
      .toEqual([6, expect.stringContaining('already a volume "photos"')]);
    const other = importing().with(3, "--name").with(4, "other");
    expect(await refusal(other))
      .toEqual([6, expect.stringContaining("There is something in s3://")]);

    // Its limits can be changed while it is served.
    const show = async () =>
      (await node.json<VolumeInfo>("volume", "show", "photos")).bucket;
    const set = (...to: string[]) =>
      node.run(["volume", "set", "photos", ...to]);
    expect(await set("--cache", "3MiB", "--upload-limit", "1M", "--prefetch"))
      .toMatchObject({
        ...{ code: 0, stdout: 'Volume "photos" was changed.\n' },
        stderr: expect.stringContaining("when `vault serve` is started again"),
      });
    expect(await show()).toMatchObject({
      ...{ cacheBytes: 3 * 2 ** 20, upload: "1M", prefetch: true },
    });
    await serving.stop("SIGKILL");
    serving = await serve();
    await eventually(
      "all of it is in the cache, as far as it fits",
      async () => {
        expect((await show())!.cachedBytes).toBeGreaterThan(2 * 2 ** 20);
      },
      { timeoutMs: 30_000 },
    );
    expect((await set("--cache", "1MiB")).code).toBe(0);
    expect((await show())?.cachedBytes).toBeLessThanOrEqual(2 ** 20);

    // It is what the image was, also to whoever finds nothing of it on this machine.
    const out = dir.at("out.img");
    const exported = await node.run(
      ["volume", "export", "photos", out, "--json"],
      { env: STORE_KEYS, timeoutMs: 60_000 },
    );
    expect((JSON.parse(exported.stdout) as Imported).sha256).toBe(digest);
    await compareImages(out, raw);
  } finally {
    await serving.stop();
  }
});
