/**
 * Parameter list of EXTENDED COPY(LID1) (SPC-4 section 6.4.2): what can be seen to be wrong before anything is copied. Nothing is copied
 * where this objects.
 *
 *      0 | LIST IDENTIFIER                        8 | segment descriptor list length
 *      1 | STR, LIST ID USAGE, PRIORITY          12 | inline data length
 *      2 | CSCD descriptor list length           16 | CSCD descriptors, then segment descriptors
 *
 * STR and PRIORITY are hints, and what is hinted makes no difference.
 */

import { u16, u32 } from "../../base/bytes.ts";
import type { Answer } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import type { Unit } from "../unit.ts";
import {
  type Cscd,
  CSCD_DESCRIPTOR_BYTES,
  cscdAt,
  DISK_BLOCK_LENGTH_AT,
} from "./cscd_descriptor.ts";
import {
  MAX_CSCD_DESCRIPTORS,
  MAX_DESCRIPTOR_LIST_BYTES,
  MAX_INLINE_DATA_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENT_DESCRIPTORS,
} from "./limits.ts";
import {
  BLOCK_TO_BLOCK,
  FieldAt,
  hasItsLength,
  hasOtherFlags,
  type Segment,
  SEGMENT_DESCRIPTOR_BYTES,
  segmentAt,
} from "./segment_descriptor.ts";

export const HEADER_BYTES = 16;

/** The longest parameter list. */
export const MAX_PARAMETER_LIST_BYTES = HEADER_BYTES +
  MAX_DESCRIPTOR_LIST_BYTES + MAX_INLINE_DATA_BYTES;

/** LIST ID USAGE (SPC-4 table 107): held data, which no segment of ours leaves, may be dropped; no list identifier at all. */
const Usage = { HOLD: 0, DISCARD: 2, NONE: 3 } as const;

/** What is to be copied. */
export interface CopyList {
  /** By which RECEIVE COPY RESULTS asks; undefined where nobody will. */
  readonly listId: number | undefined;
  readonly cscds: readonly Cscd[];
  readonly segments: readonly Segment[];
}

/** The list, or why it is refused. `announced` is what the CDB says of its length. */
export function parseCopyList(
  unit: Unit,
  list: Uint8Array,
  announced: number,
): CopyList | Answer {
  if (list.length < announced) return lengthError(unit);
  const listId = listIdOf(unit, list);
  if (typeof listId === "object") return listId;
  if (u32(list, 12) > MAX_INLINE_DATA_BYTES) {
    return unit.illegal(SenseCode.INLINE_DATA_LENGTH_EXCEEDED);
  }
  const cscdBytes = u16(list, 2);
  const segmentBytes = u32(list, 8);
  if (
    cscdBytes + segmentBytes > MAX_DESCRIPTOR_LIST_BYTES ||
    HEADER_BYTES + cscdBytes + segmentBytes !== announced
  ) return lengthError(unit);
  const cscds = cscdsOf(unit, list, cscdBytes);
  if (!isList(cscds)) return cscds;
  const segments = segmentsOf(unit, list, {
    from: HEADER_BYTES + cscdBytes,
    cscds,
  });
  if (!isList(segments)) return segments;
  return { listId, cscds, segments };
}

function listIdOf(unit: Unit, list: Uint8Array): number | undefined | Answer {
  const id = list[0]!;
  switch ((list[1]! >> 3) & 3) {
    case Usage.HOLD:
    case Usage.DISCARD:
      return id;
    case Usage.NONE:
      return id === 0 ? undefined : unit.invalidParameter(0);
    default:
      return unit.invalidParameter(1);
  }
}

function cscdsOf(
  unit: Unit,
  list: Uint8Array,
  bytes: number,
): readonly Cscd[] | Answer {
  if (bytes > MAX_CSCD_DESCRIPTORS * CSCD_DESCRIPTOR_BYTES) {
    return unit.illegal(SenseCode.TOO_MANY_TARGET_DESCRIPTORS);
  }
  const cscds: Cscd[] = [];
  const end = HEADER_BYTES + bytes;
  for (let at = HEADER_BYTES; at < end; at += CSCD_DESCRIPTOR_BYTES) {
    const cscd = cscdAt(list, at);
    if (!cscd) {
      return unit.illegal(
        SenseCode.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE,
      );
    }
    if (at + CSCD_DESCRIPTOR_BYTES > end) return unit.invalidParameter(2);
    const known = cscd.naa && unit.device.find(cscd.naa)?.unit;
    // Whoever takes the blocks for others would copy something else.
    if (known && known.blockSizeBytes !== cscd.blockSizeBytes) {
      return unit.invalidParameter(at + DISK_BLOCK_LENGTH_AT);
    }
    cscds.push(cscd);
  }
  return cscds;
}

function segmentsOf(
  unit: Unit,
  list: Uint8Array,
  where: { readonly from: number; readonly cscds: readonly Cscd[] },
): readonly Segment[] | Answer {
  const bytes = list.length - where.from;
  if (bytes > MAX_SEGMENT_DESCRIPTORS * SEGMENT_DESCRIPTOR_BYTES) {
    return unit.illegal(SenseCode.TOO_MANY_SEGMENT_DESCRIPTORS);
  }
  const segments: Segment[] = [];
  for (let at = where.from; at < list.length; at += SEGMENT_DESCRIPTOR_BYTES) {
    if (list[at] !== BLOCK_TO_BLOCK) {
      return unit.illegal(
        SenseCode.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE,
      );
    }
    if (at + SEGMENT_DESCRIPTOR_BYTES > list.length) {
      return unit.invalidParameter(8);
    }
    if (!hasItsLength(list, at)) {
      return unit.invalidParameter(at + FieldAt.LENGTH);
    }
    if (hasOtherFlags(list, at)) {
      return unit.invalidParameter(at + FieldAt.FLAGS);
    }
    const segment = segmentAt(list, at);
    if (bytesOf(segment, where.cscds) > MAX_SEGMENT_BYTES) {
      return unit.invalidParameter(at + FieldAt.BLOCKS);
    }
    segments.push(segment);
  }
  return segments;
}

/** What the segment copies, as far as its descriptors tell. */
function bytesOf(segment: Segment, cscds: readonly Cscd[]): number {
  const { countsDestination, source, destination, blocks } = segment;
  const cscd = cscds[countsDestination ? destination : source];
  return blocks * (cscd?.blockSizeBytes ?? 0);
}

function lengthError(unit: Unit): Answer {
  return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
}

function isList<T>(found: readonly T[] | Answer): found is readonly T[] {
  return Array.isArray(found);
}
