/**
 * Sizes as people write them.
 *
 * KiB, MiB, GiB, TiB and PiB are powers of 1024, KB, MB, GB, TB and PB powers of 1000. A bare K, M, G, T or P is a power of 1024, as
 * it is for qemu-img, truncate and lvcreate. Without a unit they are bytes.
 */

import { VaultError } from "../lib/base/errors.ts";

const LETTERS = "KMGTP";

/** Bytes in a unit: "GiB", "gb", "G", "" or "B". */
function unitBytes(unit: string): bigint | undefined {
  const match = /^(?:([KMGTP])(I?B)?|B)?$/.exec(unit.toUpperCase());
  if (!match) return undefined;
  const [, letter, rest] = match;
  if (letter === undefined) return 1n;
  const power = BigInt(LETTERS.indexOf(letter) + 1);
  return rest === "B" ? 1000n ** power : 1024n ** power;
}

const FORMS =
  "Write 100GiB, 500M, 1.5T or a number of bytes: GiB and G are powers of 1024, GB is a power of 1000.";

/** The bytes that `text` stands for: a safe integer above 0. @throws {VaultError} with a hint */
export function parseSize(text: string): number {
  const match = /^(\d+)(?:\.(\d+))?\s*([a-zA-Z]*)$/.exec(text.trim());
  const unit = match && unitBytes(match[3] ?? "");
  if (!match || unit === undefined || unit === null) {
    throw new VaultError(`Cannot read the size "${text}"`, {
      hint: FORMS,
      kind: "usage",
    });
  }
  const [, whole = "", fraction = ""] = match;
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * unit;
  if (scaled % scale !== 0n) {
    throw new VaultError(`"${text}" is not a whole number of bytes`, {
      hint: FORMS,
      kind: "usage",
    });
  }
  const bytes = scaled / scale;
  if (bytes === 0n) {
    throw new VaultError("A size must be more than 0", {
      hint: FORMS,
      kind: "usage",
    });
  }
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new VaultError(`"${text}" is more than any volume holds`, {
      hint: "The largest volume is 4 PiB.",
      kind: "usage",
    });
  }
  return Number(bytes);
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** For people, in three digits or so: "1.5 GiB"; what is whole stays whole, "100 GiB". */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // A value that would be shown as 1024 belongs to the next unit.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${trimZeros(value.toFixed(digits))} ${UNITS[unit]}`;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Bytes per second, for people. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(Math.round(bytesPerSecond))}/s`;
}
