/** Three volumes behind one target are three disks of a Linux kernel, and sg_xcopy lets the target copy from one to another. */
import { GUEST_PEERS, GUEST_SCENARIO_MS, runGuest } from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";
import { Tunnel } from "../harness/vault.ts";

scenario("Linux copies from disk to disk of one target", {
  peers: [...throughTunnel.peers, ...GUEST_PEERS],
  timeoutMs: GUEST_SCENARIO_MS,
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "64M" }],
    prepare: async (node) => {
      const behind = ["--target", "disk", "--size", "64M"];
      await node.ok("volume", "create", "other", ...behind, "--lun", "3");
      await node.ok(
        "volume",
        "create",
        "wide",
        ...behind,
        "--block-size",
        "4096",
      );
    },
  });
  await runGuest("units.sh", {
    PORTAL_PORT: tunnel.portalPort,
    LUNS: "0 3 1",
  });
});
