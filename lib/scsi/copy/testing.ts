/** Parameter lists of EXTENDED COPY for tests. */

import {
  concat,
  fromHex,
  putU16,
  putU24,
  putU32,
  putU64,
} from "../../base/bytes.ts";
import { invariant } from "../../base/errors.ts";

export interface CscdFields {
  /** 16 hexadecimal digits. */
  readonly naa: string;
  readonly blockSizeBytes?: number;
  readonly pad?: boolean;
  readonly type?: number;
  readonly peripheralDeviceType?: number;
}

export interface SegmentFields {
  readonly source?: number;
  readonly destination?: number;
  readonly blocks: number;
  readonly sourceLba?: number;
  readonly destinationLba?: number;
  /** DC 02h, CAT 01h. */
  readonly flags?: number;
  readonly type?: number;
}

export interface ListFields {
  readonly cscds: readonly CscdFields[];
  readonly segments: readonly SegmentFields[];
  readonly listId?: number;
  /** LIST ID USAGE; 00b unless given. */
  readonly usage?: number;
  readonly inlineBytes?: number;
}

export function copyList(fields: ListFields): Uint8Array {
  const { listId = 1, usage = 0, inlineBytes = 0 } = fields;
  const cscds = concat(fields.cscds.map(cscd));
  const segments = concat(fields.segments.map(segment));
  const head = new Uint8Array(16);
  head[0] = listId;
  head[1] = usage << 3;
  putU16(head, 2, cscds.length);
  putU32(head, 8, segments.length);
  putU32(head, 12, inlineBytes);
  return concat([head, cscds, segments]);
}

/** EXTENDED COPY(LID1). */
export function copyCdb(length: number): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = 0x83;
  putU32(cdb, 10, length);
  return cdb;
}

/** RECEIVE COPY RESULTS: status 0, operating parameters 3, failure details 4. */
export function resultsCdb(
  action: number,
  ask: { readonly listId?: number; readonly length?: number } = {},
): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = 0x84;
  cdb[1] = action;
  cdb[2] = ask.listId ?? 1;
  putU32(cdb, 10, ask.length ?? 1024);
  return cdb;
}

function cscd(fields: CscdFields): Uint8Array {
  const bytes = new Uint8Array(32);
  const naa = fromHex(fields.naa);
  invariant(naa?.length === 8, `Not an NAA designator: ${fields.naa}`);
  bytes[0] = fields.type ?? 0xe4;
  bytes[1] = fields.peripheralDeviceType ?? 0;
  bytes[4] = 1;
  bytes[5] = 3;
  bytes[7] = naa.length;
  bytes.set(naa, 8);
  bytes[28] = fields.pad ? 4 : 0;
  putU24(bytes, 29, fields.blockSizeBytes ?? 512);
  return bytes;
}

function segment(fields: SegmentFields): Uint8Array {
  const bytes = new Uint8Array(28);
  bytes[0] = fields.type ?? 2;
  bytes[1] = fields.flags ?? 0;
  putU16(bytes, 2, 24);
  putU16(bytes, 4, fields.source ?? 0);
  putU16(bytes, 6, fields.destination ?? 0);
  putU16(bytes, 10, fields.blocks);
  putU64(bytes, 12, fields.sourceLba ?? 0);
  putU64(bytes, 20, fields.destinationLba ?? 0);
  return bytes;
}
