/**
 * Serial number arithmetic on 32-bit numbers that wrap around (RFC 1982 section 3, as RFC 7143 section 4.2.2.1 uses it
 * for CmdSN, StatSN and DataSN).
 */

/** `a + n`, wrapped to 32 bits. `n` may be negative. */
export function serialAdd(a: number, n: number): number {
  return (a + n) >>> 0;
}

/** How far `b` is ahead of `a`: 1 for the next number, negative when `b` comes before `a`. */
export function serialDistance(a: number, b: number): number {
  return (b - a) | 0;
}

/** Whether `a` comes before `b`. False for equal numbers. */
export function serialLess(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
