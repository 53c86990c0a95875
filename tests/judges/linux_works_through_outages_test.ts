/**
 * A Linux guest works on an ext4 and on the raw disk while the network between the two ends fails: resets, a stall, an outage, another
 * address, and a restart of `serve`. No I/O error, no file system that turns read-only, every checksum right.
 *
 *     OUTAGE_S=60 deno test -A tests/judges/linux_works_through_outages_test.ts      the outage as long as that; 20 s unless told otherwise
 */
import { expect } from "expect";
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { Proxy } from "../harness/proxy.ts";
import { scenario } from "../harness/scenario.ts";
import { pause } from "../harness/until.ts";
import { startServe, Tunnel } from "../harness/vault.ts";

const OUTAGE_S = Number(Deno.env.get("OUTAGE_S") ?? 20);
const STALL_S = 9;
const RESETS = 30;
/** From the guest's start to its first load, with time to spare. */
const BOOT_S = 25;
/** The load goes on for so long after the last event. */
const AFTER_S = 15;
const RESET_EVERY_MS = 500;

scenario(
  "Linux works through resets, a stall, an outage, another address and a restart of serve",
  {
    peers: ["iscsi-ls", ...GUEST_PEERS],
    timeoutMs: GUEST_SCENARIO_MS + 4 * OUTAGE_S * 1000,
  },
  async () => {
    let proxy: Proxy | undefined;
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "128MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    await using between = proxy!;
    const eventsS = 5 + RESETS * RESET_EVERY_MS / 1000 + STALL_S + OUTAGE_S +
      20;
    const happened: string[] = [];
    const events = (async () => {
      await pause(BOOT_S * 1000);
      for (let n = 0; n < RESETS; n++) {
        between.cutAll();
        await pause(RESET_EVERY_MS);
      }
      happened.push("resets");
      hold(between);
      await pause(STALL_S * 1000);
      letGo(between);
      happened.push("stall");
      await pause(3000);
      // Nobody can be reached, and what was sent is gone.
      hold(between);
      const lost = [...between.open];
      await pause(OUTAGE_S * 1000);
      for (const passage of lost) passage.cut();
      letGo(between);
      happened.push("outage");
      await pause(5000);
      // The device comes from elsewhere: the node has not noticed that the old connection is of no use any more.
      hold(between);
      for (const passage of between.open) passage.cutTowardsClient();
      letGo(between);
      happened.push("address");
      await pause(5000);
      await tunnel.serve.stop("SIGTERM");
      tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
      happened.push("restart");
    })();
    const output = await runGuest("outage.sh", {
      PORTAL_PORT: portOf(tunnel.portal),
      RUNTIME: BOOT_S + eventsS + AFTER_S,
    }, { timeoutS: 150 + 3 * OUTAGE_S });
    await events;
    expect(happened).toEqual([
      "resets",
      "stall",
      "outage",
      "address",
      "restart",
    ]);
    for (const line of ["ok: fio verify", "ok: still writable", "ok: fsck"]) {
      expect(output).toContain(line);
    }
  },
);

function hold(proxy: Proxy): void {
  proxy.hold("toServer");
  proxy.hold("toClient");
}

function letGo(proxy: Proxy): void {
  proxy.release("toServer");
  proxy.release("toClient");
}
