/**
 * What `vault serve` and `vault attach` are made of, for programs of your own. Every example here runs as a test.
 *
 * ## Run a node, attach a volume
 *
 * {@linkcode runNode} and {@linkcode runAttachment} are the two daemons, {@linkcode joinNode} makes a machine a device of a node, and
 * {@linkcode openNode} changes a node that does not run. They keep their keys and volumes in the same state folders as the commands do, so
 * a program and the commands can take turns.
 *
 * ```ts
 * import { joinNode, runAttachment, runNode } from "@vault/vault";
 *
 * const folder = await Deno.makeTempDir();
 * const anyPort = { hostname: "127.0.0.1", port: 0 };
 *
 * // On the VM:
 * const node = await runNode({ stateDir: `${folder}/vm`, listen: anyPort });
 * await node.operations.createVolume({ name: "photos", sizeBytes: 100 * 2 ** 30, blockSizeBytes: 512, readOnly: false });
 * const { code } = await node.operations.invite({ name: "laptop", expiresMs: 15 * 60_000, advertise: node.listen });
 *
 * // On the laptop:
 * await joinNode({ stateDir: `${folder}/laptop`, code });
 * const attachment = await runAttachment({ stateDir: `${folder}/laptop`, volume: "photos", portal: anyPort });
 * // An initiator of this machine now finds the target `attachment.iqn` at `attachment.portal`.
 *
 * await attachment.stop();
 * await node.stop();
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * ## Speak to a target as an initiator
 *
 * {@linkcode connectInitiator} logs in over a socket, or over anything else that is a {@linkcode Duplex}, to a target of this project or of
 * any other. {@linkcode openDisk} makes a disk of the session; {@linkcode InitiatorSession} sends any command.
 *
 * ```ts
 * import { connectInitiator, connectTcp, MemoryStore, offerStore, openDisk, parseAddress, systemPrimitives } from "@vault/vault";
 *
 * // Somebody's target that wants CHAP:
 * const secret = new TextEncoder().encode("correct horse");
 * const chap = { users: [{ user: "me", secret }] };
 * const store = new MemoryStore(2 ** 20);
 * const offered = offerStore({ store, targetName: "iqn.2026-11.internal.example:photos", chap });
 * const portal = offered.listen({ hostname: "127.0.0.1", port: 0 });
 *
 * const session = await connectInitiator({
 *   duplex: await connectTcp(parseAddress(portal)),
 *   primitives: systemPrimitives,
 *   initiatorName: "iqn.2026-11.internal.example:laptop",
 *   targetName: "iqn.2026-11.internal.example:photos",
 *   chap: { initiator: { user: "me", secret } },
 *   headerDigest: ["CRC32C"],
 *   dataDigest: ["CRC32C"],
 * });
 *
 * const disk = await openDisk(session);
 * const bytes = crypto.getRandomValues(new Uint8Array(4 * disk.capacity.blockSizeBytes));
 * await disk.write(8, bytes);
 * await disk.flush();
 * const back = await disk.read(8, 4);
 * if (back.some((byte, i) => byte !== bytes[i])) throw new Error("The disk forgot");
 *
 * // TEST UNIT READY, by hand:
 * const { status } = await session.command({ lun: 0, cdb: new Uint8Array(6) });
 * if (status !== 0x00) throw new Error(`Status ${status}`);
 *
 * await session.logout();
 * await offered.close();
 * ```
 *
 * ## Implement a store
 *
 * A {@linkcode Store} is bytes at offsets. {@linkcode MemoryStore} and {@linkcode FileStore} are two; a layer is one around another.
 * {@linkcode offerStore} makes a disk of any, and {@linkcode storeConformance} checks that one keeps the contract.
 *
 * ```ts
 * import { type Extent, FileStore, type Health, type Maybe, offerStore, openFile, type Store, storeConformance } from "@vault/vault";
 *
 * // Counts what is written to the store below.
 * class CountingStore implements Store {
 *   writtenBytes = 0;
 *   readonly #inner: Store;
 *   constructor(inner: Store) {
 *     this.#inner = inner;
 *   }
 *   get sizeBytes(): number {
 *     return this.#inner.sizeBytes;
 *   }
 *   get readOnly(): boolean {
 *     return this.#inner.readOnly;
 *   }
 *   get health(): Health {
 *     return this.#inner.health;
 *   }
 *   read(offset: number, into: Uint8Array): Maybe {
 *     return this.#inner.read(offset, into);
 *   }
 *   write(offset: number, from: Uint8Array): Maybe {
 *     this.writtenBytes += from.length;
 *     return this.#inner.write(offset, from);
 *   }
 *   unmap(extent: Extent): Maybe {
 *     return this.#inner.unmap(extent);
 *   }
 *   flush(): Promise<void> {
 *     return this.#inner.flush();
 *   }
 *   nextMapped(offset: number): Extent | undefined {
 *     return this.#inner.nextMapped(offset);
 *   }
 *   allocatedBytes(): number {
 *     return this.#inner.allocatedBytes();
 *   }
 *   resize(sizeBytes: number): Promise<void> {
 *     return this.#inner.resize(sizeBytes);
 *   }
 *   close(): Promise<void> {
 *     return this.#inner.close();
 *   }
 * }
 *
 * const folder = await Deno.makeTempDir();
 * let files = 0;
 * function newStore(sizeBytes: number): CountingStore {
 *   const file = openFile(`${folder}/${files++}`, { create: true });
 *   file.truncate(sizeBytes);
 *   return new CountingStore(new FileStore(file));
 * }
 *
 * // As tests: for (const { name, check } of …) Deno.test(name, check);
 * for (const { check } of await storeConformance(newStore)) await check();
 *
 * const store = newStore(2 ** 20);
 * const offered = offerStore({ store, targetName: "iqn.2026-11.internal.example:counted" });
 * const portal = offered.listen({ hostname: "127.0.0.1", port: 0 });
 * // Initiators of this machine now find the disk at `portal`.
 *
 * await offered.close();
 * await store.close();
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * ## Errors
 *
 * {@linkcode VaultError} is a sentence for a person, with a hint; {@linkcode PeerError} is the other end's fault, and
 * {@linkcode ConnectionLost} nobody's. Anything else that is thrown is a defect of this project or of the calling program.
 *
 * @module
 */

