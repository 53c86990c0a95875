/** Whether the port at which initiators look is free. */

import { VaultError } from "../../lib/base/errors.ts";
import { listenTcp } from "../../lib/os/tcp.ts";
import { attachments } from "../daemons.ts";
import type { Check } from "./finding.ts";

const PORTAL = { hostname: "127.0.0.1", port: 3260 };

export const checkPortal: Check = async (stateDir) => {
  const check = "portal";
  const address = `${PORTAL.hostname}:${PORTAL.port}`;
  const ours = (await attachments(stateDir))
    .find(({ portal }) => portal === address);
  if (ours) {
    const found = `"${ours.volume}" is attached at ${address}`;
    return [{ check, state: "ok", found }];
  }
  try {
    listenTcp(PORTAL).close();
    return [{ check, state: "ok", found: `${address} is free` }];
  } catch (thrown) {
    if (!(thrown instanceof VaultError)) throw thrown;
    return [{
      check,
      state: "warning",
      found: `another program listens at ${address}`,
      advice:
        "vault attach takes the next free port, or the one that --portal names.",
    }];
  }
};
