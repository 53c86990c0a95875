/** kill -9 in the middle of a SANITIZE: whoever comes afterwards hears that it is still going on, until all of it is done. */
import { expect } from "expect";
import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { parseSense } from "../../lib/initiator/sense.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp } from "../../lib/os/tcp.ts";
import { freePort } from "../harness/loopback.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually } from "../harness/until.ts";
import { createVolume, Machine, startServe } from "../harness/vault.ts";

/** Overwriting takes a second or two. */
const MIB = 128;
const SANITIZE_IN_PROGRESS = 0x041b;
const UNIT_ATTENTION = 6;

async function logIn(port: number, targetName: string) {
  const session = await connectInitiator({
    duplex: await connectTcp({ hostname: "127.0.0.1", port }),
    primitives: systemPrimitives,
    initiatorName: "iqn.2026-01.example:me",
    targetName,
  });
  /** The sense code of TEST UNIT READY, 0 for GOOD. */
  const ready = async (): Promise<number> => {
    for (;;) {
      const cdb = new Uint8Array(6);
      const { sense } = await session.command({ lun: 0, cdb });
      const parsed = parseSense(sense);
      if (parsed?.key !== UNIT_ATTENTION) return parsed?.code ?? 0;
    }
  };
  return { session, ready };
}

scenario(
  "a volume that was killed while it was sanitized is sanitized before anybody gets at it",
  {
    peers: ["linux"],
    timeoutMs: 120_000,
  },
  async () => {
    using dir = new TempDir();
    const node = new Machine(dir.at("node"));
    const [port, targetPort] = [freePort(), freePort()];
    const args = ["--target", `127.0.0.1:${targetPort}`];
    let iqn = "";
    // It listens for devices first.
    const reach = () =>
      eventually("the target answers", () => logIn(targetPort, iqn), {
        timeoutMs: 20_000,
      });
    {
      const serve = await startServe(node, port, args);
      await createVolume(node, { name: "disk", size: `${MIB}MiB` });
      ({ iqn } = await node.json<{ iqn: string }>("volume", "show", "disk"));
      const { session, ready } = await reach();
      expect(await ready()).toBe(0);
      // OVERWRITE, IMMED, one pass of 5a.
      const { status } = await session.command({
        lun: 0,
        cdb: Uint8Array.of(0x48, 0x81, 0, 0, 0, 0, 0, 0, 5, 0),
        dataOut: Uint8Array.of(1, 0, 0, 1, 0x5a),
      });
      expect(status).toBe(0);
      expect(await ready()).toBe(SANITIZE_IN_PROGRESS);
      await serve.stop("SIGKILL");
    }
    await using _again = await startServe(node, port, args);
    const { session, ready } = await reach();
    expect(await ready()).toBe(SANITIZE_IN_PROGRESS);
    await eventually("the volume is sanitized", async () => {
      expect(await ready()).toBe(0);
    }, { timeoutMs: 60_000 });
    const disk = await openDisk(session);
    const bytes = await disk.read(0, disk.capacity.blocks);
    expect(bytes.every((byte) => byte === 0x5a)).toBe(true);
    await session.logout();
  },
);
