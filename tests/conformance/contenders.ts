/** Whom the suite judges: the tunnel and tgt, each with a disk for every run. The disks hold nothing and may be destroyed. */
import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { type FoundDisk, onlyDisk } from "../harness/libiscsi.ts";
import { freePort, listens } from "../harness/loopback.ts";
import { Tgt } from "../harness/tgt.ts";
import { until } from "../harness/until.ts";
import { enrol, Machine, startAttach, Tunnel } from "../harness/vault.ts";
import type { RunName } from "./runs.ts";

/** Small, because SANITIZE writes all of it; large enough for every limit that the suite meets. */
const DISK_MIB = 64;
/** Large enough for SANITIZE to be noticed. */
const LARGE_DISK_MIB = 768;
const MIB = 1024 * 1024;

const sizeMib = (run: RunName) =>
  run === "large and full" ? LARGE_DISK_MIB : DISK_MIB;

export interface Contender {
  readonly name: "vault" | "tgt";
  open(run: RunName): Promise<OpenedDisk>;
}

export interface OpenedDisk extends AsyncDisposable {
  /** One, or two where two ways lead to the disk. */
  readonly urls: readonly string[];
}

/** `vault serve` with a volume, and `vault attach` once or twice. */
export const vault: Contender = {
  name: "vault",
  async open(run) {
    const opened = new AsyncDisposableStack();
    try {
      // The suite is what a cluster is: two initiators that keep each other off by reservations.
      const args = run === "two portals" ? ["--shared"] : [];
      const tunnel = opened.use(
        await Tunnel.open({
          attachArgs: args,
          volumes: [{
            name: "disk",
            size: `${sizeMib(run)}MiB`,
            blockSize: run === "4096-byte blocks" ? 4096 : 512,
            readOnly: run === "read-only",
            removable: run === "removable",
          }],
        }),
      );
      const portals = [tunnel.portal];
      if (run === "two portals") {
        // One state folder attaches a volume once, so the other way is another enrolled device's.
        const portalPort = freePort();
        const { node, servePort: port } = tunnel;
        const device = new Machine(tunnel.dir.at("second"));
        await enrol({ node, device, name: "second", port });
        opened.use(await startAttach(device, "disk", { portalPort, args }));
        portals.push(`127.0.0.1:${portalPort}`);
      }
      const disks = await Promise.all(
        portals.map((portal) => onlyDisk(portal)),
      );
      if (run === "large and full") await fill(disks[0]!);
      return opening(opened, disks.map(({ url }) => url));
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  },
};

/** tgt as it comes, with the one setting that a run needs. */
export const tgt: Contender = {
  name: "tgt",
  async open(run) {
    const opened = new AsyncDisposableStack();
    try {
      const target = opened.use(
        await Tgt.start({
          sizeBytes: sizeMib(run) * MIB,
          blockSizeBytes: run === "4096-byte blocks" ? 4096 : 512,
        }),
      );
      if (run === "read-only") await target.setUnit("readonly=1");
      if (run === "removable") await target.setUnit("removable=1");
      const urls = [target.url()];
      if (run === "two portals") {
        const port = freePort();
        await target.addPortal(port);
        await until("tgt's second portal", () => listens(port));
        urls.push(target.url(port));
      }
      if (run === "large and full") {
        await fill(await onlyDisk(`127.0.0.1:${target.port}`));
      }
      return opening(opened, urls);
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  },
};

/** Writes all of a disk. */
async function fill({ portal, iqn, lun }: FoundDisk): Promise<void> {
  const session = await connectInitiator({
    duplex: await connectTcp(parseAddress(portal)),
    primitives: systemPrimitives,
    initiatorName: "iqn.2026-01.test.vault:filler",
    targetName: iqn,
  });
  const disk = await openDisk(session, lun);
  const { blocks, blockSizeBytes } = disk.capacity;
  const bytes = new Uint8Array(4 * MIB).fill(0x5a);
  const step = bytes.length / blockSizeBytes;
  for (let lba = 0; lba < blocks; lba += step) await disk.write(lba, bytes);
  await session.logout();
}

function opening(
  opened: AsyncDisposableStack,
  urls: readonly string[],
): OpenedDisk {
  return { urls, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
