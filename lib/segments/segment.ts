/**
 * Segments: batches of writes (FORMAT.md section 4). The table of a segment says what of the volume its data is; data and moved extents
 * lie in it one after the other, in the order of the table.
 */

import { invariant } from "../base/errors.ts";
import { decodeDrained, type Drained, encodeDrained } from "./drained.ts";
import { MAX_NUMBER, type VolumeKeys } from "./keys.ts";
import { decodeNote, encodeNote, type Note } from "./note.ts";
import type { Provenance } from "./preamble.ts";
import {
  type Head,
  openHead,
  openWhole,
  seal,
  type SealRequest,
} from "./sealed.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

/** The unit of places and lengths in a volume, whatever its block size. */
export const SECTOR_BYTES = 512;
/** Volumes end here: 4 PiB. */
export const MAX_SECTORS = 2 ** 52 / SECTOR_BYTES;
/** The most extents of one segment. */
export const MAX_EXTENTS = 65_536;
/** Enough of a segment to have the whole head of nearly any, and little beside a segment. */
export const FIRST_READ_BYTES = 32 * 1024;
/** The least bytes that an extent takes in a table. */
const LEAST_EXTENT_BYTES = 3;

/** What happened to some sectors of the volume. Later extents of a segment hide earlier ones. */
export type SegmentExtent =
  & {
    /** Its first, of the volume. */
    readonly sector: number;
    readonly sectors: number;
  }
  & (
    /** Written: the data holds it. */
    | { readonly kind: "data" }
    /** Unmapped: there is no data, and it reads as zeros. */
    | { readonly kind: "zero" }
    /**
     * Moved here by the cleaner, and nothing new: it counts only for those sectors that the map still has at their source, `from.sector`
     * sectors into the data of segment `from.segment`.
     */
    | {
      readonly kind: "moved";
      readonly from: { readonly segment: number; readonly sector: number };
    }
  );

/** An extent with the place of its data, in sectors from the beginning of the segment's data; undefined for zeros. */
export type PlacedExtent = SegmentExtent & { readonly at: number | undefined };

const CODES = { data: 1, zero: 2, moved: 3 } as const;

export interface SegmentRequest extends Provenance, Pick<SealRequest, "room"> {
  readonly volumeId: Uint8Array;
  readonly number: number;
  readonly extents: readonly SegmentExtent[];
  /** The sectors of its data and moved extents, one after the other, cut in pieces anyhow. Lent until this returns. */
  readonly data: readonly Uint8Array[];
  /** Of a segment without extents. */
  readonly note?: Note;
  /** What of a journal is in the row with it. Of one with extents. */
  readonly drained?: Drained | undefined;
}

export interface SegmentAddress {
  readonly volumeId: Uint8Array;
  readonly number: number;
}

/** What the head of a segment proves. */
export interface SegmentHead {
  readonly head: Head;
  readonly extents: readonly PlacedExtent[];
  /** Of one without extents. */
  readonly note?: Note;
  /** What it tells of a journal; of one with extents. */
  readonly drained?: Drained;
}

/** A new segment, as bytes to upload. Doing it again gives other bytes. @throws {RangeError} where it would be too long */
export function encodeSegment(
  keys: VolumeKeys,
  request: SegmentRequest,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly head: Head } {
  const { extents, data, note, drained } = request;
  const sectors = extents.reduce(
    (sum, extent) => extent.kind === "zero" ? sum : sum + extent.sectors,
    0,
  );
  const given = data.reduce((sum, { length }) => sum + length, 0);
  invariant(
    sectors * SECTOR_BYTES === given,
    `extents of ${sectors} sectors, and ${given} bytes`,
  );
  invariant(!note || extents.length === 0, "a note beside extents");
  invariant(!drained || extents.length > 0, "nothing is drained by nothing");
  const table = encodeTable(request);
  return seal(keys, { ...request, identity: identityOf(request), table });
}

/** What the first bytes of a segment prove, or how many of them it takes. @throws {SealError} where they are not of that segment */
export function openSegmentHead(
  keys: VolumeKeys,
  request: SegmentAddress & { readonly bytes: Uint8Array },
): SegmentHead | { readonly needsBytes: number } {
  const identity = identityOf(request);
  const head = openHead(keys, { identity, bytes: request.bytes });
  return "needsBytes" in head ? head : withExtents(head);
}

