/** kill -9 of an import or an export at any moment: begun again, it goes on, and what arrives is whole. */
import { expect } from "expect";
import { randomImage, sameFiles } from "../harness/images.ts";
import { Program } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { pause, until } from "../harness/until.ts";
import { Machine, vaultCommand } from "../harness/vault.ts";

const SIZE_MIB = 320;
const ROUNDS = 6;

/** The checkpoint in a note, 0 where there is none yet. */
function doneBytes(note: string): number {
  try {
    return JSON.parse(Deno.readTextFileSync(note)).doneBytes;
  } catch {
    return 0;
  }
}

/** Kills the command at moments spread over its work; true where one of them came after a checkpoint. */
async function killed(
  node: Machine,
  args: readonly string[],
  note: string,
): Promise<boolean> {
  let resumable = false;
  for (let round = 0; round < ROUNDS; round++) {
    const before = doneBytes(note);
    const command = new Program({ ...vaultCommand(args), env: node.env });
    await command.write("");
    if (round % 2 === 0) {
      await until(
        "it has come further, or has ended",
        () => doneBytes(note) > before || command.exited !== undefined,
      );
    }
    await pause(Math.random() * 200);
    await command.stop("SIGKILL");
    resumable ||= doneBytes(note) > 0;
    if (command.exited === 0) break;
  }
  return resumable;
}

scenario(
  "an import and an export that are killed go on, and what arrives is whole",
  {
    peers: ["linux"],
    timeoutMs: 240_000,
  },
  async () => {
    using dir = new TempDir();
    const image = dir.at("image");
    randomImage(image, SIZE_MIB);
    const node = new Machine(dir.at("node"));
    await node.ok("init");

    const staged = dir.at("node/node/imports/disk");
    const into = ["volume", "import", image, "--name", "disk"];
    expect(await killed(node, into, `${staged}/import.json`)).toBe(true);
    const names = async () =>
      (await node.json<{ name: string }[]>("volume", "list"))
        .map(({ name }) => name);
    if (!(await names()).includes("disk")) {
      // What is there is looked at, not believed.
      using data = Deno.openSync(`${staged}/data`, { write: true });
      data.seekSync(4096, Deno.SeekMode.Start);
      data.writeSync(new Uint8Array(100).fill(1));
      const { code, stderr } = await node.run(into, { timeoutMs: 60_000 });
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining("begun before"),
      ]);
    }
    expect(await names()).toEqual(["disk"]);
    expect(sameFiles(image, dir.at("node/node/volumes/disk/data"))).toBe(true);

    const file = dir.at("out");
    const out = ["volume", "export", "disk", file];
    const folder = `${file}.vault-export`;
    expect(await killed(node, out, `${folder}/export.json`)).toBe(true);
    const { code, stderr } = await node.run(out, { timeoutMs: 60_000 });
    // It may have been killed after its end.
    if (code !== 0) expect(stderr).toContain("is there already");
    expect(sameFiles(image, file)).toBe(true);
    expect([...Deno.readDirSync(dir.path)].map((entry) => entry.name).sort())
      .toEqual(["image", "node", "out"]);
    expect(await node.json("snapshot", "list")).toEqual([]);
  },
);
