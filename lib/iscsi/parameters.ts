/** What a login has agreed on, under the names of RFC 7143 section 13. Lengths are bytes, times seconds. */

export type SessionType = "Normal" | "Discovery";

export interface Parameters {
  readonly sessionType: SessionType;
  /** CRC32C over headers, from the first PDU after the login on. */
  readonly headerDigest: boolean;
  /** CRC32C over data segments, likewise. */
  readonly dataDigest: boolean;
  readonly maxConnections: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxBurstLength: number;
  /** Never more than `maxBurstLength`. */
  readonly firstBurstLength: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly maxOutstandingR2T: number;
  readonly dataPduInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  readonly taskReporting: string;
  readonly iscsiProtocolLevel: number;
  /** The longest data segment that the peer takes: what bounds what we send. */
  readonly maxRecvDataSegmentLength: number;
  /** The longest that we told the peer we take. */
  readonly ourMaxRecvDataSegmentLength: number;
}

/** What holds where nothing is negotiated: the defaults of RFC 7143 section 13. */
export const DEFAULT_PARAMETERS: Parameters = {
  sessionType: "Normal",
  headerDigest: false,
  dataDigest: false,
  maxConnections: 1,
  initialR2T: true,
  immediateData: true,
  maxBurstLength: 262144,
  firstBurstLength: 65536,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  maxOutstandingR2T: 1,
  dataPduInOrder: true,
  dataSequenceInOrder: true,
  errorRecoveryLevel: 0,
  taskReporting: "RFC3720",
  iscsiProtocolLevel: 1,
  maxRecvDataSegmentLength: 8192,
  ourMaxRecvDataSegmentLength: 8192,
};
