/** Durations as people write them: 90s, 15m, 2h, 1d, 1h30m. */

import { VaultError } from "../lib/base/errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A hundred years: a date that far off can still be written. */
const MAX_MS = 100 * 366 * 86_400_000;

/** Milliseconds, above 0. @throws {VaultError} with a hint */
export function parseDuration(text: string): number {
  const hint = "Write 90s, 15m, 2h, 1d or 1h30m.";
  const trimmed = text.trim().toLowerCase();
  if (!/^(\d+[smhd])+$/.test(trimmed)) {
    throw new VaultError(`Cannot read the duration "${text}"`, {
      hint: /^\d+$/.test(trimmed) ? `${trimmed} of what? ${hint}` : hint,
      kind: "usage",
    });
  }
  let ms = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+)([smhd])/g)) {
    ms += Number(count) * (UNIT_MS[unit ?? ""] ?? NaN);
  }
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new VaultError(
    ms > 0 ? `"${text}" is too long` : "A duration must be more than 0",
    { hint, kind: "usage" },
  );
}

/** For people, in the two largest units: "2 d 3 h", "15 min", "40 s". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`).join(" ");
}
