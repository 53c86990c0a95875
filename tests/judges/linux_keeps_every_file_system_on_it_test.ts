/**
 * ext4 with discard, XFS, btrfs, NTFS and LUKS2 with integrity, one after the other in one guest: files stay what they were over a new
 * login and beside what was discarded, and each file system's own checker finds no fault.
 */
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";

const GUEST_S = 240;

scenario("Linux keeps every file system on it", {
  peers: [...throughTunnel.peers, ...GUEST_PEERS],
  timeoutMs: GUEST_SCENARIO_MS + GUEST_S * 1000,
}, async () => {
  await using subject = await throughTunnel.open({ sizeMib: 384 });
  await runGuest("file_systems.sh", {
    PORTAL_PORT: portOf(subject.disk.portal),
    FILE_SYSTEMS: "ext4 xfs btrfs ntfs luks",
  }, { timeoutS: GUEST_S });
});
