/**
 * The one form in which objects lie in a bucket (FORMAT.md section 3): a head that says and proves what the object is, and data in
 * chunks of which each proves itself.
 *
 *     salt 32 | preamble, sealed 96+16 | table and the chunks' tags, sealed n+16 | chunk, sealed 65536+16 | chunk … | last chunk
 *     `------------------------- head: its SHA-256 is the digest ---------------'`------------------- data -------------------'
 *
 * Invariants: a key and a nonce seal one message, because each attempt at an object draws a salt; every sealed part is bound to volume,
 * kind, number, part, index and count; nothing is allocated by a length that has not been authenticated and compared with its limit.
 */

import { concat, equalBytes } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import { AEAD_TAG_BYTES } from "../base/primitives.ts";
import {
  checkNumber,
  type ObjectIdentity,
  SALT_BYTES,
  type VolumeKeys,
} from "./keys.ts";
import { broken, Part, PartSeals } from "./part_seals.ts";
import type { SealError } from "./seal_error.ts";
import {
  decodePreamble,
  encodePreamble,
  type Lengths,
  LIMITS,
  PREAMBLE_BYTES,
  type Provenance,
} from "./preamble.ts";

export const CHUNK_BYTES = 64 * 1024;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + AEAD_TAG_BYTES;
/** Salt and preamble: after these it is known how long the head is. */
export const PREAMBLE_END = SALT_BYTES + PREAMBLE_BYTES + AEAD_TAG_BYTES;

export interface SealRequest extends Provenance {
  readonly identity: ObjectIdentity;
  readonly table: Uint8Array;
  /** One after the other. */
  readonly data: readonly Uint8Array[];
  /** Where the object goes, so many bytes; new memory unless given. */
  readonly room?: (bytes: number) => Uint8Array<ArrayBuffer>;
}

/** One whose data comes piece by piece; each is lent until the next is asked for. */
export interface SealingRequest extends Omit<SealRequest, "data"> {
  readonly data: Iterable<Uint8Array>;
  /** Of all pieces together. */
  readonly dataBytes: number;
}

/** An object to upload, and what its head proves. */
export interface Sealed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly head: Head;
}

/** What is enough to find, read and prove a chunk. */
export interface DataPlace {
  readonly salt: Uint8Array;
  /** Where the chunks begin in the object. */
  readonly dataStart: number;
  /** Of the text, without tags. */
  readonly dataBytes: number;
}

/** All that a head proves. */
export interface Head extends Provenance, DataPlace {
  readonly identity: ObjectIdentity;
  readonly table: Uint8Array;
  /** Of all chunks, one after the other. */
  readonly tags: Uint8Array;
  /** Over the head, and through the tags over the data. */
  readonly digest: Uint8Array;
  readonly objectBytes: number;
}

/** How many chunks so many bytes are. */
export function chunkCount(dataBytes: number): number {
  return Math.ceil(dataBytes / CHUNK_BYTES);
}

/** Where chunk `index` lies in its object. */
export function chunkExtent(place: DataPlace, index: number): Extent {
  const text = chunkBytes(place.dataBytes, index);
  invariant(text > 0, "no such chunk");
  return {
    offset: place.dataStart + index * SEALED_CHUNK_BYTES,
    length: text + AEAD_TAG_BYTES,
  };
}

/** Seals an object, in one buffer of exactly its length. */
export function seal(keys: VolumeKeys, request: SealRequest): Sealed {
  const { data } = request;
  const dataBytes = data.reduce((sum, { length }) => sum + length, 0);
  return toEnd(sealing(keys, { ...request, dataBytes }));
}

