/** `--resume-window` of serve and attach. */

import { VaultError } from "../lib/base/errors.ts";
import { parseDuration } from "./duration.ts";

/** What waits longer than a day has forgotten what it waits for. */
const MAX_MS = 24 * 60 * 60 * 1000;

/** As the daemons take it: nothing where it was not given. "0" means that a link ends with its connection. @throws {VaultError} */
export function resumeWindowOf(
  options: { readonly resumeWindow?: string },
): { resumeWindowMs?: number } {
  const { resumeWindow } = options;
  if (resumeWindow === undefined) return {};
  const resumeWindowMs = resumeWindow === "0" ? 0 : parseDuration(resumeWindow);
  if (resumeWindowMs <= MAX_MS) return { resumeWindowMs };
  throw new VaultError("A resume window of more than a day", {
    hint: "Write 120s, 30m or 24h.",
    kind: "usage",
  });
}
