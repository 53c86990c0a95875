/** One command on its way through a volume, and how it ended. */

import type { Nexus } from "../scsi/nexus.ts";
import type { Outcome } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";

export interface Job {
  readonly nexus: Nexus;
  /** What the initiator sent; lent until the job is done. */
  readonly dataOut: Uint8Array;
  /** Nothing that changes the volume is done. */
  readonly readOnly: boolean;
  /** Nobody wants the answer any more: work in pieces ends after the piece at hand. */
  readonly aborted: boolean;
  /** What it began goes on without it: it may end as soon as nobody wants the answer any more. */
  detached?: boolean;
}

/** How a command ended, and the parameter data or blocks that it gave. */
export interface Done {
  readonly outcome: Outcome;
  readonly data?: Uint8Array;
}

export const GOOD: Outcome = Object.freeze({ status: Status.GOOD });
