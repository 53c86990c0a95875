/** What one side of a negotiation would have: a target's answers and an initiator's proposals follow from it. */

import { MAX_DATA_SEGMENT_BYTES } from "../base/limits.ts";

/** A checksum over headers or data (RFC 7143 section 13.1). It finds errors of the wire, and keeps nobody from changing anything. */
export type Digest = "None" | "CRC32C";

/**
 * The keys of RFC 7143 section 13 under their names, as one side would have them; the subsection stands beside each. Lists are in the
 * order of preference; an answering side follows the order of the other. Lengths are bytes, times seconds.
 */
export interface Offer {
  /** 13.1. */
  readonly headerDigest: readonly Digest[];
  /** 13.1. */
  readonly dataDigest: readonly Digest[];
  /** 13.2. This project uses one connection a session, whatever is agreed. */
  readonly maxConnections: number;
  /** 13.10. Whether every write waits for an R2T. */
  readonly initialR2T: boolean;
  /** 13.11. Whether data may come with the command. */
  readonly immediateData: boolean;
  /** 13.13. The longest sequence of data PDUs, 512 to 2^24 - 1. */
  readonly maxBurstLength: number;
  /** 13.14. The most that is sent before the first R2T, at most `maxBurstLength`. */
  readonly firstBurstLength: number;
  /** 13.15. */
  readonly defaultTime2Wait: number;
  /** 13.16. */
  readonly defaultTime2Retain: number;
  /** 13.17. R2Ts of one task that may be unanswered. */
  readonly maxOutstandingR2T: number;
  /** 13.18. */
  readonly dataPduInOrder: boolean;
  /** 13.19. */
  readonly dataSequenceInOrder: boolean;
  /** 13.20. This project knows level 0. */
  readonly errorRecoveryLevel: number;
  /** 13.23. */
  readonly taskReporting: readonly string[];
  /** RFC 7144 section 7.1.1. */
  readonly iscsiProtocolLevel: number;
  /** 13.12. The longest data segment that we take. */
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
