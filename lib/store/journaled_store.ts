/**
 * The layer that makes a volume a strict prefix of its operations: what is written goes into a journal, in order, and from there to its
 * place, in order.
 *
 *     write ──▶ journal ──▶ overlay: which sector is where in the journal
 *     read  ──▶ overlay, and where it says nothing, the target
 *     flush ──▶ the journal is synced
 *     later ──▶ batches of the journal into the target, and out of the overlay what was not written again meanwhile
 *
 * Invariants: where the overlay says nothing, the target holds the newest bytes. The overlay says nothing of entries that are drained. The
 * target holds nothing that is not stable in the journal. So after a crash the volume is the target, with what the journal still holds laid
 * over it: all operations up to the last one that the journal holds, which is no older than the last flush that was answered.
 *
 * Operations are in whole sectors. One that is not takes the rest of its first and last sector from what is there: nothing else may change
 * meanwhile, so whatever has to wait keeps what comes after it waiting, too.
 */

import type { Clock } from "../base/clock.ts";
import type { Extent } from "../base/extent.ts";
import { invariant } from "../base/errors.ts";
import type { Journal } from "../journal/journal.ts";
import { type Part, type Placed, sectorsOf } from "../journal/operation.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import { Drain } from "./drain.ts";
import { anchor, type DrainTarget } from "./drain_target.ts";
import { Failure, isNoSpace, undrained } from "./failure.ts";
import { Overlay } from "./overlay.ts";
import { checkRange, checkSize } from "./range.ts";
import type {
  AtomicWrites,
  BeforeChange,
  Health,
  Maybe,
  Store,
} from "./store.ts";
import { Turns } from "./turns.ts";
import {
  andThen,
  longestWrite,
  unmappedSectors,
  wholeSectors,
} from "./whole_sectors.ts";

/** The longest write that is done whole or not at all. */
const MAX_ATOMIC_BYTES = 1024 * 1024;

/** The most of a longer write that is one operation. */
const MAX_OPERATION_BYTES = 8 * 1024 * 1024;

/** What a journaled store is made of. It closes them. */
export interface JournaledStoreOptions {
  /** Where what the journal still holds belongs, and nothing else. */
  readonly target: DrainTarget;
  readonly journal: Journal;
  readonly clock: Clock;
  /** What is written is drained after so long at the latest. */
  readonly idleMs?: number;
}

export class JournaledStore implements Store {
  /** Never. */
  readonly readOnly = false;
  readonly atomic: AtomicWrites;
  readonly watch?: (before: BeforeChange) => () => void;
  readonly #target: DrainTarget;
  readonly #journal: Journal;
  readonly #drain: Drain;
  readonly #overlay: Overlay;
  readonly #failure = new Failure();
  readonly #turns = new Turns();
  readonly #mostBytes: number;
  #failedBy: unknown;
  #beforeChange: BeforeChange | undefined;

