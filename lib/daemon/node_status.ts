/** How a node is, as people are told. */

import type {
  LinkInfo,
  NodeStatus,
  SessionInfo,
  VolumeInfo,
} from "../control/operations.ts";
import type { Leases } from "./leases.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { VERSION } from "./version.ts";

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

export function nodeStatus(
  { node, volumes, live }: {
    readonly node: string;
    readonly volumes: readonly VolumeInfo[];
    readonly live: Live | undefined;
  },
): NodeStatus {
  return {
    running: live !== undefined,
    version: VERSION,
    node,
    volumes,
    links: live?.links() ?? [],
    sessions: live?.sessions() ?? [],
    ...(live
      ? {
        pid: live.pid,
        since: live.since,
        listen: live.listen,
        macFailures: live.macFailures,
        ...(live.forward === undefined ? {} : {
          forward: live.forward,
          forwarded: live.leases.forwarded(),
        }),
      }
      : {}),
  };
}
