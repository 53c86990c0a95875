/**
 * Serves one file as a disk on loopback TCP, without a tunnel: for other people's initiators and for measuring.
 *
 *     deno run -A tests/bench/bare_target.ts PORT SIZE_BYTES FILE [512|4096] [--read-only] [--removable] [--chap=USER:SECRET]
 *
 * What was written lately is in the folder FILE.journal. What is being erased is noted nowhere: end it in the middle, and it stays half erased.
 */

import { utf8 } from "../../lib/base/bytes.ts";
import { silent } from "../../lib/base/log.ts";
import { openVolumeJournal } from "../../lib/daemon/volume_journal.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { openFile } from "../../lib/os/file.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { listenTcp } from "../../lib/os/tcp.ts";
import { Disk } from "../../lib/scsi/disk.ts";
import { stackStore } from "../../lib/store/stack.ts";
import { serveConnection } from "../../lib/target/connection.ts";
import { Targets } from "../../lib/target/targets.ts";
import { Volume } from "../../lib/target/volume.ts";
import { exists } from "../harness/exists.ts";

const IQN = "iqn.2026-01.example:bare";

const args = Deno.args.filter((arg) => !arg.startsWith("--"));
const [port, size, path, block] = args;
if (!port || !size || !path) {
  throw new Error("usage: bare_target.ts PORT SIZE_BYTES FILE [512|4096]");
}
const readOnly = Deno.args.includes("--read-only");
const chap = Deno.args.find((arg) => arg.startsWith("--chap="))?.slice(7);

const file = openFile(path, { create: !exists(path) });
if (file.size() !== Number(size)) file.truncate(Number(size));
const journal = await openVolumeJournal(`${path}.journal`, {
  sizeBytes: Number(size),
  primitives: systemPrimitives,
});
const store = stackStore({
  bottom: { kind: "journaled file", file, journal, clock: systemClock },
  readOnly,
});
const unit = new Disk({
  identity: {
    vendor: "VAULT",
    product: "BARE",
    revision: "1",
    serial: "bare0001",
    naa: "3000000000000001",
    targetName: IQN,
  },
  geometry: {
    blockSizeBytes: block === "4096" ? 4096 : 512,
    sizeBytes: store.sizeBytes,
  },
  readOnly,
  removable: Deno.args.includes("--removable"),
  erasureNotes: { write() {}, clear() {} },
  atomicWrites: !readOnly,
});
const log = Deno.args.includes("--verbose") ? stderrLog() : silent;
const clock = systemClock;
const targets = new Targets({ clock, log });
const [user, secret] = chap?.split(":") ?? [];
targets.add({
  iqn: IQN,
  name: "bare",
  units: new Map([[0, new Volume({ unit, store, clock, log })]]),
  chap: {
    users: user && secret ? [{ user, secret: utf8(secret) }] : [],
  },
});

const listener = listenTcp({ hostname: "127.0.0.1", port: Number(port) });
Deno.addSignalListener("SIGTERM", async () => {
  listener.close();
  await targets.drain(2000);
  await store.close();
  Deno.exit(0);
});
for (let duplex; (duplex = await listener.accept());) {
  serveConnection(duplex, {
    targets,
    targetAddress: listener.address,
    device: duplex.peerAddress,
    clock,
    primitives: systemPrimitives,
    log,
  });
}

function stderrLog() {
  const write = (message: string, facts?: Record<string, unknown>) =>
    Deno.stderr.writeSync(
      utf8(`${message}${facts ? ` ${JSON.stringify(facts)}` : ""}\n`),
    );
  return { debug: write, info: write, warn: write, error: write };
}
