/**
 * Chunks of segments on the local disk, up to a limit: what was written or read lately need not be fetched.
 *
 *     data   slot 0 │ slot 1 │ …            64 KiB each, byte for byte a chunk
 *     index  head │ one record a slot       what each slot holds, and the digest of that; written now and then
 *
 * Nothing here is needed: it may be lost, whole or in part, at any moment. What a crash leaves may be an index that does not fit the data, so
 * a slot of an index that was read is believed only after its bytes have met their digest, once. The bytes of a slot that was filled since
 * then are this process's own.
 *
 * The slot that makes room is the next, going round, that was not used since the hand came by (CLOCK).
 */

import { equalBytes, putU16, putU32, u16, u32, utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import type { File } from "../base/file.ts";

/** The longest chunk. */
export const CHUNK_BYTES = 64 * 1024;

const MAGIC = utf8("vaultCC1");
const VOLUME_AT = 8;
const VOLUME_BYTES = 16;
const SLOTS_AT = VOLUME_AT + VOLUME_BYTES;
const HASH_AT = SLOTS_AT + 4;
const HASH_BYTES = 32;
const HEAD_BYTES = HASH_AT + HASH_BYTES;

/** A record: segment, 32 bits · chunk, 16 bits · length, 32 bits, 0 for a slot that is free · digest. */
const CHUNK_AT = 4;
const LENGTH_AT = 6;
const DIGEST_AT = 10;
const DIGEST_BYTES = 16;
const RECORD_BYTES = DIGEST_AT + DIGEST_BYTES;

/** The most chunks of a segment. */
export const MAX_CHUNKS = 2 ** 16;

/** Used since the hand came by. */
const USED = 1;
/** Its bytes are known to be those of its record. */
const PROVEN = 2;

export interface ChunkCacheOptions {
  readonly data: File;
  readonly index: File;
  /** How large it may become. */
  readonly limitBytes: number;
  /** Of the volume, 16 bytes: another one's cache is not believed. */
  readonly volumeId: Uint8Array;
  /** SHA-256. */
  readonly hash: (...parts: Uint8Array[]) => Uint8Array;
}

/** Which chunk of which segment. */
export interface ChunkId {
  /** 32 bits. */
  readonly segment: number;
  /** Below {@linkcode MAX_CHUNKS}. */
  readonly chunk: number;
}

export class ChunkCache {
  readonly #options: ChunkCacheOptions;
  #limit: number;
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  /** What a record of the index holds, for each slot. */
  #records: Uint8Array;
  #flags: Uint8Array;
  #count = 0;
  #hand = 0;
  #hits = 0;
  #misses = 0;
  #trouble: string | undefined;
  readonly #scratch = new Uint8Array(CHUNK_BYTES);

  /** Takes up what an earlier process has left. @throws {VaultError} where the files cannot be read */
  constructor(options: ChunkCacheOptions) {
    this.#options = options;
    this.#limit = slotsIn(options.limitBytes);
    const left = this.#readIndex();
    this.#records = left ?? new Uint8Array(64 * RECORD_BYTES);
    this.#flags = new Uint8Array(this.#records.length / RECORD_BYTES);
    if (left) this.#takeUp();
    options.data.truncate(this.#count * CHUNK_BYTES);
  }

  /** How much it holds. */
  get sizeBytes(): number {
    return this.#slots.size * CHUNK_BYTES;
  }

  /** How much it may hold, in whole chunks. */
  get limitBytes(): number {
    return this.#limit * CHUNK_BYTES;
  }

  /** It may become so large from now on. What has no place any more goes. @throws {VaultError} where the file cannot be cut */
  resize(limitBytes: number): void {
    this.#limit = slotsIn(limitBytes);
    if (this.#count <= this.#limit) return;
    for (const slot of this.#slots.values()) {
      if (slot >= this.#limit) this.#drop(slot);
    }
    this.#count = this.#limit;
    const free = this.#free.filter((slot) => slot < this.#count);
    this.#free.splice(0, Infinity, ...free);
    this.#options.data.truncate(this.#count * CHUNK_BYTES);
  }

  /** How many chunks it takes before others have to make room. */
  get roomChunks(): number {
    return this.#limit - this.#slots.size;
  }

  /** How often it had what it was asked for, and how often not. */
  get uses(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** Why the last chunk could not be kept; undefined where it was. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Whether it has that chunk, or thinks so. */
  has(id: ChunkId): boolean {
    return this.#slots.has(keyOf(id));
  }

  /** Fills `into` with the bytes of a chunk from `offset` on; false where it does not have them. */
  read(id: ChunkId, offset: number, into: Uint8Array): boolean {
    const slot = this.#slots.get(keyOf(id));
    if (slot === undefined || !this.#proven(slot)) {
      this.#misses++;
      return false;
    }
    if (offset + into.length > this.#lengthOf(slot)) {
      throw new RangeError("Beyond the end of a chunk");
    }
    this.#flags[slot]! |= USED;
    try {
      this.#options.data.read(slot * CHUNK_BYTES + offset, into);
    } catch (thrown) {
      // The chunk is still where it came from.
      this.#drop(slot);
      this.#trouble = messageOf(thrown);
      this.#misses++;
      return false;
    }
    this.#hits++;
    return true;
  }

  /** Keeps a chunk, and lets go of another where there is no room. Where the disk does not take it, it is not kept. */
  put(id: ChunkId, bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > CHUNK_BYTES) {
      throw new RangeError(`A chunk has no ${bytes.length} bytes`);
    }
    const key = keyOf(id);
    const known = this.#slots.get(key);
    if (known !== undefined) this.#drop(known);
    const slot = this.#makeRoom();
    try {
      this.#options.data.write(slot * CHUNK_BYTES, bytes);
    } catch (thrown) {
      this.#free.push(slot);
      this.#trouble = messageOf(thrown);
      return;
    }
    this.#trouble = undefined;
    const record = this.#recordOf(slot);
    putU32(record, 0, id.segment);
    putU16(record, CHUNK_AT, id.chunk);
    putU32(record, LENGTH_AT, bytes.length);
    record.set(this.#digest(record, bytes), DIGEST_AT);
    this.#flags[slot] = PROVEN;
    this.#slots.set(key, slot);
  }

  /** Lets go of all of a segment's chunks. */
  drop(segment: number, chunks: number): void {
    for (let chunk = 0; chunk < chunks; chunk++) {
      const slot = this.#slots.get(keyOf({ segment, chunk }));
      if (slot !== undefined) this.#drop(slot);
    }
  }

  /** Lets go of everything. */
  clear(): void {
    for (const slot of [...this.#slots.values()]) this.#drop(slot);
  }

  /** Writes the index, so that another process finds what is kept now. @throws {VaultError} */
  async save(): Promise<void> {
    const { data, index, hash, volumeId } = this.#options;
    // A copy of now: what is filled while the data become stable is not promised.
    const records = this.#records.slice(0, this.#count * RECORD_BYTES);
    await data.sync();
    const head = new Uint8Array(HEAD_BYTES);
    head.set(MAGIC);
    head.set(volumeId, VOLUME_AT);
    putU32(head, SLOTS_AT, records.length / RECORD_BYTES);
    head.set(hash(head.subarray(0, HASH_AT), records), HASH_AT);
    index.truncate(HEAD_BYTES + records.length);
    index.write(HEAD_BYTES, records);
    index.write(0, head);
    await index.sync();
  }

  /** Lets go of the files, without saving. */
  close(): void {
    this.#options.data.close();
    this.#options.index.close();
  }

  #proven(slot: number): boolean {
    if (this.#flags[slot]! & PROVEN) return true;
    const record = this.#recordOf(slot);
    const bytes = this.#scratch.subarray(0, this.#lengthOf(slot));
    try {
      this.#options.data.read(slot * CHUNK_BYTES, bytes);
    } catch (thrown) {
      this.#trouble = messageOf(thrown);
      this.#drop(slot);
      return false;
    }
    const digest = this.#digest(record, bytes);
    if (!equalBytes(digest, record.subarray(DIGEST_AT, RECORD_BYTES))) {
      this.#drop(slot);
      return false;
    }
    this.#flags[slot]! |= PROVEN;
    return true;
  }

  #digest(record: Uint8Array, bytes: Uint8Array): Uint8Array {
    const { hash, volumeId } = this.#options;
    return hash(volumeId, record.subarray(0, DIGEST_AT), bytes)
      .subarray(0, DIGEST_BYTES);
  }

  #lengthOf(slot: number): number {
    return u32(this.#records, slot * RECORD_BYTES + LENGTH_AT);
  }

  #recordOf(slot: number): Uint8Array {
    const at = slot * RECORD_BYTES;
    return this.#records.subarray(at, at + RECORD_BYTES);
  }

  #keyAt(slot: number): number {
    const record = this.#recordOf(slot);
    return keyOf({ segment: u32(record, 0), chunk: u16(record, CHUNK_AT) });
  }

  #drop(slot: number): void {
    this.#slots.delete(this.#keyAt(slot));
    this.#recordOf(slot).fill(0);
    this.#flags[slot] = 0;
    this.#free.push(slot);
  }

  /** A slot that holds nothing. */
  #makeRoom(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#count < this.#limit) {
      this.#grow();
      return this.#count++;
    }
    for (;; this.#hand++) {
      const slot = this.#hand %= this.#count;
      if (this.#flags[slot]! & USED) this.#flags[slot]! &= ~USED;
      else {
        this.#hand++;
        this.#drop(slot);
        return this.#free.pop()!;
      }
    }
  }

  #grow(): void {
    if (this.#count < this.#flags.length) return;
    const slots = Math.min(2 * this.#flags.length, this.#limit);
    const records = new Uint8Array(slots * RECORD_BYTES);
    records.set(this.#records);
    const flags = new Uint8Array(slots);
    flags.set(this.#flags);
    this.#records = records;
    this.#flags = flags;
  }

  /** The records that an earlier process has left, as many as there may be now; undefined where they are not whole, or another volume's. */
  #readIndex(): Uint8Array | undefined {
    const { index, hash, volumeId } = this.#options;
    const head = new Uint8Array(HEAD_BYTES);
    index.read(0, head);
    const slots = u32(head, SLOTS_AT);
    const lengthBytes = slots * RECORD_BYTES;
    if (
      slots === 0 || !equalBytes(head.subarray(0, VOLUME_AT), MAGIC) ||
      !equalBytes(head.subarray(VOLUME_AT, SLOTS_AT), volumeId) ||
      index.size() !== HEAD_BYTES + lengthBytes
    ) return undefined;
    const records = new Uint8Array(lengthBytes);
    index.read(HEAD_BYTES, records);
    const digest = hash(head.subarray(0, HASH_AT), records);
    if (!equalBytes(digest, head.subarray(HASH_AT))) return undefined;
    return records.slice(0, this.#limit * RECORD_BYTES);
  }

  #takeUp(): void {
    this.#count = this.#flags.length;
    for (let slot = 0; slot < this.#count; slot++) {
      const length = this.#lengthOf(slot);
      const key = this.#keyAt(slot);
      if (length === 0 || length > CHUNK_BYTES || this.#slots.has(key)) {
        this.#recordOf(slot).fill(0);
        this.#free.push(slot);
      } else this.#slots.set(key, slot);
    }
  }
}

function slotsIn(limitBytes: number): number {
  return Math.max(1, Math.floor(limitBytes / CHUNK_BYTES));
}

function keyOf({ segment, chunk }: ChunkId): number {
  return segment * MAX_CHUNKS + chunk;
}
