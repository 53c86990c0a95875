/** sg3_utils in a Linux guest: what each command prints, writes and must be refused; by two initiators where one alone shows nothing. */
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";

scenario("the SCSI tools of Linux run clean", {
  peers: [...throughTunnel.peers, ...GUEST_PEERS],
  timeoutMs: GUEST_SCENARIO_MS,
}, async () => {
  await using subject = await throughTunnel.open({ sizeMib: 32 });
  await runGuest("sg3_utils.sh", {
    PORTAL_PORT: portOf(subject.disk.portal),
  });
});
