/** A program's own store offered as a disk to initiators: over any conversation, or on loopback. */

import { toHex, utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, VaultError } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";
import { isName } from "../iscsi/send_targets.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { type Address, listenTcp, type TcpListener } from "../os/tcp.ts";
import type { Store } from "../store/store.ts";
import { serveConnection } from "../target/connection.ts";
import type { Target } from "../target/target.ts";
import { Targets } from "../target/targets.ts";
import { NAA_LOCALLY_ASSIGNED } from "./new_document.ts";
import { checkChapPolicy } from "./chap_policy.ts";
import { converseWithAll } from "./converse.ts";
import { addDiskTarget, DRAIN_MS, resizeDisk } from "./disk_target.ts";
import { expectLoopback } from "./loopback.ts";
import { checkSize } from "./volume_size.ts";

/** What initiators are told where a conversation has no address of its own. */
const DEFAULT_ADDRESS = "127.0.0.1:3260";
/** Digits of a serial number, and of an NAA designator. */
const SERIAL_DIGITS = 16;

/** What is offered, and as what. */
export interface OfferStoreOptions {
  /** The bytes. They stay the caller's, to be closed after {@linkcode OfferedStore.close}. One that is read-only makes a read-only disk. */
  readonly store: Store;
  /** The iSCSI name under which initiators log in (RFC 7143 section 4.2.7): `iqn.2026-11.internal.example:photos`, say. */
  readonly targetName: string;
  /** The disk's logical block, 512 unless given. The store's size is a multiple of it. */
  readonly blockSizeBytes?: 512 | 4096;
  /** Refuses whatever would change the disk. */
  readonly readOnly?: boolean;
  /** Unit serial number (VPD page 80h), 1 to 32 visible ASCII characters. Made of the target's name unless given, so it is always the same. */
  readonly serial?: string;
  /** NAA designator (VPD page 83h) by which initiators know a disk again: "3" and 15 hexadecimal digits. Made like the serial number. */
  readonly naa?: string;
  /** Who may log in, and with what proof: secrets of 12 to 16 bytes. Everybody who can connect unless given. */
  readonly chap?: ChapPolicy;
  /** Where it says what went wrong; nowhere unless given. */
  readonly log?: Log;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
}

/** How one conversation is served. */
export interface ServeOptions {
  /** Nothing may be changed over this conversation, although others may. */
  readonly readOnly?: boolean;
  /** HOST:PORT that a discovery session is told; "127.0.0.1:3260" unless given. */
  readonly address?: string;
}

/** A store that is offered. */
export interface OfferedStore {
  /** The name under which initiators log in. */
  readonly targetName: string;

  /**
   * Serves one initiator's conversation, an accepted socket, say. Resolves when it is over, however it ended: what went wrong is in the
   * log.
   */
  serve(duplex: Duplex, options?: ServeOptions): Promise<void>;

  /**
   * Serves all who connect to `address` until {@linkcode OfferedStore.close}; port 0 takes a free one. iSCSI protects nothing on a
   * network, so only loopback is listened on, unless `unsafeNonLoopback` is set.
   *
   * @returns HOST:PORT where it listens
   * @throws {VaultError} where the port is taken or the address is not loopback
   */
  listen(
    address: Address,
    options?: { readonly unsafeNonLoopback?: boolean },
  ): string;

  /**
   * Grows the store with zeros, or cuts its end off for good. Initiators that are logged in learn it from a unit attention (2A/09). On
   * stable storage when it resolves.
   *
   * @throws {VaultError} where the store is read-only, or it is not a whole number of blocks
   */
  resize(sizeBytes: number): Promise<void>;

