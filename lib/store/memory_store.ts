/** The bottom that keeps a volume in memory, page by page. Stable for as long as the process: for tests and for trying things. */

import type { Extent } from "../base/extent.ts";
import { checkRange, checkSize } from "./range.ts";
import type { Health, Maybe, Store } from "./store.ts";

const PAGE_BYTES = 4096;

/** A store in memory, sparse. */
export class MemoryStore implements Store {
  /** Never. */
  readonly readOnly = false;
  /** Always ok. */
  readonly health: Health = { state: "ok" };
  /** By page number; a page that is not there is zeros. */
  readonly #pages = new Map<number, Uint8Array>();
  #sizeBytes: number;

  /** All zeros. @throws {RangeError} where that is no length */
  constructor(sizeBytes: number) {
    checkSize(sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, into: Uint8Array): Maybe {
    checkRange(this.#sizeBytes, offset, into.length);
    for (const piece of pieces(offset, into.length)) {
      const target = into.subarray(piece.from, piece.from + piece.length);
      const page = this.#pages.get(piece.page);
      if (page) target.set(page.subarray(piece.at, piece.at + piece.length));
      else target.fill(0);
    }
  }

  write(offset: number, from: Uint8Array): Maybe {
    checkRange(this.#sizeBytes, offset, from.length);
    for (const piece of pieces(offset, from.length)) {
      let page = this.#pages.get(piece.page);
      if (!page) this.#pages.set(piece.page, page = new Uint8Array(PAGE_BYTES));
      page.set(from.subarray(piece.from, piece.from + piece.length), piece.at);
    }
  }

  unmap(extent: Extent): Maybe {
    checkRange(this.#sizeBytes, extent.offset, extent.length);
    this.#drop(extent.offset, extent.length);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  nextMapped(offset: number): Extent | undefined {
    let first = Infinity;
    for (const page of this.#pages.keys()) {
      if ((page + 1) * PAGE_BYTES > offset && page < first) first = page;
    }
    const start = Math.max(offset, first * PAGE_BYTES);
    if (start >= this.#sizeBytes) return undefined;
    let last = first;
    while (this.#pages.has(last + 1)) last++;
    const end = Math.min(this.#sizeBytes, (last + 1) * PAGE_BYTES);
    return { offset: start, length: end - start };
  }

  allocatedBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  resize(sizeBytes: number): Promise<void> {
    try {
      checkSize(sizeBytes);
    } catch (thrown) {
      return Promise.reject(thrown);
    }
    // To the end of its page: what grows back later is zeros.
    const end = Math.ceil(this.#sizeBytes / PAGE_BYTES) * PAGE_BYTES;
    if (sizeBytes < end) this.#drop(sizeBytes, end - sizeBytes);
    this.#sizeBytes = sizeBytes;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#pages.clear();
    return Promise.resolve();
  }

  #drop(offset: number, length: number): void {
    const end = offset + length;
    for (const [number, page] of this.#pages) {
      const start = number * PAGE_BYTES;
      if (start >= end || start + PAGE_BYTES <= offset) continue;
      if (start >= offset && start + PAGE_BYTES <= end) {
        this.#pages.delete(number);
      } else {
        page.fill(
          0,
          Math.max(0, offset - start),
          Math.min(PAGE_BYTES, end - start),
        );
      }
    }
  }
}

/** One page's share of an extent: bytes `at` to `at + length` of the page are bytes `from` on of the extent. */
interface Piece {
  readonly page: number;
  readonly at: number;
  readonly from: number;
  readonly length: number;
}

function* pieces(offset: number, length: number): Generator<Piece> {
  for (let from = 0; from < length;) {
    const page = Math.floor((offset + from) / PAGE_BYTES);
    const at = (offset + from) % PAGE_BYTES;
    const step = Math.min(PAGE_BYTES - at, length - from);
    yield { page, at, from, length: step };
    from += step;
  }
}
