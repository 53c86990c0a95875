/** Whether the state folder is private, can be written to and has room. */

import fs from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../lib/base/errors.ts";
import { formatSize } from "../size.ts";
import type { Check, Finding } from "./finding.ts";

/** With less, not even the state is safe; with less than the other, volumes fill up soon. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;
const ENOUGH_FREE_BYTES = 1024 * 1024 * 1024;

export const checkStateFolder: Check = (stateDir) => {
  const check = "state folder";
  if (!fs.existsSync(stateDir)) {
    const found = `${stateDir} is not there yet`;
    return Promise.resolve([{ check, state: "skipped", found }]);
  }
  return Promise.resolve([
    access(check, stateDir),
    ...strangersFiles(stateDir),
    room(stateDir),
  ]);
};

function access(check: string, stateDir: string): Finding {
  const probe = join(stateDir, `.doctor.${crypto.randomUUID()}`);
  try {
    fs.writeFileSync(probe, "", { mode: 0o600 });
    fs.rmSync(probe);
  } catch (thrown) {
    return {
      check,
      state: "failed",
      found: `cannot be written to: ${messageOf(thrown)}`,
      advice: `Give it to this user, or name another with --state: ${stateDir}`,
    };
  }
  return { check, state: "ok", found: stateDir };
}

/** Folders and files in which keys lie, and which others could read. */
function strangersFiles(stateDir: string): readonly Finding[] {
  if (Deno.build.os === "windows") return [];
  const open = keyFiles(stateDir).filter((path) =>
    (fs.statSync(path).mode & 0o077) !== 0
  );
  const check = "key files";
  if (open.length === 0) {
    return [{ check, state: "ok", found: "only this user can read them" }];
  }
  return [{
    check,
    state: "failed",
    found: `others can read ${open.join(", ")}`,
    advice:
      `chmod -R go= ${stateDir}; then consider the keys known: make a new node, or join again.`,
  }];
}

function keyFiles(stateDir: string): readonly string[] {
  const folders = [stateDir, join(stateDir, "node"), join(stateDir, "nodes")]
    .filter((folder) => fs.existsSync(folder));
  const files = folders.flatMap((folder) =>
    fs.readdirSync(folder).filter((name) => name.endsWith(".json"))
      .map((name) => join(folder, name))
  );
  // What lies in a closed folder is closed.
  return fs.statSync(stateDir).mode & 0o077 ? [stateDir, ...files] : files;
}

function room(stateDir: string): Finding {
  const check = "disk space";
  const { bavail, bsize } = fs.statfsSync(stateDir);
  const free = bavail * bsize;
  const found = `${formatSize(free)} free for volumes`;
  if (free >= ENOUGH_FREE_BYTES) return { check, state: "ok", found };
  return {
    check,
    state: free < LEAST_FREE_BYTES ? "failed" : "warning",
    found,
    advice:
      "A volume that cannot grow into free space takes no more writes: make room.",
  };
}
