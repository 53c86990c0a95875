/**
 * What became of copies, and what copies there may be: RECEIVE COPY STATUS(LID1), RECEIVE COPY OPERATING PARAMETERS and RECEIVE COPY FAILURE
 * DETAILS(LID1) (SPC-4 sections 6.23, 6.21 and 6.22), in SPC-3 the service actions of RECEIVE COPY RESULTS. There is no RECEIVE COPY
 * DATA(LID1): no segment leaves any.
 */

import { putU16, putU32, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { IDENTIFICATION_DESCRIPTOR } from "../copy/cscd_descriptor.ts";
import * as limits from "../copy/limits.ts";
import type { CopyRecord } from "../copy/records.ts";
import { BLOCK_TO_BLOCK } from "../copy/segment_descriptor.ts";
import { Opcode, ThirdPartyCopyIn } from "../opcode.ts";
import type { Caller } from "../unit.ts";

const row = {
  opcode: Opcode.THIRD_PARTY_COPY_IN,
  mask: mask("ff 1f ff 00000000000000 ffffffff 00 00"),
  access: "read",
  needs: "nothing",
  mutates: false,
} as const;

/** COPY MANAGER STATUS (SPC-4 table 272). */
const MANAGER_STATUS = { running: 0, good: 1, failed: 2 } as const;

/** TRANSFER COUNT UNITS: bytes, or what 32 bits of bytes do not hold. */
const Units = { BYTES: 0, KIBIBYTES: 1 } as const;

export const receiveCopyStatus: Command = {
  ...row,
  name: "RECEIVE COPY STATUS(LID1)",
  serviceAction: ThirdPartyCopyIn.RECEIVE_COPY_STATUS_LID1,
  plan: (cdb, caller) => {
    const record = recordOf(cdb, caller);
    if (!record) return caller.unit.invalidField(2);
    const data = new Uint8Array(12);
    putU32(data, 0, data.length - 4);
    data[4] = MANAGER_STATUS[record.state];
    putU16(data, 5, record.segmentsProcessed);
    const fits = record.bytesWritten <= 0xffff_ffff;
    data[7] = fits ? Units.BYTES : Units.KIBIBYTES;
    putU32(
      data,
      8,
      fits ? record.bytesWritten : Math.floor(record.bytesWritten / 1024),
    );
    return dataIn(data, u32(cdb, 10));
  },
};

/** Support of No List IDentifier. */
const SNLID = 0x01;
/** Ascending. */
const IMPLEMENTED = [BLOCK_TO_BLOCK, IDENTIFICATION_DESCRIPTOR];

export const receiveCopyOperatingParameters: Command = {
  ...row,
  name: "RECEIVE COPY OPERATING PARAMETERS",
  serviceAction: ThirdPartyCopyIn.RECEIVE_COPY_OPERATING_PARAMETERS,
  plan: (cdb, { unit }) => {
    const data = new Uint8Array(44 + IMPLEMENTED.length);
    putU32(data, 0, data.length - 4);
    data[4] = SNLID;
    putU16(data, 8, limits.MAX_CSCD_DESCRIPTORS);
    putU16(data, 10, limits.MAX_SEGMENT_DESCRIPTORS);
    putU32(data, 12, limits.MAX_DESCRIPTOR_LIST_BYTES);
    putU32(data, 16, limits.MAX_SEGMENT_BYTES);
    putU32(data, 20, limits.MAX_INLINE_DATA_BYTES);
    // No held data, no stream devices.
    putU16(data, 34, limits.MAX_CONCURRENT_COPIES);
    data[36] = limits.MAX_CONCURRENT_COPIES;
    data[37] = Math.log2(unit.blockSizeBytes);
    data[43] = IMPLEMENTED.length;
    data.set(IMPLEMENTED, 44);
    return dataIn(data, u32(cdb, 10));
  },
};

const FAILURE_HEAD_BYTES = 60;

export const receiveCopyFailureDetails: Command = {
  ...row,
  name: "RECEIVE COPY FAILURE DETAILS(LID1)",
  serviceAction: ThirdPartyCopyIn.RECEIVE_COPY_FAILURE_DETAILS_LID1,
  plan: (cdb, caller) => {
    const record = recordOf(cdb, caller);
    if (!record) return caller.unit.invalidField(2);
    const allocationLength = u32(cdb, 10);
    const { failure } = record;
    if (!failure) return dataIn(new Uint8Array(4), allocationLength);
    const sense = failure.sense ?? new Uint8Array(0);
    const data = new Uint8Array(FAILURE_HEAD_BYTES + sense.length);
    putU32(data, 0, data.length - 4);
    data[56] = failure.status;
    putU16(data, 58, sense.length);
    data.set(sense, FAILURE_HEAD_BYTES);
    // They are told once, whole; no room for them means that nobody wants them.
    const told = allocationLength === 0 || allocationLength >= data.length;
    if (told) record.failure = undefined;
    return dataIn(data, allocationLength);
  },
};

function recordOf(
  cdb: Uint8Array,
  { unit, nexus }: Caller,
): CopyRecord | undefined {
  return unit.device.copies.get(nexus.id, cdb[2]!);
}
