/** A program that writes to a disk without end, many writes at a time: PORTAL IQN. It says "writing" once some are done. */

import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { blocks } from "./two_devices.ts";

const DEPTH = 32;

const say = (text: string) =>
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));

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
    if (n === 3) say("writing");
  } catch (thrown) {
    say(`cut: ${thrown}`);
    try {
      disk = await login();
      say("logged in again");
    } catch (thrown) {
      say(`refused: ${thrown}`);
      Deno.exit(9);
    }
  }
}
