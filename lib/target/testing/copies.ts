/** EXTENDED COPY as an initiator asks for it, and what is on the disks before and after. */

import { expect } from "expect";
import { equalBytes, u16 } from "../../base/bytes.ts";
import { encodeLun } from "../../iscsi/pdu/lun.ts";
import {
  copyCdb,
  copyList,
  type CscdFields,
  resultsCdb,
  type SegmentFields,
} from "../../scsi/copy/testing.ts";
import type { Ended } from "./cdb.ts";
import { DISK_BYTES, type DiskFixture, naaOf } from "./disks.ts";
import { pattern } from "./fixture.ts";
import type { RawInitiator } from "./raw_initiator.ts";

export const BLOCK = 512;
/** The last block of a disk of 512-byte blocks. */
export const LAST = DISK_BYTES / BLOCK - 1;
export const MIB_BLOCKS = 2048;
/** Disks 0 and 1. */
export const FIRST: CscdFields = { naa: naaOf(0) };
export const SECOND: CscdFields = { naa: naaOf(1) };
export const ONE = encodeLun(1);

/** From disk 0 to disk 1 unless told otherwise. */
export function copy(
  initiator: RawInitiator,
  segments: readonly SegmentFields[],
  more: {
    readonly cscds?: readonly CscdFields[];
    readonly lun?: Uint8Array;
    readonly listId?: number;
  } = {},
): Promise<Ended> {
  const list = copyList({
    cscds: more.cscds ?? [FIRST, SECOND],
    segments: segments.map((one) => ({ destination: 1, ...one })),
    listId: more.listId ?? 1,
  });
  return initiator.run({
    cdb: copyCdb(list.length),
    write: list.length,
    data: list,
    ...(more.lun ? { lun: more.lun } : {}),
  });
}

/** All that is on the disk at that LUN. */
export async function contents(fixture: DiskFixture, lun: number) {
  const { store } = fixture.target.units.get(lun)!;
  const bytes = new Uint8Array(store.sizeBytes);
  await store.read(0, bytes);
  return bytes;
}

/** Whether the disk at that LUN holds these bytes and no others. */
export async function holds(
  fixture: DiskFixture,
  lun: number,
  bytes: Uint8Array,
): Promise<void> {
  expect(equalBytes(await contents(fixture, lun), bytes)).toBe(true);
}

export const BOTH = [pattern(DISK_BYTES, 1), pattern(DISK_BYTES, 77)] as const;

/** Fills disk 0 with bytes that differ from place to place, disk 1 with others; gives both. */
export async function filled(fixture: DiskFixture) {
  for (const [lun, bytes] of BOTH.entries()) {
    await fixture.target.units.get(lun)!.store.write(0, bytes);
  }
  return { first: BOTH[0].slice(), second: BOTH[1].slice() };
}

export function part(
  bytes: Uint8Array,
  lba: number,
  blocks: number,
): Uint8Array {
  return bytes.subarray(lba * BLOCK, (lba + blocks) * BLOCK);
}

/** What FAILED SEGMENT DETAILS says of a copy: COPY ABORTED with that code, that segment, and what the source or destination said. */
export async function failure(initiator: RawInitiator) {
  const { data } = await initiator.run({ cdb: resultsCdb(4), read: 1024 });
  const sense = data.subarray(60);
  const end = sense[8] ? "source" : sense[9] ? "destination" : undefined;
  const said = sense.subarray(18);
  return {
    key: sense[2]! & 0x0f,
    code: u16(sense, 12),
    segment: u16(sense, 10),
    ...(end ? { end, status: said[0]!, said: u16(said, 13) } : {}),
  };
}
