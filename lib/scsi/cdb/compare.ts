/** What VERIFY, WRITE AND VERIFY and COMPARE AND WRITE do about bytes that differ, and about a Data-Out that is too short. */

import type { Answer, Compare } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import type { Unit } from "../unit.ts";

/**
 * Compares `expected` with the medium at `offset`. INFORMATION is the offset in the Data-Out of the first byte that differs, counted
 * from `base` (SBC-3 section 5.2).
 */
export function comparison(
  unit: Unit,
  of: {
    readonly offset: number;
    readonly expected: Uint8Array;
    readonly base?: number;
  },
): Compare {
  const { offset, expected, base = 0 } = of;
  return {
    kind: "compare",
    offset,
    expected,
    miscompare: (at) =>
      unit.check({
        key: SenseKey.MISCOMPARE,
        code: SenseCode.MISCOMPARE_DURING_VERIFY_OPERATION,
        information: base + at,
      }).outcome,
  };
}

/** The initiator announced fewer bytes to its transport than the CDB needs: nothing is compared or written in part. */
export function shortData(unit: Unit, countAt: number): Answer {
  return unit.invalidField(countAt);
}

/**
 * Whether the transport expects as many bytes of Data-Out as the CDB stands for. Where they say different things and one block may be
 * written many times or instead of another, nobody knows what was meant, and the command is refused.
 */
export function agrees(
  dataOutBytes: number | undefined,
  neededBytes: number,
): boolean {
  return dataOutBytes === undefined || dataOutBytes === neededBytes;
}