/** All of a segment, every chunk of it proved. @throws {SealError} */
export function openSegment(
  keys: VolumeKeys,
  request: SegmentAddress & { readonly bytes: Uint8Array },
): SegmentHead & { readonly data: Uint8Array } {
  const identity = identityOf(request);
  const { head, data } = openWhole(keys, { identity, bytes: request.bytes });
  return { ...withExtents(head), data };
}

/** What {@linkcode ChunkOpener} wants to know of a segment. */
export function identityOf({ volumeId, number }: SegmentAddress) {
  return { kind: "segment", volumeId, number } as const;
}

/** A head that is proven, with what its table says. @throws {SealError} */
export function withExtents(head: Head): SegmentHead {
  const what = `The table of segment ${head.identity.number}`;
  const reader = new ByteReader(head.table, what);
  const table = decodeTable(reader);
  const { extents } = table;
  const held = extents.reduce(
    (sum, { at, sectors }) => at === undefined ? sum : sum + sectors,
    0,
  );
  if (held * SECTOR_BYTES !== head.dataBytes) {
    throw reader.malformed(`${held} sectors in ${head.dataBytes} bytes`);
  }
  return { head, ...table };
}

/** What stands in a segment's table. */
type Table = Pick<SegmentHead, "extents" | "note" | "drained">;

/**
 * count | each: kind 1, sectors, signed distance from the end of the one before; moved: source segment and sector | where there are some:
 * what is drained, or nothing; where there are none: a note, or nothing
 */
export function encodeTable(
  { extents, note, drained }: Pick<
    SegmentRequest,
    "extents" | "note" | "drained"
  >,
): Uint8Array {
  if (extents.length > MAX_EXTENTS) {
    throw new RangeError(`${extents.length} extents are too many`);
  }
  const writer = new ByteWriter();
  writer.varint(extents.length);
  let end = 0;
  for (const extent of extents) {
    const { kind, sector, sectors } = extent;
    invariant(
      sector >= 0 && sectors > 0 && sector + sectors <= MAX_SECTORS,
      `an extent of ${sectors} sectors at ${sector}`,
    );
    writer.varint(CODES[kind]);
    writer.varint(sectors);
    writer.signed(sector - end);
    if (kind === "moved") {
      writer.varint(extent.from.segment);
      writer.varint(extent.from.sector);
    }
    end = sector + sectors;
  }
  if (note) encodeNote(writer, note);
  if (drained) encodeDrained(writer, drained);
  return writer.bytes;
}

/** @throws {SealError} */
export function decodeTable(reader: ByteReader): Table {
  const extents = decodeExtents(reader);
  const table = reader.remaining === 0
    ? { extents }
    : extents.length === 0
    ? { extents, note: decodeNote(reader, MAX_SECTORS * SECTOR_BYTES) }
    : { extents, drained: decodeDrained(reader) };
  reader.end();
  return table;
}

function decodeExtents(reader: ByteReader): readonly PlacedExtent[] {
  const count = reader.count(LEAST_EXTENT_BYTES);
  if (count > MAX_EXTENTS) throw reader.malformed(`${count} extents`);
  const extents: PlacedExtent[] = [];
  let [end, at] = [0, 0];
  for (let i = 0; i < count; i++) {
    const code = reader.varint();
    const sectors = reader.varint(MAX_SECTORS);
    const sector = end + reader.signed();
    end = sector + sectors;
    if (sectors === 0 || sector < 0 || end > MAX_SECTORS) {
      throw reader.malformed(`an extent of ${sectors} sectors at ${sector}`);
    }
    switch (code) {
      case CODES.zero:
        extents.push({ kind: "zero", sector, sectors, at: undefined });
        continue;
      case CODES.data:
        extents.push({ kind: "data", sector, sectors, at });
        break;
      case CODES.moved: {
        const segment = reader.varint(MAX_NUMBER - 1);
        const from = { segment, sector: reader.varint(MAX_SECTORS) };
        extents.push({ kind: "moved", sector, sectors, from, at });
        break;
      }
      default:
        throw reader.malformed(`there is no kind ${code}`);
    }
    at += sectors;
  }
  return extents;
}
