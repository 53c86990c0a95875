/** One mode page (SPC-4 section 7.5): its bytes at power on, and which bits MODE SELECT may change. */

export interface ModePage {
  /** PAGE CODE, 6 bits. */
  readonly code: number;
  /** The whole page with its two-byte header. Parameters saveable (PS) is 0: nothing is kept over a restart. */
  readonly defaults: Uint8Array;
  /** As long as `defaults`; the header's bytes are the page's own. */
  readonly changeable: Uint8Array;
}