/** The same a chunk at a time: whoever has others to serve lets them have their turn in between. */
export function* sealing(
  keys: VolumeKeys,
  request: SealingRequest,
): Generator<void, Sealed> {
  const { identity, table, data, dataBytes } = request;
  checkNumber(identity.number);
  const tableBytes = table.length;
  checkLimits(identity, { tableBytes, dataBytes });
  const count = chunkCount(dataBytes);
  const dataStart = headBytes(tableBytes, dataBytes);
  const objectBytes = dataStart + dataBytes + count * AEAD_TAG_BYTES;
  const bytes = request.room?.(objectBytes) ?? new Uint8Array(objectBytes);
  invariant(bytes.length === objectBytes, "room of another length");
  const salt = keys.primitives.random(SALT_BYTES);
  bytes.set(salt);
  const seals = new PartSeals(keys.aead(identity, salt), identity);

  const tags = new Uint8Array(count * AEAD_TAG_BYTES);
  let at = dataStart;
  let index = 0;
  for (const chunk of chunksOf(data)) {
    const end = at + chunk.length + AEAD_TAG_BYTES;
    invariant(index < count && end <= objectBytes, "more data than was said");
    const place = { part: Part.chunk, index, count };
    seals.seal(place, chunk, bytes.subarray(at, end));
    tags.set(bytes.subarray(end - AEAD_TAG_BYTES, end), index * AEAD_TAG_BYTES);
    at = end;
    index++;
    yield;
  }
  invariant(at === objectBytes, "less data than was said");
  seals.seal(
    { part: Part.preamble, index: 0, count: 0 },
    encodePreamble(identity, { ...request, tableBytes, dataBytes }),
    bytes.subarray(SALT_BYTES, PREAMBLE_END),
  );
  seals.seal(
    { part: Part.table, index: 0, count },
    concat([table, tags]),
    bytes.subarray(PREAMBLE_END, dataStart),
  );
  const digest = digestOf(keys, bytes.subarray(0, dataStart));
  const { epoch, timeMs, previous } = request;
  const place = { salt, dataStart, dataBytes };
  const said = { identity, epoch, timeMs, previous, table, tags };
  return { bytes, head: { ...said, ...place, digest, objectBytes } };
}

