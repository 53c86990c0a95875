/** A Linux kernel makes ext4 on the disk, fills it, logs out and in again, and finds every file and a clean file system. */
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";

scenario("Linux keeps a file system on it", {
  peers: [...throughTunnel.peers, ...GUEST_PEERS],
  timeoutMs: GUEST_SCENARIO_MS,
}, async () => {
  await using subject = await throughTunnel.open({ sizeMib: 192 });
  await runGuest("ext4.sh", {
    PORTAL_PORT: portOf(subject.disk.portal),
    NEED_TRIM: 1,
  });
});
