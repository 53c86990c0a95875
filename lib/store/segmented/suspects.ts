/** Objects that are not what they should be, and how one knows. */

import { equalBytes } from "../../base/bytes.ts";
import type { SegmentRecord } from "../../segments/checkpoint.ts";
import type { ObjectKind } from "../../segments/keys.ts";
import { withExtents } from "../../segments/segment.ts";
import { behind, CHAIN_START, type ChainEnd } from "./chain.ts";
import { type CheckedObject, whyOf } from "./object_check.ts";
import type { Pin } from "./segment_row.ts";
import { endOf, type Survey } from "./survey.ts";

/** An object that is not what it should be. */
export interface Suspect {
  readonly kind: ObjectKind;
  readonly number: number;
  readonly why: string;
  /** Chunks of its data; all of it where that is left out. */
  readonly chunks?: readonly number[];
  /** The volume cannot be opened as long as it is so. */
  readonly closes?: true;
}

/** What is wrong with a segment that was read; undefined: nothing. `record` is what a checkpoint says of it. */
export function suspectOf(
  { number, checked, record }: {
    readonly number: number;
    readonly checked: CheckedObject;
    readonly record: SegmentRecord | undefined;
  },
): Suspect | undefined {
  const { head, faults: [fault, ...others] } = checked;
  const kind = "segment";
  if (fault) {
    const chunks = checked.faults.flatMap(({ chunk }) => chunk ?? []);
    const isPart = chunks.length === checked.faults.length;
    const more = others.length > 0 ? `, and ${others.length} more` : "";
    const why = `${fault.why}${more}`;
    return { kind, number, why, ...(isPart && { chunks }) };
  }
  try {
    if (!head) return undefined;
    withExtents(head);
    const isSame = !record ||
      equalBytes(record.digest, head.digest) &&
        equalBytes(record.salt, head.salt) &&
        record.dataStart === head.dataStart &&
        record.dataBytes === head.dataBytes;
    if (isSame) return undefined;
    return { kind, number, why: "it is not the one that a checkpoint names" };
  } catch (thrown) {
    return { kind, number, why: whyOf(thrown) };
  }
}

/** One that is needed and not there. */
export function missing(number: number): Suspect {
  return { kind: "segment", number, why: "it is missing" };
}

/** What shows that the row is not the one that is remembered, or less of it. */
export function notPassed(
  { checkpoints, row, end }: Survey,
  pin: Pin,
): Suspect | undefined {
  const kind = "segment";
  if (
    end.epoch < pin.epoch || end.epoch === pin.epoch && end.next < pin.next
  ) {
    const why =
      "it is missing, or does not follow the one before it: this machine knows of more than the bucket shows";
    return { kind, number: end.next, why, closes: true };
  }
  const last = checkpoints.at(-1);
  const ends: ChainEnd[] = [last ? endOf(last) : CHAIN_START];
  if (ends[0]!.next > pin.next) return undefined;
  for (const { head } of row) {
    const { number } = head.identity;
    ends.push(behind(ends.at(-1)!, { ...head, number }));
  }
  const passed = ends.some(({ next, digest }) =>
    next === pin.next && equalBytes(digest, pin.digest)
  );
  if (passed) return undefined;
  const why = "what lies before it is not what this machine knows";
  return { kind, number: pin.next, why, closes: true };
}
