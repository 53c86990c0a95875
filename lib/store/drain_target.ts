/**
 * Where a journal is drained into: the contract, and how any store keeps it. A file is one such place, segments in a bucket are another.
 */

import type { Clock } from "../base/clock.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type { File } from "../base/file.ts";
import type { Part } from "../journal/operation.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import { FileStore } from "./file_store.ts";
import type { Health, Maybe, Store } from "./store.ts";

/** What a batch does to one extent of the volume. */
export type DrainPiece =
  | {
    readonly kind: "write";
    readonly offset: number;
    /** Lent until the batch is applied, or released. */
    readonly data: Uint8Array;
  }
  | { readonly kind: "zero"; readonly offset: number; readonly length: number };

/** Consecutive entries of a journal, whole operations, each byte with the last thing that they did to it. */
export interface DrainBatch {
  /** Sequence numbers of its first and its last entry. */
  readonly first: number;
  readonly last: number;
  /** In the order of the volume, without overlaps, none past the end. */
  readonly pieces: readonly DrainPiece[];
  /** Whoever needs the data of its pieces no more, though it is not applied yet, may say so: what they lie in is used again from then on. */
  readonly release?: () => void;
}

/**
 * A place to drain into. Nobody else changes it. What it holds and how long it is when it is handed over is on stable storage: else a power cut
 * could take away what a killed process had left there, from under what the journal has gone on with.
 */
export interface DrainTarget {
  readonly sizeBytes: number;
  /** Whether `read` never gives a promise. */
  readonly answersAtOnce: boolean;
  /** How many bytes of entries a batch has, about. */
  readonly batchBytes: number;
  /** How many batches it is given before the first of them is over. */
  readonly atOnce: number;
  /** How many of those it is given before the first is released: as many unless it says so. */
  readonly unreleasedAtOnce?: number;
  /** As in {@linkcode Store}, of what was applied. */
  read(offset: number, into: Uint8Array): Maybe;
  /** As in {@linkcode Store}, of what was applied. */
  nextMapped(offset: number): Extent | undefined;
  /** As in {@linkcode Store}. */
  allocatedBytes(): number;
  /** As in {@linkcode Store}: what is written there is to find room when it is drained. */
  anchor?(extent: Extent): void;
  /** As in {@linkcode Store}; undefined where it has nothing to say of itself. */
  readonly health?: Health;
  /**
   * The last entry of the journal that it is known to have, with all before it: 0 where it cannot know. It is asked before the first batch, and
   * again after one has failed, when nothing is under way; what it has is not given to it again.
   */
  lastApplied(): Promise<number>;
  /**
   * Carries out a batch. When it resolves, all of it is read, and is on stable storage. Until then a read of its extents may see what it
   * likes: nobody asks.
   *
   * Batches come in order, up to `atOnce` of them before the first is over, and are done so: where one fails, so do those after it, until
   * {@linkcode lastApplied} is asked: one may be handed over before its giver has heard of that.
   *
   * What failed comes again, all of it, cut into other batches, and after a crash so may what was applied, if its target does not know it. It
   * then holds what came later, with what came earlier laid over it, until all has come again: nobody reads it without the journal.
   */
  apply(batch: DrainBatch): Promise<void>;
  /** Told after each batch how many bytes of entries are waiting: what has time waits until they are few. */
  backlog?(bytes: number): void;
  /** What to do about what `apply` threw for the `attempt`th time in a row, from 1: try again so much later; undefined: never. */
  retryAfterMs(thrown: unknown, attempt: number): number | undefined;
  /** As in {@linkcode Store}. Everything was drained before. */
  resize(sizeBytes: number): Promise<void>;
  /** As in {@linkcode Store}. */
  close(): Promise<void>;
}

/** How much is drained at a time into a store: what waits in memory meanwhile, and how rarely it is made stable. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** After so much others have their turn. */
const PAUSE_EVERY_BYTES = 256 * 1024;

/** How long a store that has no room is left alone. */
const NO_SPACE_RETRY_MS = 1000;

