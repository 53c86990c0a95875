/** Who came, who was kept out, and why: the tunnel's events as lines of the log. */

import type { Log } from "../base/log.ts";
import type { Audit } from "../../tunnel/audit.ts";

/** Lines of the audit log, as warnings where somebody was kept out. */
export function auditTo(log: Log): Audit {
  return ({ kind, ...facts }) => {
    const quiet = kind === "link up" || kind === "link end" ||
      kind === "joined" || kind === "renewed";
    if (quiet) log.info(kind, facts);
    else log.warn(kind, facts);
  };
}
