/** Whether all volumes of this machine's own node can be served and written to. */

import fs from "node:fs";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { StateFolder } from "../../lib/daemon/state_folder.ts";
import { withNode } from "../daemons.ts";
import type { Check, Finding } from "./finding.ts";

export const checkVolumes: Check = async (stateDir) => {
  if (!fs.existsSync(new StateFolder(stateDir).identity)) return [];
  const volumes = await withNode(stateDir, (node) => node.listVolumes());
  const ill = volumes.filter(({ health }) => health !== "ok");
  if (ill.length > 0) return ill.map(finding);
  const found = volumes.length === 0 ? "none yet" : `${volumes.length}, all ok`;
  return [{ check: "volumes", state: "ok", found }];
};

function finding({ name, health }: VolumeInfo): Finding {
  return {
    check: `volume ${name}`,
    state: "failed",
    found: health,
    advice: adviceOn(name, health),
  };
}

function adviceOn(name: string, health: string): string {
  if (health.startsWith("not served")) {
    return `Put right what was changed from outside, from a copy, and start vault serve again; or: vault volume delete ${name}`;
  }
  return health.startsWith("no room")
    ? "Make room on the disk that it lies on, or give some back where it is attached (fstrim): it then takes writes again by itself."
    : "Look after the disk that it lies on, then start vault serve again.";
}
