/**
 * Third-party Copy, 8Fh (SPC-4 section 7.8.17): the commands, their limits, the descriptors. There are no ROD tokens, and so no descriptors that
 * tell of them: offloaded data transfer (ODX) is another thing, and not offered.
 */

import { concat, putU16, putU32 } from "../../base/bytes.ts";
import { IDENTIFICATION_DESCRIPTOR } from "../copy/cscd_descriptor.ts";
import * as limits from "../copy/limits.ts";
import { BLOCK_TO_BLOCK } from "../copy/segment_descriptor.ts";
import { Opcode } from "../opcode.ts";
import type { VpdPage } from "./page.ts";

/** Third-party copy descriptor types (SPC-4 table 676). */
const Type = {
  SUPPORTED_COMMANDS: 0x0001,
  PARAMETER_DATA: 0x0004,
  SUPPORTED_DESCRIPTORS: 0x0008,
  GENERAL_COPY_OPERATIONS: 0x8001,
} as const;

export const thirdPartyCopy: VpdPage = ({ commands, blockSizeBytes }) => {
  const actionsOf = (opcode: number) => {
    const actions = commands.filter((command) => command.opcode === opcode)
      .map(({ serviceAction }) => serviceAction ?? 0);
    return [opcode, actions.length, ...actions];
  };
  const list = [
    ...actionsOf(Opcode.THIRD_PARTY_COPY_OUT),
    ...actionsOf(Opcode.THIRD_PARTY_COPY_IN),
  ];
  return concat([
    descriptor(
      Type.SUPPORTED_COMMANDS,
      Uint8Array.of(list.length, ...list),
    ),
    descriptor(Type.PARAMETER_DATA, parameterData()),
    descriptor(
      Type.SUPPORTED_DESCRIPTORS,
      Uint8Array.of(2, BLOCK_TO_BLOCK, IDENTIFICATION_DESCRIPTOR),
    ),
    descriptor(
      Type.GENERAL_COPY_OPERATIONS,
      generalCopyOperations(blockSizeBytes),
    ),
  ]);
};

function parameterData(): Uint8Array {
  const body = new Uint8Array(28);
  putU16(body, 4, limits.MAX_CSCD_DESCRIPTORS);
  putU16(body, 6, limits.MAX_SEGMENT_DESCRIPTORS);
  putU32(body, 8, limits.MAX_DESCRIPTOR_LIST_BYTES);
  putU32(body, 12, limits.MAX_INLINE_DATA_BYTES);
  return body;
}

function generalCopyOperations(blockSizeBytes: number): Uint8Array {
  const body = new Uint8Array(32);
  putU32(body, 0, limits.MAX_CONCURRENT_COPIES);
  putU32(body, 4, limits.MAX_CONCURRENT_COPIES);
  putU32(body, 8, limits.MAX_SEGMENT_BYTES);
  body[12] = Math.log2(blockSizeBytes);
  return body;
}

/** The body behind its head, filled up to a multiple of four bytes. */
function descriptor(type: number, body: Uint8Array): Uint8Array {
  const length = Math.ceil(body.length / 4) * 4;
  const bytes = new Uint8Array(4 + length);
  putU16(bytes, 0, type);
  putU16(bytes, 2, length);
  bytes.set(body, 4);
  return bytes;
}
