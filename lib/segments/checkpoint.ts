/**
 * Checkpoints: the whole map at one moment, so that nobody has to read all segments (FORMAT.md section 5).
 *
 * What is in its table is known from a read of its head; the segments, the snapshots and the map itself are its data.
 */

import { AEAD_TAG_BYTES } from "../base/primitives.ts";
import { type Clone, decodeClone, encodeClone } from "./clone.ts";
import { decodeDrained, type Drained, encodeDrained } from "./drained.ts";
import { MAX_NUMBER, SALT_BYTES, type VolumeKeys } from "./keys.ts";
import { NumberIndex } from "./number_index.ts";
import { DIGEST_BYTES, LIMITS, type Provenance } from "./preamble.ts";
import {
  CHUNK_BYTES,
  type DataPlace,
  type Head,
  openHead,
  openWhole,
  PREAMBLE_END,
  type Sealed,
  sealing,
  type SealRequest,
  toEnd,
} from "./sealed.ts";
import { MAX_SECTORS, SECTOR_BYTES } from "./segment.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

/** A segment that is there, and what it takes to read its chunks without reading its head. */
export interface SegmentRecord extends DataPlace {
  readonly number: number;
  readonly digest: Uint8Array;
  /** Of its data, those bytes that the map has; 0 where it is needed by others, or goes next. */
  readonly liveBytes: number;
}

/** Sectors of the volume, and where they lie: `at` sectors into the data of a segment. */
export interface MapExtent {
  readonly sector: number;
  readonly sectors: number;
  readonly segment: number;
  readonly at: number;
}

/** A clone, and of which snapshot it is one. */
export interface ClonedSnapshot {
  readonly snapshot: number;
  readonly clone: Clone;
}

/** What a checkpoint says in its head. */
export interface CheckpointSummary {
  readonly volumeBytes: number;
  /** The segments below are in the map, those from here on are not. */
  readonly nextSegment: number;
  /** What of a journal is in the map. */
  readonly drained?: Drained | undefined;
  /** How many there are. */
  readonly counts: {
    readonly segments: number;
    readonly snapshots: number;
    readonly extents: number;
    readonly clones: number;
  };
}

export interface CheckpointRequest
  extends Provenance, Pick<SealRequest, "room"> {
  readonly volumeId: Uint8Array;
  readonly number: number;
  readonly volumeBytes: number;
  readonly nextSegment: number;
  readonly drained?: Drained | undefined;
  /** In the order of their numbers. */
  readonly segments: readonly SegmentRecord[];
  /** Numbers, in order. */
  readonly snapshots: readonly number[];
  /** In the order of their snapshots; none unless given. */
  readonly clones?: readonly ClonedSnapshot[];
  /** In the order of the volume, none over another; the same each time they are walked. Each is lent until the next. */
  readonly extents: Iterable<MapExtent>;
}

export interface CheckpointAddress {
  readonly volumeId: Uint8Array;
  readonly number: number;
}

export interface Checkpoint extends CheckpointSummary {
  readonly head: Head;
  readonly segments: readonly SegmentRecord[];
  readonly snapshots: readonly number[];
  readonly clones: readonly ClonedSnapshot[];
  /** Decoded while it is walked: what is wrong with it throws a {@linkcode SealError} then. Walk it once. */
  readonly extents: Iterable<MapExtent>;
}

/** A new checkpoint, as bytes to upload. @throws {RangeError} where the map is too long for one */
export function encodeCheckpoint(
  keys: VolumeKeys,
  request: CheckpointRequest,
): Sealed {
  return toEnd(encodingCheckpoint(keys, request));
}

/**
 * The same in steps, some hundred of them for a long one. The map is walked twice, first for its length: beside the object itself nothing of
 * its size is held. Nothing of the request may change before the end.
 */
