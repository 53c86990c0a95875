/** One mode page (SPC-4 section 7.5): its bytes at power on, and which bits MODE SELECT may change. */

export interface ModePage {
  /** PAGE CODE, 6 bits. */
  readonly code: number;
  /** SUBPAGE CODE, 0 unless given. A page with one has a header of four bytes. */
  readonly subpage?: number;
  /** The whole page with its header. Parameters saveable (PS) is 0: nothing is kept over a restart. */
  readonly defaults: Uint8Array;
  /** As long as `defaults`; the header's bytes are the page's own. */
  readonly changeable: Uint8Array;
}
