/** The marks of a volume, each of which has to be there: what is wrong with them is told. */

import { listAll } from "../../bucket/bucket.ts";
import { MARK_FOLDER } from "../../segments/keys.ts";
import { type Mark, markOf } from "../../segments/mark.ts";
import { checkObject, whyOf } from "./object_check.ts";
import type { SurveyOptions } from "./survey.ts";
import type { Suspect } from "./suspects.ts";

/** What was found. */
export interface SurveyedMarks {
  /** The last one, where it is what was written. */
  readonly last: Mark | undefined;
  readonly objects: number;
  readonly bytes: number;
}

/** Looks. What is wrong is put to the suspects. @throws {BucketError} */
export async function surveyMarks(
  options: SurveyOptions,
  suspects: Suspect[],
): Promise<SurveyedMarks> {
  const { bucket, keys } = options;
  let [end, objects, bytes] = [0, 0, 0];
  for await (const { name, sizeBytes } of listAll(bucket, MARK_FOLDER)) {
    const parsed = keys.parseName(name);
    if (parsed?.kind !== "mark") continue;
    end = Math.max(end, parsed.number);
    objects++;
    bytes += sizeBytes;
  }
  let last: Mark | undefined;
  for (let number = 1; number <= end; number++) {
    const mark = await readBack(options, number);
    last = typeof mark === "string" ? undefined : mark;
    if (typeof mark !== "string") continue;
    // The last one is what is read by whoever opens the volume.
    const closes = number === end ? { closes: true } as const : {};
    suspects.push({ kind: "mark", number, why: mark, ...closes });
  }
  return { last, objects, bytes };
}

/** What it says, or what is wrong with it. */
async function readBack(
  options: SurveyOptions,
  number: number,
): Promise<Mark | string> {
  const { volumeId } = options;
  const identity = { kind: "mark", volumeId, number } as const;
  const found = await checkObject(options, { identity });
  if (!found) return "it is missing";
  const { head, faults: [fault] } = found;
  if (!head || fault) return fault?.why ?? "it is not whole";
  try {
    return markOf(head);
  } catch (thrown) {
    return whyOf(thrown);
  }
}
