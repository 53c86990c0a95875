/** GET LBA STATUS (SBC-3 section 5.4). */

import { putU32, putU64, u32, u64 } from "../../base/bytes.ts";
import { type Extent, extentEnd } from "../../base/extent.ts";
import { type Command, mask } from "../command.ts";
import { MAX_LBA_STATUS_DESCRIPTORS } from "../limits.ts";
import { Opcode, ServiceActionIn16 } from "../opcode.ts";
import type { Unit } from "../unit.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;

/** PROVISIONING STATUS. */
const MAPPED = 0;
const DEALLOCATED = 1;

/** NUMBER OF LOGICAL BLOCKS has 32 bits. */
const MAX_RUN_BLOCKS = 0xffff_ffff;

export const getLbaStatus: Command = {
  name: "GET LBA STATUS",
  opcode: Opcode.SERVICE_ACTION_IN_16,
  serviceAction: ServiceActionIn16.GET_LBA_STATUS,
  mask: mask("ff 1f ffffffffffffffff ffffffff 00 00"),
  access: "read",
  mutates: false,
  plan: (cdb, { unit }) => {
    const lba = u64(cdb, 2);
    const allocationLength = u32(cdb, 10);
    // SBC-3 section 5.4.1: less than one descriptor is not asked for.
    if (allocationLength < HEADER_BYTES + DESCRIPTOR_BYTES) {
      return unit.invalidField(10);
    }
    if (outOfRange(unit, lba, 1)) return rangeError(unit);
    const room = Math.floor(
      (allocationLength - HEADER_BYTES) / DESCRIPTOR_BYTES,
    );
    const most = Math.min(room, MAX_LBA_STATUS_DESCRIPTORS);
    return {
      kind: "map-query",
      extent: extentOf(unit, lba, unit.blocks - lba),
      // One more: a first run of less than a block is none, and there is always one to tell.
      maxExtents: most + 1,
      render: (extents) => encode(runsOf(unit, lba, extents).slice(0, most)),
    };
  },
};

interface Run {
  readonly lba: number;
  readonly blocks: number;
  readonly mapped: boolean;
}

/** Runs of blocks from `lba` on, without gaps. A block of which a byte is mapped is mapped. */
function runsOf(
  unit: Unit,
  lba: number,
  extents: readonly { readonly extent: Extent; readonly mapped: boolean }[],
): Run[] {
  const runs: Run[] = [];
  let next = lba;
  for (const { extent, mapped } of extents) {
    const round = mapped ? Math.ceil : Math.floor;
    const end = Math.min(
      unit.blocks,
      round(extentEnd(extent) / unit.blockSizeBytes),
    );
    while (next < end) {
      const last = runs.at(-1);
      const grows = last?.mapped === mapped && last.blocks < MAX_RUN_BLOCKS;
      if (grows) runs.pop();
      const start = grows ? last.lba : next;
      const blocks = Math.min(end - start, MAX_RUN_BLOCKS);
      runs.push({ lba: start, blocks, mapped });
      next = start + blocks;
    }
  }
  return runs;
}

function encode(runs: readonly Run[]): Uint8Array {
  const data = new Uint8Array(HEADER_BYTES + DESCRIPTOR_BYTES * runs.length);
  // PARAMETER DATA LENGTH counts what follows it.
  putU32(data, 0, data.length - 4);
  runs.forEach((run, i) => {
    const at = HEADER_BYTES + DESCRIPTOR_BYTES * i;
    putU64(data, at, run.lba);
    putU32(data, at + 8, run.blocks);
    data[at + 12] = run.mapped ? MAPPED : DEALLOCATED;
  });
  return data;
}