export function* encodingCheckpoint(
  keys: VolumeKeys,
  request: CheckpointRequest,
): Generator<void, Sealed> {
  const { volumeBytes, nextSegment, segments, snapshots } = request;
  const { clones = [], drained } = request;
  const body = bodyOf(request);
  let dataBytes = 0;
  let step = body.next();
  for (; !step.done; step = body.next()) {
    dataBytes += step.value.length;
    yield;
  }
  const table = new ByteWriter();
  for (
    const number of [
      ...[volumeBytes, nextSegment],
      ...[segments.length, snapshots.length, step.value],
    ]
  ) table.varint(number);
  if (clones.length > 0 || drained) table.varint(clones.length);
  if (drained) encodeDrained(table, drained);
  return yield* sealing(keys, {
    ...request,
    identity: identityOf(request),
    table: table.bytes,
    data: bodyOf(request),
    dataBytes,
  });
}

/** The data in pieces, each lent until the next. Gives the number of extents. */
function* bodyOf(request: CheckpointRequest): Generator<Uint8Array, number> {
  const { segments, snapshots, clones = [], extents } = request;
  const piece = new ByteWriter();
  let last = -1;
  for (const record of segments) {
    piece.varint(record.number - last - 1);
    last = record.number;
    piece.raw(record.digest);
    piece.raw(record.salt);
    piece.varint(record.dataStart);
    piece.varint(record.dataBytes);
    piece.varint(record.liveBytes);
    if (piece.length < CHUNK_BYTES) continue;
    yield piece.bytes;
    piece.clear();
  }
  last = -1;
  for (const snapshot of snapshots) {
    piece.varint(snapshot - last - 1);
    last = snapshot;
  }
  for (const { snapshot, clone } of clones) {
    piece.varint(snapshot);
    encodeClone(piece, clone);
  }
  const count = yield* encodeMap(piece, extents);
  yield piece.bytes;
  return count;
}

/** What the first bytes of a checkpoint say, or how many of them it takes. @throws {SealError} where they are not of that checkpoint */
export function openCheckpointHead(
  keys: VolumeKeys,
  request: CheckpointAddress & { readonly bytes: Uint8Array },
):
  | CheckpointSummary & { readonly head: Head }
  | { readonly needsBytes: number } {
  const identity = identityOf(request);
  const head = openHead(keys, { identity, bytes: request.bytes });
  return "needsBytes" in head ? head : { head, ...decodeSummary(head) };
}

/** All of a checkpoint. @throws {SealError} */
export function openCheckpoint(
  keys: VolumeKeys,
  request: CheckpointAddress & { readonly bytes: Uint8Array },
): Checkpoint {
  const identity = identityOf(request);
  return readCheckpoint(openWhole(keys, { identity, bytes: request.bytes }));
}

/** All of a checkpoint, of its head and its data. @throws {SealError} */
export function readCheckpoint(
  { head, data }: { readonly head: Head; readonly data: Uint8Array },
): Checkpoint {
  const summary = decodeSummary(head);
  return { head, ...summary, ...decodeBody(data, summary, head) };
}

/**
 * What the data says, of which the table has said how much. Counts that are too large end with the data: nothing is allocated by them.
 */
export function decodeBody(
  data: Uint8Array,
  summary: CheckpointSummary,
  { identity }: { readonly identity: { readonly number: number } },
): Pick<Checkpoint, "segments" | "snapshots" | "clones" | "extents"> {
  const reader = new ByteReader(data, `The checkpoint ${identity.number}`);
  const { counts, nextSegment } = summary;
  const segments = decodeRecords(reader, counts.segments);
  if ((segments.at(-1)?.number ?? -1) >= nextSegment) {
    throw reader.malformed("it has segments from after its time");
  }
  const snapshots: number[] = [];
  for (let last = -1; snapshots.length < counts.snapshots;) {
    last = numberAfter(reader, last);
    snapshots.push(last);
  }
  const clones: ClonedSnapshot[] = [];
  while (clones.length < counts.clones) {
    const snapshot = reader.varint(MAX_NUMBER - 1);
    clones.push({ snapshot, clone: decodeClone(reader) });
  }
  const extents = decodeMap(reader, { segments, summary });
  return { segments, snapshots, clones, extents };
}

function identityOf({ volumeId, number }: CheckpointAddress) {
  return { kind: "checkpoint", volumeId, number } as const;
}

