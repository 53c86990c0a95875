/** What a running node has that a stopped one has not. */

import type { LinkInfo, SessionInfo } from "../control/operations.ts";
import type { Leases } from "./leases.ts";
import type { ServedVolumes } from "./served_volumes.ts";

/** What a running node adds. */
export interface Live {
  readonly volumes: ServedVolumes;
  readonly leases: Leases;
  readonly pid: number;
  readonly since: string;
  readonly listen: string;
  readonly forward?: string;
  readonly macFailures: number;
  links(): readonly LinkInfo[];
  sessions(): readonly SessionInfo[];
}
