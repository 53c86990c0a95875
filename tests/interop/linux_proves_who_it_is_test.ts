/** open-iscsi in a Linux guest: refused without the secret, let in with it, by every algorithm that it knows, and both ways. */
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";

scenario("Linux proves who it is by CHAP", {
  peers: [...throughTunnel.peers, ...GUEST_PEERS],
  timeoutMs: GUEST_SCENARIO_MS,
}, async () => {
  const target = { user: "disk-node", secret: "battery-staple" };
  const chap = { user: "alice", secret: "correct-horse-1", target };
  await using subject = await throughTunnel.open({ sizeMib: 64, chap });
  await runGuest("chap.sh", {
    PORTAL_PORT: portOf(subject.disk.portal),
    CHAP_USER: chap.user,
    CHAP_PASS: chap.secret,
    CHAP_USER_IN: target.user,
    CHAP_PASS_IN: target.secret,
    CHAP_ALGS: "MD5 SHA1 SHA256 SHA3-256",
  });
});
