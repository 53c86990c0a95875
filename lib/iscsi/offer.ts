/** What one side of a negotiation would have: a target's answers and an initiator's proposals follow from it. */

import { MAX_DATA_SEGMENT_BYTES } from "../base/limits.ts";

export type Digest = "None" | "CRC32C";

/** Lists are in the order of preference; an answering side follows the order of the other. Lengths bytes, times seconds. */
export interface Offer {
  readonly headerDigest: readonly Digest[];
  readonly dataDigest: readonly Digest[];
  readonly maxConnections: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly maxOutstandingR2T: number;
  readonly dataPduInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  readonly taskReporting: readonly string[];
  readonly iscsiProtocolLevel: number;
  /** The longest data segment that we take. */
  readonly maxRecvDataSegmentLength: number;
}

/**
 * What this project's target agrees to. A 256 KiB write comes whole without an R2T, and a burst of 1 MiB bounds what one R2T
 * makes a task hold: 32 tasks of 256 KiB are 8 MiB. Order of data is always asked for, so a transfer is one running offset.
 */
export const TARGET_OFFER: Offer = {
  headerDigest: ["None", "CRC32C"],
  dataDigest: ["None", "CRC32C"],
  maxConnections: 1,
  initialR2T: false,
  immediateData: true,
  maxBurstLength: 1024 * 1024,
  firstBurstLength: 262144,
  defaultTime2Wait: 2,
  defaultTime2Retain: 0,
  maxOutstandingR2T: 4,
  dataPduInOrder: true,
  dataSequenceInOrder: true,
  errorRecoveryLevel: 0,
  taskReporting: ["RFC3720"],
  iscsiProtocolLevel: 1,
  maxRecvDataSegmentLength: MAX_DATA_SEGMENT_BYTES,
};

/** What this project's initiator proposes. */
export const INITIATOR_OFFER: Offer = { ...TARGET_OFFER };