/** What work in steps comes to, without a pause. */
export function toEnd<T>(steps: Iterator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * What the first bytes of an object prove, or how many of them it takes to know: at least {@linkcode PREAMBLE_END}.
 *
 * @throws {SealError} where they are not of that object
 */
export function openHead(
  keys: VolumeKeys,
  request: { readonly identity: ObjectIdentity; readonly bytes: Uint8Array },
): Head | { readonly needsBytes: number } {
  const { identity, bytes } = request;
  if (bytes.length < PREAMBLE_END) return { needsBytes: PREAMBLE_END };
  const salt = bytes.slice(0, SALT_BYTES);
  const seals = new PartSeals(keys.aead(identity, salt), identity);
  const preamble = seals.open(
    { part: Part.preamble, index: 0, count: 0 },
    bytes.subarray(SALT_BYTES, PREAMBLE_END),
  );
  const said = decodePreamble(preamble, identity);
  const { tableBytes, dataBytes } = said;
  const dataStart = headBytes(tableBytes, dataBytes);
  if (bytes.length < dataStart) return { needsBytes: dataStart };
  const count = chunkCount(dataBytes);
  const body = seals.open(
    { part: Part.table, index: 0, count },
    bytes.subarray(PREAMBLE_END, dataStart),
  );
  return {
    ...said.provenance,
    identity,
    salt,
    dataStart,
    dataBytes,
    table: body.subarray(0, tableBytes),
    tags: body.subarray(tableBytes),
    digest: digestOf(keys, bytes.subarray(0, dataStart)),
    objectBytes: dataStart + dataBytes + count * AEAD_TAG_BYTES,
  };
}

/** Opens chunks of one object, each by itself. Worth keeping: it holds the object's key. */
export class ChunkOpener {
  readonly place: DataPlace;
  readonly #seals: PartSeals;
  readonly #count: number;

  constructor(
    keys: VolumeKeys,
    request: { readonly identity: ObjectIdentity; readonly place: DataPlace },
  ) {
    const { identity, place } = request;
    this.place = place;
    this.#seals = new PartSeals(keys.aead(identity, place.salt), identity);
    this.#count = chunkCount(place.dataBytes);
  }

  /** The text of chunk `index`, of what lies at its {@linkcode chunkExtent}. @throws {SealError} */
  open(index: number, sealed: Uint8Array): Uint8Array {
    const { length } = chunkExtent(this.place, index);
    if (sealed.length !== length) {
      throw this.#seals.broken(`chunk ${index} has ${sealed.length} bytes`);
    }
    const place = { part: Part.chunk, index, count: this.#count };
    return this.#seals.open(place, sealed);
  }
}

/** The data of one whole object, taken in parts of whole chunks, each of which proves itself and is that of the table. */
export class DataReader {
  /** Filled from the front. */
  readonly data: Uint8Array;
  readonly #head: Head;
  readonly #opener: ChunkOpener;
  #next = 0;

  constructor(keys: VolumeKeys, head: Head) {
    this.#head = head;
    this.data = new Uint8Array(head.dataBytes);
    const { identity } = head;
    this.#opener = new ChunkOpener(keys, { identity, place: head });
  }

  /** The next chunks, as they lie in the object one after the other. @throws {SealError} where they are not what was written */
  take(sealed: Uint8Array): void {
    const head = this.#head;
    for (let at = 0; at < sealed.length; this.#next++) {
      const index = this.#next;
      if (index === chunkCount(head.dataBytes)) throw notAsLong(head);
      const { length } = chunkExtent(head, index);
      const chunk = sealed.subarray(at, at + length);
      this.data.set(this.#opener.open(index, chunk), index * CHUNK_BYTES);
      const tag = chunk.subarray(length - AEAD_TAG_BYTES);
      const tagAt = index * AEAD_TAG_BYTES;
      const known = head.tags.subarray(tagAt, tagAt + AEAD_TAG_BYTES);
      if (!equalBytes(tag, known)) {
        throw broken(head.identity, `chunk ${index} is not that of the table`);
      }
      at += length;
    }
  }

  /** @throws {SealError} where there was less */
  end(): Uint8Array {
    if (this.#next === chunkCount(this.#head.dataBytes)) return this.data;
    throw notAsLong(this.#head);
  }
}

/** A whole object: its head, and its data in one buffer. @throws {SealError} */
export function openWhole(
  keys: VolumeKeys,
  request: { readonly identity: ObjectIdentity; readonly bytes: Uint8Array },
): { readonly head: Head; readonly data: Uint8Array } {
  const { identity, bytes } = request;
  const head = openHead(keys, request);
  if ("needsBytes" in head || bytes.length !== head.objectBytes) {
    throw notAsLong({ identity });
  }
  const reader = new DataReader(keys, head);
  reader.take(bytes.subarray(head.dataStart));
  return { head, data: reader.end() };
}

function notAsLong({ identity }: Pick<Head, "identity">): SealError {
  return broken(identity, "it is not as long as it was");
}

/** The length of a head, with a table of that length. */
export function headBytes(tableBytes: number, dataBytes: number): number {
  return PREAMBLE_END + tableBytes +
    (chunkCount(dataBytes) + 1) * AEAD_TAG_BYTES;
}

function chunkBytes(dataBytes: number, index: number): number {
  return Math.min(CHUNK_BYTES, dataBytes - index * CHUNK_BYTES);
}

/** The pieces cut anew into chunks: views where a chunk lies in one piece, else a buffer that is lent until the next. */
function* chunksOf(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const gathered = new Uint8Array(CHUNK_BYTES);
  let held = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const length = Math.min(CHUNK_BYTES - held, piece.length - at);
      if (length === CHUNK_BYTES) yield piece.subarray(at, at + length);
      else {
        gathered.set(piece.subarray(at, at + length), held);
        held += length;
        if (held === CHUNK_BYTES) {
          yield gathered;
          held = 0;
        }
      }
      at += length;
    }
  }
  if (held > 0) yield gathered.subarray(0, held);
}

function digestOf(keys: VolumeKeys, head: Uint8Array): Uint8Array {
  return keys.primitives.hash("sha256", head);
}

function checkLimits(
  { kind }: ObjectIdentity,
  { tableBytes, dataBytes }: Lengths,
): void {
  const limits = LIMITS[kind];
  if (tableBytes <= limits.tableBytes && dataBytes <= limits.dataBytes) return;
  throw new RangeError(
    `A ${kind} with a table of ${tableBytes} and ${dataBytes} bytes is too long`,
  );
}
