/** fio in a Linux guest writes at random with checksums and reads back, at once and after a new login; plain and with both digests. */
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { scenario } from "../harness/scenario.ts";
import { throughTunnel } from "../harness/subject.ts";

const peers = [...throughTunnel.peers, ...GUEST_PEERS];

for (
  const [how, digests] of [
    ["", {}],
    [" with header and data digests", {
      HEADER_DIGEST: "CRC32C",
      DATA_DIGEST: "CRC32C",
    }],
  ] as const
) {
  scenario(`Linux reads back what it wrote${how}`, {
    peers,
    timeoutMs: GUEST_SCENARIO_MS,
  }, async () => {
    await using subject = await throughTunnel.open({ sizeMib: 128 });
    const output = await runGuest("fio-verify.sh", {
      PORTAL_PORT: portOf(subject.disk.portal),
      ...{ PERF: 0, RUNTIME: 8, SIZE: "64M", ...digests },
    });
    const wanted = "DATA_DIGEST" in digests ? "CRC32C" : "None";
    for (const digest of ["HeaderDigest", "DataDigest"]) {
      if (!output.includes(`${digest}: ${wanted}`)) {
        throw new Error(`Not negotiated: ${digest} ${wanted}\n${output}`);
      }
    }
  });
}
