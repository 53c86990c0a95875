/** The daemons' log: a line on standard error for each event. */

import type { Log } from "../lib/base/log.ts";
import { note } from "./terminal.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = typeof LEVELS[number];

/** A log of all that is at least as grave as `from`: `2026-11-22T12:00:00.000Z warn refused reason="revoked"`. */
export function logFrom(from: Level): Log {
  const at = (level: Level) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(from)) return () => {};
    return (message: string, facts: Record<string, unknown> = {}) =>
      note([
        new Date().toISOString(),
        level,
        oneLine(message),
        ...Object.entries(facts).map(renderFact),
      ].join(" "));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

function renderFact([name, value]: [string, unknown]): string {
  return `${name}=${
    typeof value === "number" || typeof value === "boolean"
      ? value
      : JSON.stringify(value) ?? "undefined"
  }`;
}

/** Nobody writes a second line into the log by what they call themselves. */
function oneLine(text: string): string {
  return text.replaceAll("\n", "\\n");
}