/** How a store is drained into. */
export interface DrainIntoStoreOptions {
  readonly clock: Clock;
  /** How many bytes of entries a batch has. */
  readonly batchBytes?: number;
}

/** A store on a file, to drain into. It closes the file. @throws {VaultError} where the file cannot be made stable */
export function drainIntoFile(
  file: File,
  options: DrainIntoStoreOptions,
): DrainIntoStore {
  file.syncNow();
  return new DrainIntoStore(new FileStore(file), options);
}

/** A store that a journal is drained into. */
export class DrainIntoStore implements DrainTarget {
  /** How many bytes of entries a batch has. */
  readonly batchBytes: number;
  /** One. */
  readonly atOnce = 1;
  readonly #store: Store;
  readonly #clock: Clock;

  /** `store` answers at once, and what it holds is stable. Closing this closes it. */
  constructor(
    store: Store,
    options: DrainIntoStoreOptions,
  ) {
    this.#store = store;
    this.#clock = options.clock;
    this.batchBytes = options.batchBytes ?? BATCH_BYTES;
  }

  get sizeBytes(): number {
    return this.#store.sizeBytes;
  }

  /** One whose changes can be watched is one whose reads answer at once. */
  get answersAtOnce(): boolean {
    return this.#store.watch !== undefined;
  }

  read(offset: number, into: Uint8Array): Maybe {
    return this.#store.read(offset, into);
  }

  nextMapped(offset: number): Extent | undefined {
    return this.#store.nextMapped(offset);
  }

  get health(): Health {
    return this.#store.health;
  }

  allocatedBytes(): number {
    return this.#store.allocatedBytes();
  }

  anchor(extent: Extent): void {
    this.#store.anchor?.(extent);
  }

  /** It does not know: what it has lies under the journal whatever becomes of both. */
  lastApplied(): Promise<number> {
    return Promise.resolve(0);
  }

  async apply({ pieces }: DrainBatch): Promise<void> {
    let sincePause = 0;
    // Room that is given back is there for what is written.
    for (const piece of zerosFirst(pieces)) {
      const pending = piece.kind === "write"
        ? this.#store.write(piece.offset, piece.data)
        : this.#store.unmap(piece);
      if (pending) await pending;
      sincePause += piece.kind === "write" ? piece.data.length : 0;
      if (sincePause < PAUSE_EVERY_BYTES) continue;
      sincePause = 0;
      await this.#clock.sleep(0);
    }
    await this.#store.flush();
  }

  /** A store that failed stays so; one that merely had no room may find some. */
  retryAfterMs(_thrown: unknown, _attempt: number): number | undefined {
    return this.#store.health.state === "ok" ? NO_SPACE_RETRY_MS : undefined;
  }

  resize(sizeBytes: number): Promise<void> {
    return this.#store.resize(sizeBytes);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function* zerosFirst(pieces: readonly DrainPiece[]): Generator<DrainPiece> {
  for (const kind of ["zero", "write"]) {
    for (const piece of pieces) if (piece.kind === kind) yield piece;
  }
}

/** Sees to it that what an operation writes finds room there later. */
export function anchor(target: DrainTarget, operation: readonly Part[]): void {
  if (!target.anchor) return;
  for (const part of operation) {
    if (part.kind === "zero") continue;
    const offset = part.sector * SECTOR_BYTES;
    const length = Math.min(part.data.length, target.sizeBytes - offset);
    target.anchor({ offset, length });
  }
}

/** A piece without what lies past `end`; undefined where all of it does. */
export function cutAt(piece: DrainPiece, end: number): DrainPiece | undefined {
  const { offset } = piece;
  const length = piece.kind === "write" ? piece.data.length : piece.length;
  const room = end - offset;
  if (room <= 0) return undefined;
  if (extentEnd({ offset, length }) <= end) return piece;
  return piece.kind === "write"
    ? { kind: "write", offset, data: piece.data.subarray(0, room) }
    : { kind: "zero", offset, length: room };
}
