/** A program that writes to a disk without end, many writes at a time: PORTAL IQN. It says "writing" once some are done. */

import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { blocks } from "./two_devices.ts";

const DEPTH = 32;

const [portal = "", targetName = ""] = Deno.args;
const login = async () =>
  await openDisk(
    await connectInitiator({
      duplex: await connectTcp(parseAddress(portal)),
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-11.internal.vault:scribbler",
      targetName,
    }),
  );
let disk = await login();
for (let n = 1;; n++) {
  try {
    await Promise.all(
      Array.from({ length: DEPTH }, (_, at) => disk.write(at * 8, blocks(n))),
    );
    if (n === 3) console.error("writing");
  } catch (thrown) {
    console.error(`cut: ${thrown}`);
    try {
      disk = await login();
      console.error("logged in again");
    } catch (thrown) {
      console.error(`refused: ${thrown}`);
      Deno.exit(9);
    }
  }
}