/** What the table of a checkpoint says. @throws {SealError} */
export function decodeSummary(head: Head): CheckpointSummary {
  const what = `The table of checkpoint ${head.identity.number}`;
  const reader = new ByteReader(head.table, what);
  const volumeBytes = reader.varint(MAX_SECTORS * SECTOR_BYTES);
  const nextSegment = reader.varint(MAX_NUMBER);
  const segments = reader.varint();
  const snapshots = reader.varint();
  const extents = reader.varint();
  const tellsMore = reader.remaining > 0;
  const clones = tellsMore ? reader.varint() : 0;
  const counts = { segments, snapshots, extents, clones };
  const summary = { volumeBytes, nextSegment, counts };
  if (reader.remaining > 0) {
    const drained = decodeDrained(reader);
    reader.end();
    return { ...summary, drained };
  }
  if (tellsMore && clones === 0) throw reader.malformed("no clones, told");
  return summary;
}

function decodeRecords(reader: ByteReader, count: number): SegmentRecord[] {
  const { dataBytes: mostBytes, tableBytes } = LIMITS.segment;
  const mostHead = PREAMBLE_END + tableBytes + mostBytes / AEAD_TAG_BYTES;
  const hashes = DIGEST_BYTES + SALT_BYTES;
  if (count * hashes > reader.remaining) {
    throw reader.malformed(`${count} segments are more than it holds`);
  }
  // In one buffer: each of its own would be longer than what it holds.
  const held = new Uint8Array(count * hashes);
  const segments: SegmentRecord[] = [];
  for (let i = 0, number = -1; i < count; i++) {
    number = numberAfter(reader, number);
    const at = i * hashes;
    held.set(reader.raw(hashes), at);
    const digest = held.subarray(at, at + DIGEST_BYTES);
    const salt = held.subarray(at + DIGEST_BYTES, at + hashes);
    const dataStart = reader.varint(mostHead);
    const dataBytes = reader.varint(mostBytes);
    const liveBytes = reader.varint(dataBytes);
    segments.push({ number, digest, salt, dataStart, dataBytes, liveBytes });
  }
  return segments;
}

function numberAfter(reader: ByteReader, last: number): number {
  const number = last + 1 + reader.varint(MAX_NUMBER);
  if (number < MAX_NUMBER) return number;
  throw reader.malformed(`there is no number ${number}`);
}

/**
 * Each: gap to the end of the one before, sectors, signed distance of its segment from the one before's, signed distance of its place
 * from where the one before ended. Gives them in pieces, each lent until the next, but for the last, which is left; and how many there are.
 */
function* encodeMap(
  piece: ByteWriter,
  extents: Iterable<MapExtent>,
): Generator<Uint8Array, number> {
  let count = 0;
  let [end, lastSegment, lastAt] = [0, 0, 0];
  for (const { sector, sectors, segment, at } of extents) {
    piece.varint(sector - end);
    piece.varint(sectors);
    piece.signed(segment - lastSegment);
    piece.signed(at - lastAt);
    [end, lastSegment, lastAt] = [sector + sectors, segment, at + sectors];
    count++;
    if (piece.length < CHUNK_BYTES) continue;
    yield piece.bytes;
    piece.clear();
  }
  return count;
}

function* decodeMap(
  reader: ByteReader,
  known: {
    readonly segments: readonly SegmentRecord[];
    readonly summary: CheckpointSummary;
  },
): Generator<MapExtent> {
  const { volumeBytes, counts } = known.summary;
  const numbers = new NumberIndex(known.segments.map(({ number }) => number));
  const rooms = Float64Array.from(known.segments, ({ dataBytes }) => dataBytes);
  const endSector = Math.ceil(volumeBytes / SECTOR_BYTES);
  let [end, segment, lastAt] = [0, 0, 0];
  for (let i = 0; i < counts.extents; i++) {
    const sector = end + reader.varint();
    const sectors = reader.varint();
    segment += reader.signed();
    const at = lastAt + reader.signed();
    [end, lastAt] = [sector + sectors, at + sectors];
    const room = rooms[numbers.indexOf(segment)] ?? 0;
    const fits = sectors > 0 && end <= endSector &&
      at >= 0 && lastAt * SECTOR_BYTES <= room;
    if (!fits) {
      throw reader.malformed(
        `${sectors} sectors at ${sector} lie at ${at} of segment ${segment}`,
      );
    }
    yield { sector, sectors, segment, at };
  }
  reader.end();
}
