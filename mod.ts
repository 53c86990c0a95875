/**
 * What `vault serve` and `vault attach` are made of, for programs of your own.
 *
 * Run a node and attach a volume of it, as the two commands do:
 *
 * ```ts
 * import { joinNode, runAttachment, runNode, silent } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const anyPort = { hostname: "127.0.0.1", port: 0 };
 *
 * const node = await runNode({ stateDir: `${folder}/vm`, listen: anyPort, log: silent });
 * await node.operations.createVolume({ name: "photos", sizeBytes: 2 ** 30, blockSizeBytes: 512, readOnly: false });
 * const { code } = await node.operations.invite({ name: "laptop", expiresMs: 60_000, advertise: node.listen });
 *
 * await joinNode({ stateDir: `${folder}/laptop`, code, log: silent });
 * const attachment = await runAttachment({
 *   stateDir: `${folder}/laptop`,
 *   volume: "photos",
 *   portal: anyPort,
 *   readOnly: false,
 *   log: silent,
 * });
 * // An initiator of this machine now finds the target `attachment.iqn` at `attachment.portal`.
 *
 * await attachment.stop();
 * await node.stop();
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * Offer a store as a disk, and use it as an initiator, here over a conversation in memory instead of a socket:
 *
 * ```ts
 * import { connectInitiator, Disk, duplexPair, MemoryStore, openDisk, serveConnection, silent, systemClock, systemPrimitives, Targets, Volume } from "./mod.ts";
 *
 * const targetName = "iqn.2026-11.internal.example:memory";
 * const world = { clock: systemClock, log: silent };
 * const store = new MemoryStore(2 ** 20);
 * const unit = new Disk({
 *   identity: { vendor: "EXAMPLE", product: "MEMORY", revision: "1", serial: "0001", naa: "3000000000000001", targetName },
 *   geometry: { blockSizeBytes: 512, sizeBytes: store.sizeBytes },
 *   readOnly: false,
 * });
 * const targets = new Targets(world);
 * targets.add({ iqn: targetName, name: "memory", units: new Map([[0, new Volume({ unit, store, ...world })]]) });
 *
 * const [near, far] = duplexPair();
 * const primitives = systemPrimitives;
 * serveConnection(far, { targets, targetAddress: "127.0.0.1:3260", device: "example", primitives, ...world });
 *
 * const session = await connectInitiator({ duplex: near, primitives, initiatorName: "iqn.2026-11.internal.example:me", targetName });
 * const disk = await openDisk(session);
 * await disk.write(0, new Uint8Array(512).fill(7));
 * await disk.flush();
 * const block = await disk.read(0, 1);
 * if (block[511] !== 7) throw new Error("the disk forgot");
 * await session.logout();
 * ```
 *
 * A store of your own implements {@linkcode Store}; `storeConformance` gives the checks that every store here passes:
 *
 * ```ts
 * import { MemoryStore, storeConformance } from "./mod.ts";
 *
 * for (const { check } of storeConformance((sizeBytes) => new MemoryStore(sizeBytes))) await check();
 * ```
 *
 * @module
 */

export { type Duplex, type Listener } from "./lib/base/duplex.ts";
export { duplexPair } from "./lib/base/duplex_pair.ts";
export { type Extent } from "./lib/base/extent.ts";
export { type Clock } from "./lib/base/clock.ts";
export { type Log, silent } from "./lib/base/log.ts";
export { type Primitives } from "./lib/base/primitives.ts";
export { ConnectionLost, PeerError, VaultError } from "./lib/base/errors.ts";

export { systemClock } from "./lib/os/clock.ts";
export { systemPrimitives } from "./lib/os/primitives.ts";
export { openFile } from "./lib/os/file.ts";
export {
  type Address,
  connectTcp,
  listenTcp,
  type TcpDuplex,
} from "./lib/os/tcp.ts";

export {
  type NodeOptions,
  type RunningNode,
  runNode,
} from "./lib/daemon/node.ts";
export {
  type AttachmentOptions,
  type OsLogin,
  runAttachment,
  type RunningAttachment,
} from "./lib/daemon/attachment.ts";
export {
  type JoinedNode,
  joinNode,
  type JoinNodeOptions,
} from "./lib/daemon/join_node.ts";
export type * from "./lib/control/operations.ts";

export {
  connectInitiator,
  type InitiatorOptions,
} from "./lib/initiator/initiator.ts";
export { type InitiatorSession } from "./lib/initiator/initiator_session.ts";
export { openDisk } from "./lib/initiator/disk.ts";

export { Disk, type DiskOptions } from "./lib/scsi/disk.ts";
export {
  type ConnectionOptions,
  serveConnection,
} from "./lib/target/connection.ts";
export { Targets, type TargetsOptions } from "./lib/target/targets.ts";
export { type TargetOptions } from "./lib/target/target.ts";
export { Volume, type VolumeOptions } from "./lib/target/volume.ts";

export { type Store } from "./lib/store/store.ts";
export { FileStore } from "./lib/store/file_store.ts";
export { MemoryStore } from "./lib/store/memory_store.ts";
export {
  type Check,
  conformance as storeConformance,
} from "./lib/store/conformance.ts";
