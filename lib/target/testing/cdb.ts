/** CDBs that tests send, and what comes back. */

import type { DataIn } from "../../iscsi/pdu/data_in.ts";
import type { ScsiResponse } from "../../iscsi/pdu/scsi_response.ts";

/** How a command ended, with all that came before its end. */
export interface Ended {
  readonly status: number;
  readonly sense: Uint8Array;
  readonly data: Uint8Array;
  readonly response: ScsiResponse | undefined;
  readonly dataIns: readonly DataIn[];
  readonly overflow: boolean;
  readonly underflow: boolean;
  readonly residualCount: number;
}

/** Ten-byte CDBs with an LBA and a count of blocks. */
export function cdb10(code: number, lba: number, blocks: number): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = code;
  cdb.set([lba >>> 24, lba >>> 16, lba >>> 8, lba], 2);
  cdb.set([blocks >>> 8, blocks], 7);
  return cdb;
}

/** The additional sense code of fixed format sense data, ASC << 8 | ASCQ, and its key. */
export function senseOf(ended: Ended): { key: number; code: number } {
  return {
    key: ended.sense[2]! & 0x0f,
    code: (ended.sense[12]! << 8) | ended.sense[13]!,
  };
}
