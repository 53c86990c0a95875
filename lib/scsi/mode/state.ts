/**
 * The current values of all mode pages. They are shared by all nexuses (MLUS is not claimed) and go back to the defaults with a
 * reset, because nothing is saved.
 */

import { caching, WCE, WCE_BYTE } from "./caching.ts";
import { control, D_SENSE, D_SENSE_BYTE, SWP, SWP_BYTE } from "./control.ts";
import { controlExtension } from "./control_extension.ts";
import { informationalExceptions } from "./informational_exceptions.ts";
import type { ModePage } from "./page.ts";
import { readWriteErrorRecovery } from "./read_write_error_recovery.ts";

/** PAGE CONTROL of MODE SENSE (SPC-4 table 151). */
export const PageControl = {
  CURRENT: 0,
  CHANGEABLE: 1,
  DEFAULT: 2,
  SAVED: 3,
} as const;

export const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;

/** In ascending order, as MODE SENSE returns them. */
const pages: readonly ModePage[] = [
  readWriteErrorRecovery,
  caching,
  control,
  controlExtension,
  informationalExceptions,
];

/** The subpage format, in byte 0 of a page. */
const SPF = 0x40;

/** A byte of a mode page that may not be what MODE SELECT wants, counted from the start of the pages. */
export interface BadParameter {
  readonly badByte: number;
}

export class ModeState {
  #current = new Map<ModePage, Uint8Array>();
  #descriptorSense = false;
  #writeCache = true;
  #softwareWriteProtect = false;

  constructor() {
    this.reset();
  }

  /** D_SENSE. */
  get descriptorSense(): boolean {
    return this.#descriptorSense;
  }

  /** WCE: a write may end with GOOD before it is stable. */
  get writeCache(): boolean {
    return this.#writeCache;
  }

  /** SWP. */
  get softwareWriteProtect(): boolean {
    return this.#softwareWriteProtect;
  }

  /** Everything as at power on. */
  reset(): void {
    this.#current = new Map(
      pages.map((page) => [page, page.defaults.slice()]),
    );
    this.#apply();
  }

  /** The pages that MODE SENSE asks for, or undefined where there is none. Page control is not SAVED. */
  sense(
    code: number,
    ask: { readonly subpage: number; readonly pageControl: number },
  ): Uint8Array[] | undefined {
    const chosen = pages.filter((page) =>
      (code === ALL_PAGES || page.code === code) &&
      (ask.subpage === ALL_SUBPAGES || (page.subpage ?? 0) === ask.subpage)
    );
    if (chosen.length === 0) return undefined;
    return chosen.map((page) => this.#values(page, ask.pageControl));
  }

  /**
   * Takes the pages of a MODE SELECT parameter list, all or none (SPC-4 section 6.11: nothing is changed on an error).
   * Returns whether something changed, or the first byte that is not acceptable.
   */
  select(list: Uint8Array): { readonly changed: boolean } | BadParameter {
    const wanted = new Map<ModePage, Uint8Array>();
    for (let at = 0; at < list.length;) {
      const page = pageAt(list, at);
      if (!page) return { badByte: at };
      const length = page.defaults.length;
      const headBytes = page.subpage === undefined ? 2 : 4;
      const wrong = page.defaults.subarray(0, headBytes).findIndex((byte, i) =>
        byte !== list[at + i]
      );
      if (wrong >= 0) return { badByte: at + wrong };
      if (at + length > list.length) return { badByte: at + headBytes - 1 };
      const current = wanted.get(page) ?? this.#values(page, 0);
      const bytes = list.slice(at, at + length);
      for (let i = headBytes; i < length; i++) {
        if (((bytes[i]! ^ current[i]!) & ~page.changeable[i]!) !== 0) {
          return { badByte: at + i };
        }
      }
      wanted.set(page, bytes);
      at += length;
    }
    let changed = false;
    for (const [page, bytes] of wanted) {
      const current = this.#current.get(page)!;
      if (bytes.some((byte, i) => byte !== current[i])) changed = true;
      this.#current.set(page, bytes);
    }
    this.#apply();
    return { changed };
  }

  #values(page: ModePage, pageControl: number): Uint8Array {
    switch (pageControl) {
      case PageControl.CHANGEABLE:
        return page.changeable;
      case PageControl.DEFAULT:
        return page.defaults;
      default:
        return this.#current.get(page)!;
    }
  }

  /** The bits that are looked at with every command, kept at hand. */
  #apply(): void {
    const bit = (page: ModePage, byte: number, mask: number) =>
      (this.#current.get(page)![byte]! & mask) !== 0;
    this.#descriptorSense = bit(control, D_SENSE_BYTE, D_SENSE);
    this.#softwareWriteProtect = bit(control, SWP_BYTE, SWP);
    this.#writeCache = bit(caching, WCE_BYTE, WCE);
  }
}

/** The page that a parameter list has at `at`. */
function pageAt(list: Uint8Array, at: number): ModePage | undefined {
  const hasSubpage = (list[at]! & SPF) !== 0;
  return pages.find((page) =>
    page.code === (list[at]! & ~SPF) &&
    page.subpage === (hasSubpage ? list[at + 1] : undefined)
  );
}
