/** kill -9 of serve while snapshots are made and put back: each is there whole or not at all, and the volume is of one of them. */
import { expect } from "expect";
import { randomImage, sameFiles } from "../harness/images.ts";
import { freePort } from "../harness/loopback.ts";
import { Program } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { pause } from "../harness/until.ts";
import { Machine, startServe, vaultCommand } from "../harness/vault.ts";

const SIZE_MIB = 48;
const ROUNDS = 8;

scenario(
  "snapshots and restores are whole or not at all after kill -9 of serve",
  {
    peers: ["linux"],
    timeoutMs: 240_000,
  },
  async () => {
    using dir = new TempDir();
    const [a, b] = [dir.at("a"), dir.at("b")];
    const node = new Machine(dir.at("node"));
    const volume = dir.at("node/node/volumes/disk");
    await node.ok("init");
    randomImage(a, SIZE_MIB);
    randomImage(b, SIZE_MIB / 2);
    // Two snapshots, of different size, that the volume goes to and fro between.
    await node.ok("volume", "import", b, "--name", "disk");
    await node.ok("snapshot", "create", "disk", "b");
    await node.ok("volume", "resize", "disk", `${SIZE_MIB}MiB`);
    Deno.copyFileSync(a, `${volume}/data`);
    await node.ok("snapshot", "create", "disk", "a");

    const port = freePort();
    for (let round = 0; round < ROUNDS; round++) {
      const serve = await startServe(node, port);
      const before = sameFiles(a, `${volume}/data`) ? "a" : "b";
      const [name, other] = [`s${round}`, before === "a" ? "b" : "a"];
      const args = round % 2 === 0
        ? ["snapshot", "create", "disk", name]
        : ["snapshot", "restore", "disk", other, "--yes"];
      const command = new Program({ ...vaultCommand(args), env: node.env });
      await command.write("");
      await pause(Math.random() * 1500);
      await serve.stop("SIGKILL");
      await command.stop("SIGKILL");
      const snapshots = await node.json<{ name: string; sizeBytes: number }[]>(
        ...["snapshot", "list", "disk"],
      );
      const [disk] = await node.json<{ sizeBytes: number }[]>("volume", "list");
      const now = sameFiles(a, `${volume}/data`) ? "a" : "b";
      expect(sameFiles(now === "a" ? a : b, `${volume}/data`)).toBe(true);
      expect(disk?.sizeBytes).toBe(Deno.statSync(now === "a" ? a : b).size);
      if (round % 2 === 0) expect(now).toBe(before);
      for (const one of snapshots) {
        const data = `${volume}/snapshots/${one.name}/data`;
        const whole = sameFiles(a, data) || sameFiles(b, data);
        expect([one.name, whole]).toEqual([one.name, true]);
      }
      // Nothing half made is left.
      const left = [...Deno.readDirSync(`${volume}/snapshots`)];
      expect(left.length).toBe(snapshots.length);
      expect([...Deno.readDirSync(volume)].map((entry) => entry.name))
        .not.toContain("restored");
    }
  },
);