// Run a node, be a device of it, attach its volumes.
export { runNode } from "./lib/daemon/node.ts";
export type { NodeOptions, RunningNode } from "./lib/daemon/node_options.ts";
export {
  initNode,
  openNode,
  type StoppedNode,
  type StoppedNodeOptions,
} from "./lib/daemon/stopped_node.ts";
export {
  type JoinedNode,
  joinNode,
  type JoinNodeOptions,
} from "./lib/daemon/join_node.ts";
export { runAttachment } from "./lib/daemon/attachment.ts";
export type {
  AttachmentEnd,
  AttachmentOptions,
  OsLogin,
  RunningAttachment,
  TakeOverOptions,
} from "./lib/daemon/attachment_options.ts";
export type { Handover, HandoverAsk } from "./lib/daemon/handover.ts";
export type * from "./lib/control/operations.ts";

// Speak to a target as an initiator.
export {
  connectInitiator,
  type InitiatorOptions,
} from "./lib/initiator/initiator.ts";
export type {
  InitiatorSession,
  SessionEvent,
} from "./lib/initiator/initiator_session.ts";
export type { Command, CommandResult } from "./lib/initiator/command.ts";
export type { TaskManagement } from "./lib/initiator/task_management.ts";
export {
  type Capacity,
  type Inquiry,
  openDisk,
  type RemoteDisk,
  ScsiError,
} from "./lib/initiator/disk.ts";
export type { Sense } from "./lib/initiator/sense.ts";
export type { ChapCredentials } from "./lib/iscsi/chap.ts";
export type { InitiatorChap } from "./lib/iscsi/initiator_login.ts";
export { LoginFailure } from "./lib/iscsi/login_failure.ts";
export type { Digest, Offer } from "./lib/iscsi/offer.ts";
export type {
  DiscoveredTarget,
  TargetAddress,
} from "./lib/iscsi/send_targets.ts";

// Implement a store, and offer it as a disk.
export type {
  AtomicWrites,
  BeforeChange,
  Health,
  Maybe,
  Store,
} from "./lib/store/store.ts";
export type { Extent } from "./lib/base/extent.ts";
export { MediaError, type MediaFault } from "./lib/base/media_error.ts";
export { MemoryStore } from "./lib/store/memory_store.ts";
export { FileStore } from "./lib/store/file_store.ts";
export { openFile } from "./lib/os/file.ts";
export type { File } from "./lib/base/file.ts";
export { storeConformance } from "./lib/store/store_conformance.ts";
export type { MakeStore, StoreCheck } from "./lib/store/conformance.ts";
export {
  type OfferedStore,
  offerStore,
  type OfferStoreOptions,
  type ServeOptions,
} from "./lib/daemon/offered_store.ts";
export type { ChapPolicy } from "./lib/iscsi/login_security.ts";

// Conversations.
export type { Duplex, Listener } from "./lib/base/duplex.ts";
export { duplexPair } from "./lib/base/duplex_pair.ts";
export {
  type Address,
  connectTcp,
  listenTcp,
  parseAddress,
  type TcpDuplex,
  type TcpListener,
} from "./lib/os/tcp.ts";

// The world, which may be another than the machine's: for simulations and tests.
export type { Clock } from "./lib/base/clock.ts";
export { systemClock } from "./lib/os/clock.ts";
export { type Log, silent } from "./lib/base/log.ts";
export type {
  Aead,
  AgreementKey,
  HashName,
  Mac,
  Permutation,
  Primitives,
} from "./lib/base/primitives.ts";
export { systemPrimitives } from "./lib/os/primitives.ts";

// Errors.
export {
  ConnectionLost,
  type ErrorKind,
  PeerError,
  VaultError,
} from "./lib/base/errors.ts";
