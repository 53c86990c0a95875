/**
 * Sense data of a copy that did not come to its end (SPC-4 section 6.4.7.3): COPY ABORTED, which segment it was, and where it was a copy source
 * or copy destination that refused, with what status and sense data.
 */

import { putU16 } from "../../base/bytes.ts";
import type { Outcome } from "../plan.ts";
import { encodeSense } from "../sense.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { Status } from "../status.ts";

/** Why a copy ends. */
export interface CopyFailure {
  /** The segment that was under way, counted from 0. */
  readonly segment: number;
  /** Additional sense code; that of {@linkcode failedAt} unless given. */
  readonly code?: number;
  /** Where the wrong field is: a byte of the segment descriptor, or of the parameter list. */
  readonly field?: {
    readonly in: "segment" | "parameters";
    readonly byte: number;
  };
  /** What one end said. */
  readonly failedAt?: {
    readonly end: "source" | "destination";
    readonly outcome: Outcome;
  };
}

const SKSV = 0x80;
/** The field pointer counts from the beginning of the segment descriptor. */
const SD = 0x20;

const FIXED_BYTES = 18;
const FIXED_HEAD_BYTES = 8;
const COMMAND_SPECIFIC_DESCRIPTOR = [0x01, 0x0a, 0, 0] as const;
const KEY_SPECIFIC_DESCRIPTOR = [0x02, 0x06, 0, 0] as const;
const FORWARDED_SENSE_DATA_DESCRIPTOR = 0x0c;
const SENSE_DATA_SOURCE = { source: 1, destination: 2 } as const;

/** CHECK CONDITION, COPY ABORTED. */
export function copyAborted(
  failure: CopyFailure,
  descriptorFormat: boolean,
): Outcome {
  return {
    status: Status.CHECK_CONDITION,
    sense: descriptorFormat ? descriptors(failure) : fixed(failure),
  };
}

function codeOf({ code, failedAt }: CopyFailure): number {
  if (code !== undefined) return code;
  // Sense data say more than a code for all of them.
  return failedAt?.outcome.sense
    ? SenseCode.NO_ADDITIONAL_SENSE_INFORMATION
    : SenseCode.THIRD_PARTY_DEVICE_FAILURE;
}

/** COMMAND-SPECIFIC INFORMATION: where the ends' status and sense data begin, and the number of the segment. */
function fixed(failure: CopyFailure): Uint8Array {
  const { failedAt, segment } = failure;
  const said = failedAt
    ? [failedAt.outcome.status, ...failedAt.outcome.sense ?? []]
    : [];
  const bytes = new Uint8Array(FIXED_BYTES + said.length);
  bytes.set(
    encodeSense({ key: SenseKey.COPY_ABORTED, code: codeOf(failure) }, false),
  );
  bytes[7] = bytes.length - FIXED_HEAD_BYTES;
  if (failedAt) bytes[failedAt.end === "source" ? 8 : 9] = FIXED_BYTES;
  putU16(bytes, 10, segment);
  bytes.set(keySpecific(failure), 15);
  bytes.set(said, FIXED_BYTES);
  return bytes;
}

function descriptors(failure: CopyFailure): Uint8Array {
  const { failedAt, segment } = failure;
  const head = encodeSense(
    { key: SenseKey.COPY_ABORTED, code: codeOf(failure) },
    true,
  );
  const bytes = [
    ...head,
    ...[...COMMAND_SPECIFIC_DESCRIPTOR, 0, 0, segment >> 8, segment & 0xff],
    ...[0, 0, 0, 0],
    ...[...KEY_SPECIFIC_DESCRIPTOR, ...keySpecific(failure), 0],
  ];
  if (failedAt) {
    const { status, sense = [] } = failedAt.outcome;
    bytes.push(
      FORWARDED_SENSE_DATA_DESCRIPTOR,
      2 + sense.length,
      SENSE_DATA_SOURCE[failedAt.end],
      status,
      ...sense,
    );
  }
  bytes[7] = bytes.length - head.length;
  return Uint8Array.from(bytes);
}

function keySpecific({ field }: CopyFailure): Uint8Array {
  const bytes = new Uint8Array(3);
  if (!field) return bytes;
  bytes[0] = SKSV | (field.in === "segment" ? SD : 0);
  putU16(bytes, 1, field.byte);
  return bytes;
}
