/** Half-open ranges of a volume's bytes. */

/** `length` bytes from `offset` on, both in bytes and safe integers of 0 or more. */
export interface Extent {
  /** Its first byte. */
  readonly offset: number;
  /** How many bytes it has; 0 is an extent too. */
  readonly length: number;
}

/** The byte after the extent's last. */
export function extentEnd(extent: Extent): number {
  return extent.offset + extent.length;
}

/** Whether the two share a byte. */
export function overlaps(a: Extent, b: Extent): boolean {
  return a.offset < extentEnd(b) && b.offset < extentEnd(a);
}
