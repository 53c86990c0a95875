/** kill -9 at any moment: the state folder can be read afterwards, and holds all that was acknowledged. Nobody else can read it. */
import { expect } from "expect";
import { onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { qemuIo, qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { eventually, pause } from "../harness/until.ts";
import {
  createVolume,
  enrol,
  Machine,
  startAttach,
  startServe,
  Tunnel,
  vaultCommand,
} from "../harness/vault.ts";
import { Program } from "../harness/process.ts";
import { TempDir } from "../harness/temp_dir.ts";

const ROUNDS = 8;

interface Volume {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Rejects where somebody else could read or change something in `folder`. */
function expectPrivate(folder: string): void {
  const walk = (path: string) => {
    const { mode, isDirectory } = Deno.lstatSync(path);
    expect([path, ((mode ?? 0) & 0o077).toString(8)]).toEqual([path, "0"]);
    if (!isDirectory) return;
    for (const { name } of Deno.readDirSync(path)) walk(`${path}/${name}`);
  };
  walk(folder);
}

scenario("what serve acknowledged survives kill -9 at any moment", {
  peers: ["linux"],
  timeoutMs: 180_000,
}, async () => {
  using dir = new TempDir();
  const node = new Machine(dir.at("node"));
  const device = new Machine(dir.at("device"));
  const port = freePort();
  {
    await using _first = await startServe(node, port);
    await createVolume(node, { name: "base", size: "16MiB" });
    await enrol({ node, device, name: "laptop", port });
  }
  const made = new Set<string>(["base"]);
  const invited = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const serve = await startServe(node, port);
    const changes = Array.from({ length: 6 }, async (_, at) => {
      const name = `v${round}-${at}`;
      const { code } = at % 2 === 0
        ? await node.run(["volume", "create", name, "--size", "8MiB"])
        : await node.run(["invite", name, "--advertise", `127.0.0.1:${port}`]);
      if (code === 0) (at % 2 === 0 ? made : invited).add(name);
    });
    await pause(50 + Math.random() * 700);
    await serve.stop("SIGKILL");
    await Promise.all(changes);
    const volumes = await node.json<Volume[]>("volume", "list");
    const names = new Set(volumes.map(({ name }) => name));
    for (const name of made) {
      expect([name, names.has(name)]).toEqual([name, true]);
    }
    // What was not acknowledged is there whole or not at all.
    for (const { name, sizeBytes } of volumes) {
      expect([name, sizeBytes]).toEqual([
        name,
        name === "base" ? 16 * 2 ** 20 : 8 * 2 ** 20,
      ]);
    }
    expectPrivate(node.state);
  }
  // The commands themselves, killed while they change a node that does not run.
  for (let round = 0; round < ROUNDS; round++) {
    const command = new Program({
      ...vaultCommand(["volume", "create", `w${round}`, "--size", "8MiB"]),
      env: node.env,
    });
    await command.write("");
    await pause(Math.random() * 400);
    await command.stop("SIGKILL");
    await node.json("volume", "list");
  }
  // The keys are those from the beginning: the device is let in.
  const portalPort = freePort();
  await using _serve = await startServe(node, port);
  await using _attach = await startAttach(device, "base", { portalPort });
  expectPrivate(device.state);
});

for (
  const [how, signal] of [["kill -9", "SIGKILL"], [
    "SIGTERM",
    "SIGTERM",
  ]] as const
) {
  scenario(`what was flushed survives ${how} of serve`, {
    peers: ["iscsi-ls", "qemu-io", "qemu-iscsi"],
  }, async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "64MiB" }],
    });
    const { url } = await onlyDisk(tunnel.portal);
    for (let round = 0; round < 3; round++) {
      await qemuIoOk(url, [
        `write -P ${0x61 + round} ${round * 8}M 8M`,
        "flush",
        `write -f -P ${0x71 + round} ${32 + round}M 256k`,
      ]);
      const busy = qemuIo(url, [
        "write -P 0x99 48M 16M",
        "write -P 0x99 48M 16M",
      ]);
      await pause(30);
      const code = await tunnel.serve.stop(signal);
      if (signal === "SIGTERM") expect(code).toBe(0);
      tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
      await busy;
      await eventually(
        "the disk is back",
        () => qemuIoOk(url, ["read 0 512"]),
        {
          timeoutMs: 40_000,
        },
      );
      for (let done = 0; done <= round; done++) {
        await qemuIoOk(url, [
          `read -P ${0x61 + done} ${done * 8}M 8M`,
          `read -P ${0x71 + done} ${32 + done}M 256k`,
        ]);
      }
    }
  });
}
