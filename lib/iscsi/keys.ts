/**
 * The keys of RFC 7143 section 13 (and iSCSIProtocolLevel of RFC 7144) as data. What a key's answer means is
 * `negotiation.ts`.
 *
 * Use: IO, the whole login before the full feature phase; LO, leading login only; FFPO, full feature phase only; ALL, any time.
 */

import type { Parameters } from "./parameters.ts";

export type Use = "IO" | "LO" | "FFPO" | "ALL";
export type Sender = "initiator" | "target" | "both";

interface Common {
  readonly use: Use;
  readonly sender: Sender;
  /** Whether it has no meaning in a discovery session, and is answered Irrelevant there. */
  readonly normalOnly?: true;
}

/** Both sides name a boolean; the result is their AND or OR. */
export interface BooleanKey extends Common {
  readonly kind: "and" | "or";
  readonly parameter: keyof Parameters;
}

/** Both sides name a number; the result is the smaller or the larger. */
export interface NumberKey extends Common {
  readonly kind: "min" | "max";
  readonly parameter: keyof Parameters;
  readonly lowest: number;
  readonly highest: number;
}

/** The one names values, best first; the other picks the first that it has. */
export interface ListKey extends Common {
  readonly kind: "list";
  readonly parameter: keyof Parameters;
}

/** Told, not answered. */
export interface DeclaredKey extends Common {
  readonly kind: "declared";
}

/** Given up by RFC 7143 section 13.25, which still prescribes the answer. */
export interface ObsoleteKey extends Common {
  readonly kind: "obsolete";
  readonly answer: "No" | "Reject";
}

export type Key =
  | BooleanKey
  | NumberKey
  | ListKey
  | DeclaredKey
  | ObsoleteKey;

const MAX_LENGTH = 2 ** 24 - 1;

const LEADING = { use: "LO", sender: "both", normalOnly: true } as const;
const LENGTH = { lowest: 512, highest: MAX_LENGTH } as const;
const COUNT = { lowest: 1, highest: 65535 } as const;
const SECONDS = { lowest: 0, highest: 3600 } as const;

const TABLE: Readonly<Record<string, Key>> = {
  HeaderDigest: {
    kind: "list",
    parameter: "headerDigest",
    use: "IO",
    sender: "both",
  },
  DataDigest: {
    kind: "list",
    parameter: "dataDigest",
    use: "IO",
    sender: "both",
  },
  MaxConnections: {
    ...LEADING,
    ...COUNT,
    kind: "min",
    parameter: "maxConnections",
  },
  SendTargets: { kind: "declared", use: "FFPO", sender: "initiator" },
  TargetName: { kind: "declared", use: "ALL", sender: "both" },
  InitiatorName: { kind: "declared", use: "IO", sender: "initiator" },
  TargetAlias: { kind: "declared", use: "ALL", sender: "target" },
  InitiatorAlias: { kind: "declared", use: "ALL", sender: "initiator" },
  TargetAddress: { kind: "declared", use: "ALL", sender: "target" },
  TargetPortalGroupTag: { kind: "declared", use: "IO", sender: "target" },
  InitialR2T: { ...LEADING, kind: "or", parameter: "initialR2T" },
  ImmediateData: { ...LEADING, kind: "and", parameter: "immediateData" },
  MaxRecvDataSegmentLength: { kind: "declared", use: "ALL", sender: "both" },
  MaxBurstLength: {
    ...LEADING,
    ...LENGTH,
    kind: "min",
    parameter: "maxBurstLength",
  },
  FirstBurstLength: {
    ...LEADING,
    ...LENGTH,
    kind: "min",
    parameter: "firstBurstLength",
  },
  DefaultTime2Wait: {
    use: "LO",
    sender: "both",
    ...SECONDS,
    kind: "max",
    parameter: "defaultTime2Wait",
  },
  DefaultTime2Retain: {
    use: "LO",
    sender: "both",
    ...SECONDS,
    kind: "min",
    parameter: "defaultTime2Retain",
  },
  MaxOutstandingR2T: {
    ...LEADING,
    ...COUNT,
    kind: "min",
    parameter: "maxOutstandingR2T",
  },
  DataPDUInOrder: { ...LEADING, kind: "or", parameter: "dataPduInOrder" },
  DataSequenceInOrder: {
    ...LEADING,
    kind: "or",
    parameter: "dataSequenceInOrder",
  },
  ErrorRecoveryLevel: {
    use: "LO",
    sender: "both",
    lowest: 0,
    highest: 2,
    kind: "min",
    parameter: "errorRecoveryLevel",
  },
  SessionType: { kind: "declared", use: "LO", sender: "initiator" },
  TaskReporting: { ...LEADING, kind: "list", parameter: "taskReporting" },
  iSCSIProtocolLevel: {
    ...LEADING,
    lowest: 0,
    highest: 31,
    kind: "min",
    parameter: "iscsiProtocolLevel",
  },
  "X#NodeArchitecture": { kind: "declared", use: "LO", sender: "both" },
  IFMarker: { kind: "obsolete", answer: "No", use: "LO", sender: "both" },
  OFMarker: { kind: "obsolete", answer: "No", use: "LO", sender: "both" },
  IFMarkInt: { kind: "obsolete", answer: "Reject", use: "LO", sender: "both" },
  OFMarkInt: { kind: "obsolete", answer: "Reject", use: "LO", sender: "both" },
};

/** What is known of a key, or undefined: it is answered NotUnderstood. */
export function keyOf(name: string): Key | undefined {
  return Object.hasOwn(TABLE, name) ? TABLE[name] : undefined;
}

/** All keys by name. */
export const KEYS: readonly (readonly [string, Key])[] = Object.entries(TABLE);

/** Answers that are no values (RFC 7143 section 6.2). */
export const NOT_UNDERSTOOD = "NotUnderstood";
export const IRRELEVANT = "Irrelevant";
export const REJECT = "Reject";

/** Keys of the security stage (RFC 7143 section 12): `login.ts` and `chap.ts` see to them. */
export const SECURITY_KEYS: ReadonlySet<string> = new Set([
  "AuthMethod",
  "CHAP_A",
  "CHAP_C",
  "CHAP_I",
  "CHAP_N",
  "CHAP_R",
]);

/** The range of MaxRecvDataSegmentLength (RFC 7143 section 13.12). */
export const MAX_RECV_DATA_SEGMENT_LENGTH_RANGE = {
  lowest: 512,
  highest: MAX_LENGTH,
} as const;