  /** @throws {VaultError} where an entry of the journal cannot be read */
  constructor(options: JournaledStoreOptions) {
    const { target, journal, clock, idleMs } = options;
    this.#target = target;
    this.#journal = journal;
    this.#overlay = new Overlay(journal, target);
    this.#mostBytes = Math.min(MAX_OPERATION_BYTES, longestWrite(journal));
    this.atomic = {
      maxBytes: Math.min(MAX_ATOMIC_BYTES, this.#mostBytes),
      write: (offset, from) => this.#writeAtomically(offset, from),
    };
    if (target.answersAtOnce) this.watch = (before) => this.#watch(before);
    this.#overlay.layAll();
    this.#drain = new Drain({
      ...{ journal, target, clock },
      ...(idleMs !== undefined && { idleMs }),
      applied: (runs) => this.#overlay.drop(runs),
      paused: (why) => {
        // Room may be made outside at any time, or never: who waits is told.
        if (isNoSpace(why)) this.#journal.refuseWaiting(why);
      },
      stopped: (why) => {
        this.#failedBy ??= why;
        this.#journal.refuse(this.#failure.ofDrain(why));
      },
    });
  }

  get sizeBytes(): number {
    return this.#target.sizeBytes;
  }

  /** All that was written is in the target when it resolves. */
  async drain(): Promise<void> {
    this.#failure.refuse();
    await this.#turns.take(() => this.#drainAll());
  }

  /**
   * Resolves when all that was written before the call is in the target, however long that takes: who writes meanwhile does not wait.
   *
   * @throws what has ended the draining
   */
  drained(): Promise<void> {
    return this.#drain.all({ isPatient: true });
  }

  async scrub(): Promise<void> {
    this.#failure.refuse();
    await this.#turns.take(async () => {
      await this.#drainAll();
      try {
        await this.#journal.scrub();
      } catch (thrown) {
        throw this.#failure.ofSync(thrown);
      }
    });
  }

  get health(): Health {
    const { health } = this.#failure;
    const isWell = health.state === "ok" && health.noRoom === undefined;
    return isWell ? this.#target.health ?? health : health;
  }

  /** Why writers wait, or why nothing is drained at the moment; undefined where all is well. */
  get trouble(): string | undefined {
    const found = [this.paused, this.#journal.full].filter((why) => why);
    return found.length > 0 ? found.join(". ") : undefined;
  }

  /** Why nothing is drained at the moment, without that writers wait; undefined where nothing is wrong. */
  get paused(): string | undefined {
    return this.#drain.trouble;
  }

  /** Bytes that are in the journal alone. */
  get undrainedBytes(): number {
    return this.#journal.undrainedBytes;
  }

  /** Since when there are such; of those that were found in the journal, since it was opened. */
  get undrainedSinceMs(): number | undefined {
    return this.#drain.sinceMs;
  }

  /** What has ended the draining for good, as it was thrown. */
  get failedBy(): unknown {
    return this.#failedBy;
  }

  /** Takes no more writes from now on and drains nothing more, for a reason that is not the store's own. It reads on. */
  refuse(why: unknown): void {
    this.#failedBy ??= why;
    this.#failure.fail(why);
    this.#journal.refuse(why);
    // It ends by itself, and tells nobody.
    void this.#drain.close();
  }

  read(offset: number, into: Uint8Array): Maybe {
    checkRange(this.sizeBytes, offset, into.length);
    if (into.length === 0) return;
    return this.#overlay.read(offset, into);
  }

  write(offset: number, from: Uint8Array): Maybe {
    checkRange(this.sizeBytes, offset, from.length);
    this.#failure.refuse();
    if (from.length === 0) return;
    if (from.length <= this.#mostBytes) {
      return this.#turns.take(() => this.#writeOne(offset, from));
    }
    return this.#writeLong(offset, from);
  }

  unmap(extent: Extent): Maybe {
    const { offset, length } = extent;
    checkRange(this.sizeBytes, offset, length);
    this.#failure.refuse();
    if (length === 0) return;
    return this.#turns.take(() =>
      andThen(
        unmappedSectors(this, extent),
        (parts) => this.#append(parts, extent),
      )
    );
  }

  async flush(): Promise<void> {
    this.#failure.refuse();
    try {
      await this.#journal.sync();
    } catch (thrown) {
      throw this.#failure.ofSync(thrown);
    }
    // A write that failed meanwhile has failed the store: what this sync has covered is then nobody's to promise.
    this.#failure.refuse();
  }

  nextMapped(offset: number): Extent | undefined {
    return this.#overlay.nextMapped(offset);
  }

  allocatedBytes(): number {
    return this.#target.allocatedBytes() + this.#journal.undrainedBytes;
  }

  /** All that the journal holds is drained before, so nothing in it says anything of bytes that are not there. */
  async resize(sizeBytes: number): Promise<void> {
    checkSize(sizeBytes);
    await this.changeTarget(async () => {
      const lost = this.sizeBytes - sizeBytes;
      if (lost > 0) this.#beforeChange?.({ offset: sizeBytes, length: lost });
      await this.#target.resize(sizeBytes);
    });
  }

  /** Runs `change` of the target when all that was written is in it. What is written meanwhile waits. */
  async changeTarget(change: () => Promise<void>): Promise<void> {
    this.#failure.refuse();
    await this.#turns.take(async () => {
      await this.#drainAll();
      await change();
    });
  }

  /** Drains nothing that is not under way: it is found when the journal is opened again. */
  async close(): Promise<void> {
    try {
      if (this.health.state === "ok") await this.flush();
    } finally {
      await this.#drain.close();
      try {
        await this.#journal.close();
      } finally {
        await this.#target.close();
      }
    }
  }

  async #drainAll(): Promise<void> {
    try {
      await this.#drain.all();
    } catch (thrown) {
      this.#failure.refuse();
      throw undrained(thrown);
    }
    this.#failure.refuse();
  }

  #watch(before: BeforeChange): () => void {
    invariant(!this.#beforeChange, "A store that is watched already");
    this.#beforeChange = before;
    return () => this.#beforeChange = undefined;
  }

  #writeOne(offset: number, from: Uint8Array): Maybe {
    const extent = { offset, length: from.length };
    return andThen(
      wholeSectors(this, offset, from),
      (parts) => this.#append(parts, extent),
    );
  }

  /** More than can be done whole or not at all. */
  async #writeLong(offset: number, from: Uint8Array): Promise<void> {
    for (let at = 0; at < from.length; at += this.#mostBytes) {
      const piece = from.subarray(at, at + this.#mostBytes);
      await this.#turns.take(() => this.#writeOne(offset + at, piece));
    }
  }

  async #writeAtomically(offset: number, from: Uint8Array): Promise<void> {
    invariant(from.length <= this.atomic.maxBytes, "An atomic write too long");
    await this.write(offset, from);
    await this.flush();
  }

  /** One operation, whole or not at all, once there is room for it. */
  #append(operation: readonly Part[], extent: Extent): Maybe {
    const what = { extent, sectors: sectorsOf(operation) };
    try {
      anchor(this.#target, operation);
    } catch (thrown) {
      if (!isNoSpace(thrown)) throw thrown;
      return this.#makeRoomBelow(operation)
        .then(() => this.#appendLater(operation, what));
    }
    return this.#journal.fits(what.sectors)
      ? this.#appendNow(operation, what)
      : this.#appendLater(operation, what);
  }

  /** What the journal has taken and does not need may be what is missing. */
  async #makeRoomBelow(operation: readonly Part[]): Promise<void> {
    await this.#drainAll();
    this.#journal.shrink();
    anchor(this.#target, operation);
  }

  async #appendLater(
    operation: readonly Part[],
    what: { readonly extent: Extent; readonly sectors: number },
  ): Promise<void> {
    while (!this.#journal.fits(what.sectors)) {
      this.#failure.refuse();
      try {
        const room = this.#journal.makeRoom(what.sectors);
        if (this.#journal.full) this.#drain.hurry();
        await room;
      } catch (thrown) {
        this.#failure.refuse();
        throw this.#failure.ofWrite(thrown);
      }
      this.#failure.foundRoom();
    }
    this.#appendNow(operation, what);
  }

  #appendNow(
    operation: readonly Part[],
    { extent, sectors }: { readonly extent: Extent; readonly sectors: number },
  ): void {
    this.#failure.refuse();
    this.#beforeChange?.(extent);
    let placed: readonly Placed[];
    try {
      placed = this.#journal.append(operation);
    } catch (thrown) {
      throw this.#failure.ofWrite(thrown);
    }
    for (const part of placed) this.#overlay.lay(part);
    this.#drain.more(sectors * SECTOR_BYTES);
  }
}