  /**
   * Offers it no more. Initiators are asked to log out, and cut where they have not within `drainMs`, 10 s unless given; then the store
   * is flushed. Nothing touches the store any more when it resolves or rejects.
   *
   * @throws {MediaError} where the store could not be flushed
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Offers a store as a disk, with all that an iSCSI target has to do.
 *
 * @example A store of one's own, on loopback
 * ```ts
 * import { MemoryStore, offerStore } from "@vault/vault";
 *
 * const store = new MemoryStore(64 * 2 ** 20);
 * const offered = offerStore({ store, targetName: "iqn.2026-11.internal.example:memory" });
 * const portal = offered.listen({ hostname: "127.0.0.1", port: 0 });
 * // Now, for one: qemu-img info iscsi://${portal}/iqn.2026-11.internal.example:memory/0
 *
 * await offered.resize(128 * 2 ** 20);
 * if (store.sizeBytes !== 128 * 2 ** 20) throw new Error(`${portal} offers another size`);
 *
 * await offered.close();
 * await store.close();
 * ```
 *
 * @throws {VaultError} where a name, a size or a secret makes no sense
 */
export function offerStore(options: OfferStoreOptions): OfferedStore {
  return new Offered(options);
}

class Offered implements OfferedStore {
  readonly targetName: string;
  readonly #store: Store;
  readonly #blockSizeBytes: 512 | 4096;
  readonly #world: {
    readonly clock: Clock;
    readonly primitives: Primitives;
    readonly log: Log;
  };
  readonly #targets: Targets;
  readonly #target: Target;
  readonly #listeners: TcpListener[] = [];
  readonly #conversations = new Map<Duplex, Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(options: OfferStoreOptions) {
    const { store, targetName } = options;
    const clock = options.clock ?? systemClock;
    const primitives = options.primitives ?? systemPrimitives;
    const log = options.log ?? silent;
    const chap = options.chap ?? { users: [] };
    this.#blockSizeBytes = options.blockSizeBytes ?? 512;
    const own = identityOf(targetName, primitives);
    const serial = options.serial ?? own.serial;
    const naa = options.naa ?? own.naa;
    checkNames({ targetName, serial, naa });
    checkSize(store.sizeBytes, this.#blockSizeBytes);
    checkChapPolicy(chap);
    this.targetName = targetName;
    this.#store = store;
    this.#world = { clock, primitives, log };
    this.#targets = new Targets({ clock, log });
    this.#target = addDiskTarget(this.#targets, {
      store,
      iqn: targetName,
      name: targetName.slice(targetName.lastIndexOf(":") + 1),
      product: "STORE",
      serial,
      naa,
      blockSizeBytes: this.#blockSizeBytes,
      readOnly: store.readOnly || (options.readOnly ?? false),
      chap,
      clock,
      log,
    });
  }

  serve(duplex: Duplex, options: ServeOptions = {}): Promise<void> {
    if (this.#closing) {
      duplex.abort(offeredNoMore());
      return Promise.resolve();
    }
    const served = serveConnection(duplex, {
      targets: this.#targets,
      targetAddress: options.address ?? DEFAULT_ADDRESS,
      device: "this program",
      readOnly: options.readOnly ?? false,
      ...this.#world,
    }).finally(() => this.#conversations.delete(duplex));
    this.#conversations.set(duplex, served);
    return served;
  }

  listen(
    address: Address,
    options: { readonly unsafeNonLoopback?: boolean } = {},
  ): string {
    if (this.#closing) throw offeredNoMore();
    if (!options.unsafeNonLoopback) expectLoopback(address);
    const listener = listenTcp(address);
    this.#listeners.push(listener);
    converseWithAll(listener, {
      log: this.#world.log,
      serve: (socket) => this.serve(socket, { address: listener.address }),
    });
    return listener.address;
  }

  async resize(sizeBytes: number): Promise<void> {
    checkSize(sizeBytes, this.#blockSizeBytes);
    if (this.#store.readOnly) {
      throw new VaultError("The store is read-only", { kind: "refused" });
    }
    await resizeDisk(this.#target, { sizeBytes });
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    return this.#closing ??= this.#close(options.drainMs ?? DRAIN_MS);
  }

  async #close(drainMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    try {
      await this.#targets.drain(drainMs);
    } finally {
      // Those that never logged in, and discovery sessions.
      for (const duplex of this.#conversations.keys()) {
        duplex.abort(offeredNoMore());
      }
      await Promise.all(this.#conversations.values());
    }
  }
}

/** What a disk is known by where its owner does not say: the same for the same name, and no other's. */
function identityOf(
  targetName: string,
  primitives: Primitives,
): { serial: string; naa: string } {
  const digits = toHex(primitives.hash("sha256", utf8(targetName)));
  return {
    serial: digits.slice(0, SERIAL_DIGITS),
    naa: NAA_LOCALLY_ASSIGNED +
      digits.slice(SERIAL_DIGITS, 2 * SERIAL_DIGITS - 1),
  };
}

function checkNames(
  { targetName, serial, naa }: {
    targetName: string;
    serial: string;
    naa: string;
  },
): void {
  const wrong = !isName(targetName)
    ? `"${targetName}" is no iSCSI name`
    : !/^[\x21-\x7e]{1,32}$/.test(serial)
    ? `"${serial}" is no serial number`
    : !/^3[0-9a-f]{15}$/.test(naa)
    ? `"${naa}" is no locally assigned NAA designator`
    : undefined;
  if (wrong !== undefined) throw new VaultError(wrong, { kind: "usage" });
}

function offeredNoMore(): ConnectionLost {
  return new ConnectionLost("The disk is offered no more");
}
