/**
 * The lease of a place: one object, replaced again and again, that says which writer has the place, and shows by its changes that the writer lives.
 *
 *     vault lease 1 0123456789abcdef0123456789abcdef 42 held
 *
 * Version, who holds it, how often it was renewed, and `held` or `free`, with a line feed at the end. `free` is written by a holder that has ended
 * in good order, with nothing of it under way any more.
 */

import { fromUtf8, utf8 } from "../base/bytes.ts";

/** Lies in no folder, so that nothing which is sealed has such a name. */
export const LEASE_NAME = "lease";
/** No lease is as long. */
export const MAX_LEASE_BYTES = 256;

const VERSION = 1;
const LEASE = new RegExp(
  `^vault lease ${VERSION} ([0-9a-f]{32}) (\\d{1,15}) (held|free)\n$`,
);

export interface LeaseRecord {
  /** 16 random bytes in hexadecimal digits, another for each opening. */
  readonly holder: string;
  readonly counter: number;
  readonly isFree: boolean;
}

export function encodeLease(record: LeaseRecord): Uint8Array {
  const { holder, counter, isFree } = record;
  const state = isFree ? "free" : "held";
  return utf8(`vault lease ${VERSION} ${holder} ${counter} ${state}\n`);
}

/** Undefined where it is no lease that is understood here. */
export function parseLease(bytes: Uint8Array): LeaseRecord | undefined {
  const [, holder, counter, state] = LEASE.exec(fromUtf8(bytes) ?? "") ?? [];
  if (holder === undefined) return undefined;
  return { holder, counter: Number(counter), isFree: state === "free" };
}
