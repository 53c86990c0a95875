/** A volume as it was at one moment, to look at. What it reads stays in the bucket until it is closed. */

import type { Extent } from "../../base/extent.ts";
import { MediaError } from "../../base/media_error.ts";
import { checkRange } from "../range.ts";
import type { Health, Maybe, Store } from "../store.ts";
import { MappedBytes } from "./mapped_bytes.ts";
import type { SegmentReader } from "./segment_reader.ts";
import type { VolumeMap } from "./volume_map.ts";

export interface SegmentViewOptions {
  /** Nobody changes it. */
  readonly map: VolumeMap;
  readonly reader: SegmentReader;
  readonly sizeBytes: number;
  /** Nobody reads it any more. */
  readonly release: () => void | Promise<void>;
}

export class SegmentView implements Store {
  /** Always. */
  readonly readOnly = true;
  /** Always. */
  readonly health: Health = { state: "ok" };
  readonly sizeBytes: number;
  readonly #options: SegmentViewOptions;
  readonly #bytes: MappedBytes;

  constructor(options: SegmentViewOptions) {
    this.#options = options;
    this.sizeBytes = options.sizeBytes;
    this.#bytes = new MappedBytes(options.map, options.reader);
  }

  read(offset: number, into: Uint8Array): Maybe {
    checkRange(this.sizeBytes, offset, into.length);
    return this.#bytes.read(offset, into);
  }

  write(_offset: number, _from: Uint8Array): Maybe {
    throw refusal();
  }

  unmap(_extent: Extent): Maybe {
    throw refusal();
  }

  /** Nothing was written here, so all of it is stable. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  nextMapped(offset: number): Extent | undefined {
    const next = this.#bytes.nextMapped(offset);
    const room = next ? this.sizeBytes - next.offset : 0;
    if (!next || room <= 0) return undefined;
    return { offset: next.offset, length: Math.min(next.length, room) };
  }

  /** What the volume had, without holes. */
  allocatedBytes(): number {
    return this.#options.map.liveBytes;
  }

  resize(_sizeBytes: number): Promise<void> {
    return Promise.reject(refusal());
  }

  async close(): Promise<void> {
    await this.#options.release();
  }
}

function refusal(): MediaError {
  return new MediaError("read-only", "A view is read-only");
}
