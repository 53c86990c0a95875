/** Each daemon stays under 200 MiB with 32 requests of 256 KiB at once, also where the other end reads slowly or not at all. */
import { expect } from "expect";
import { onlyDisk } from "../harness/libiscsi.ts";
import { peakResidentBytes } from "../harness/proc_stat.ts";
import { Program } from "../harness/process.ts";
import { Proxy } from "../harness/proxy.ts";
import { loadDisk, qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { pause } from "../harness/until.ts";
import { Tunnel } from "../harness/vault.ts";

const LIMIT_BYTES = 200 * 1024 * 1024;
const KIB = 1024;
const BLOCK_BYTES = 256 * KIB;
/** What the whole disk is filled with. */
const PATTERN = 0x77;
/** How long a reader reads nothing: long enough for everything in between to fill up. */
const STALL_MS = 3000;

function expectBounded(tunnel: Tunnel, when: string): void {
  for (const end of ["serve", "attach"] as const) {
    const peak = peakResidentBytes(tunnel[end].pid);
    const mib = Math.round(peak / KIB / KIB);
    expect(`${when}: ${end} ${peak < LIMIT_BYTES ? "below 200" : mib} MiB`)
      .toBe(`${when}: ${end} below 200 MiB`);
  }
}

/** Starts 32 requests of 256 KiB at a time, more of them than end before the test does. */
function endlessLoad(url: string, write: boolean): Program {
  return new Program({
    command: "qemu-img",
    args: [
      ...["bench", "-f", "raw", "-t", "none", "-c", "1000000", "-d", "32"],
      ...[
        "-s",
        String(BLOCK_BYTES),
        ...(write ? ["-w", `--pattern=${PATTERN}`] : []),
        url,
      ],
    ],
  });
}

for (const write of [false, true]) {
  const doing = write ? "writes" : "reads";
  scenario(`memory stays bounded under ${doing}`, {
    peers: ["linux", "iscsi-ls", "qemu-img", "qemu-io", "qemu-iscsi"],
    timeoutMs: 120_000,
  }, async () => {
    let proxy: Proxy | undefined;
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "256MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    await using between = proxy!;
    const { url } = await onlyDisk(tunnel.portal);
    await loadDisk(url, {
      ...{ write: true, blockBytes: BLOCK_BYTES, strideBytes: BLOCK_BYTES },
      ...{ depth: 32, requests: 1024, pattern: PATTERN },
    });
    await loadDisk(url, {
      ...{ write, blockBytes: BLOCK_BYTES, strideBytes: BLOCK_BYTES },
      ...{ depth: 32, requests: 2000, pattern: PATTERN },
    });
    expectBounded(tunnel, "at full speed");

    // An initiator that stops, and others beside it that do not.
    const stalled = endlessLoad(url, write);
    await pause(500);
    stalled.signal("SIGSTOP");
    await pause(STALL_MS);
    await qemuIoOk(url, [
      `read -P ${PATTERN} 0 4M`,
      `write -P ${PATTERN} 0 4M`,
    ]);
    expectBounded(tunnel, "with a stalled initiator");
    stalled.signal("SIGCONT");
    await stalled.stop("SIGKILL");

    // A network that stops, in the direction of the data.
    const load = endlessLoad(url, write);
    await pause(500);
    between.hold(write ? "toServer" : "toClient");
    await pause(STALL_MS);
    expectBounded(tunnel, "with a stalled network");
    between.release(write ? "toServer" : "toClient");
    await qemuIoOk(url, [`read -P ${PATTERN} 0 4M`]);
    await load.stop("SIGKILL");
    expectBounded(tunnel, "afterwards");
  });
}
