/** Jobs that tests have carried out without a session, and plans for them. */

import type { Plan } from "../../scsi/plan.ts";
import type { Job } from "../job.ts";

export const NEXUS = { initiatorPort: "iqn.2026-01.example:a,i,0x1", id: 1 };

export const JOB: Job = {
  nexus: NEXUS,
  dataOut: new Uint8Array(0),
  readOnly: false,
  aborted: false,
};

/** The miscompare's sense data are the place where it is. */
export function compareAndWrite(
  offset: number,
  expected: Uint8Array,
  data: Uint8Array,
): Plan {
  return {
    kind: "compare",
    offset,
    expected,
    miscompare: (at) => ({ status: 0x02, sense: Uint8Array.of(at) }),
    then: { data, fua: false },
  };
}
