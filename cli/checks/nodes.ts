/** Whether the joined nodes answer and let this device in, and whether this machine's own node runs. */

import fs from "node:fs";
import { messageOf, VaultError } from "../../lib/base/errors.ts";
import { silent } from "../../lib/base/log.ts";
import { joinedNodes } from "../../lib/daemon/joined.ts";
import { StateFolder } from "../../lib/daemon/state_folder.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import type { DeviceIdentity } from "../../lib/pki/identity.ts";
import { dialLink } from "../../tunnel/dial.ts";
import { isServing } from "../daemons.ts";
import type { Check, Finding } from "./finding.ts";

const DIAL_TIMEOUT_MS = 10_000;

export const checkNodes: Check = async (stateDir) => {
  const folder = new StateFolder(stateDir);
  const joined = await Promise.all(joinedNodes(folder).map(dial));
  if (!fs.existsSync(folder.identity)) return joined;
  return [await ownNode(stateDir), ...joined];
};

async function ownNode(stateDir: string): Promise<Finding> {
  const check = "this node";
  try {
    if (await isServing(stateDir)) {
      return { check, state: "ok", found: "serves" };
    }
  } catch (thrown) {
    return {
      check,
      state: "failed",
      found: messageOf(thrown),
      advice: "vault serve runs but does not answer: see its log, restart it.",
    };
  }
  return {
    check,
    state: "warning",
    found: "does not run",
    advice: "vault serve, or vault serve --background",
  };
}

/** The whole way in: TCP, TLS, both certificates, the inner handshake. */
async function dial(identity: DeviceIdentity): Promise<Finding> {
  const check = `node ${identity.address}`;
  const before = systemClock.monotonic();
  try {
    const link = await dialLink({
      identity,
      primitives: systemPrimitives,
      clock: systemClock,
      log: silent,
      audit: () => {},
      signal: AbortSignal.timeout(DIAL_TIMEOUT_MS),
    });
    const tookMs = Math.round(systemClock.monotonic() - before);
    await link.close();
    return {
      check,
      state: "ok",
      found: `answers and lets "${identity.name}" in, after ${tookMs} ms`,
    };
  } catch (thrown) {
    return {
      check,
      state: "failed",
      found: messageOf(thrown),
      advice: thrown instanceof VaultError && thrown.hint
        ? thrown.hint
        : "Is vault serve running there, and does a firewall let its port through?",
    };
  }
}
