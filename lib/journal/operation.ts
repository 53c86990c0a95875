/** What is appended to a journal at a time, done whole or not at all, and where it went. */

import { MAX_DATA_SECTORS } from "./entry.ts";
import { SECTOR_BYTES } from "./sector.ts";

/** A part of an operation: bytes, whole sectors of them, or zeros that take no room. */
export type Part =
  | {
    readonly kind: "write";
    readonly sector: number;
    readonly data: Uint8Array;
  }
  | {
    readonly kind: "zero";
    readonly sector: number;
    readonly sectors: number;
  };

/** Where a part of an operation went: `sectors` of the volume from `sector` on. */
export interface Placed {
  readonly kind: "write" | "zero";
  readonly sector: number;
  readonly sectors: number;
  /** The journal file. */
  readonly number: number;
  /** The sector of the file where the data begins; for zeros that of the entry, so that no two have the same. */
  readonly at: number;
}

/** How many sectors of a file an operation takes, heads and data. */
export function sectorsOf(operation: readonly Part[]): number {
  let sectors = 0;
  for (const part of operation) {
    if (part.kind === "zero") sectors++;
    else {
      const data = part.data.length / SECTOR_BYTES;
      sectors += data + Math.ceil(data / MAX_DATA_SECTORS);
    }
  }
  return sectors;
}

/** An operation in pieces that fit into an entry each. */
export function entriesOf(operation: readonly Part[]): readonly Part[] {
  const most = MAX_DATA_SECTORS * SECTOR_BYTES;
  if (operation.every((p) => p.kind === "zero" || p.data.length <= most)) {
    return operation;
  }
  const entries: Part[] = [];
  for (const part of operation) {
    if (part.kind === "zero") entries.push(part);
    else {
      for (let at = 0; at < part.data.length; at += most) {
        const data = part.data.subarray(at, at + most);
        const sector = part.sector + at / SECTOR_BYTES;
        entries.push({ kind: "write", sector, data });
      }
    }
  }
  return entries;
}
