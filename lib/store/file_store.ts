/**
 * The bottom that keeps a volume in one thin file: byte n of the volume is byte n of the file, holes are zeros.
 *
 * Reads and writes answer at once, out of the system's page cache; only a flush waits.
 */

import { invariant } from "../base/errors.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type { File } from "../base/file.ts";
import { MediaError } from "../base/media_error.ts";
import { Failure, readError, resizeError } from "./failure.ts";
import { GroupCommit } from "../journal/group_commit.ts";
import { checkRange, checkSize } from "./range.ts";
import type { BeforeChange, Health, Maybe, Store } from "./store.ts";

/** How much is zeroed in one write where the file system cannot punch holes. */
const ZEROS_BYTES = 1024 * 1024;

/** A store on a file. */
export class FileStore implements Store {
  /** Never. */
  readonly readOnly = false;
  readonly #file: File;
  readonly #failure = new Failure();
  readonly #commit = new GroupCommit(() => this.#sync());
  #sizeBytes: number;
  /**
   * Counts mutations; equal to `#stable` where all of them are synced. Not equal at first: a process before this one may have
   * written what was never synced.
   */
  #written = 1;
  #stable = 0;
  /** Found to have its room, when last looked at. */
  #mapped: Extent = { offset: 0, length: 0 };
  #beforeChange: BeforeChange | undefined;

  /** The volume is as long as the file. The store closes it. */
  constructor(file: File) {
    this.#file = file;
    this.#sizeBytes = file.size();
    checkSize(this.#sizeBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get health(): Health {
    return this.#failure.health;
  }

  read(offset: number, into: Uint8Array): Maybe {
    checkRange(this.#sizeBytes, offset, into.length);
    try {
      this.#file.read(offset, into);
    } catch (thrown) {
      throw readError(thrown);
    }
  }

  write(offset: number, from: Uint8Array): Maybe {
    const { length } = from;
    checkRange(this.#sizeBytes, offset, length);
    if (this.#beforeChange) this.#beforeChange({ offset, length });
    this.#mutate(() => this.#file.write(offset, from));
  }

  unmap(extent: Extent): Maybe {
    const { offset, length } = extent;
    checkRange(this.#sizeBytes, offset, length);
    if (length === 0) return;
    this.#beforeChange?.(extent);
    this.#mapped = { offset: 0, length: 0 };
    this.#mutate(() => {
      if (!this.#file.punch(offset, length)) this.#zero(offset, length);
    });
  }

  anchor(extent: Extent): void {
    const end = extentEnd(extent);
    checkRange(this.#sizeBytes, extent.offset, extent.length);
    for (let at = extent.offset; at < end;) {
      const mapped = this.#mappedFrom(at);
      if (mapped && mapped.offset <= at) {
        this.#mapped = mapped;
        at = extentEnd(mapped);
        continue;
      }
      const stop = Math.min(end, mapped?.offset ?? end);
      this.#giveRoom({ offset: at, length: stop - at });
      at = stop;
    }
  }

  watch(before: BeforeChange): () => void {
    invariant(!this.#beforeChange, "A store that is watched already");
    this.#beforeChange = before;
    return () => this.#beforeChange = undefined;
  }

  flush(): Promise<void> {
    return this.#written === this.#stable && this.health.state === "ok"
      ? Promise.resolve()
      : this.#commit.flush();
  }

  nextMapped(offset: number): Extent | undefined {
    if (offset >= this.#sizeBytes) return undefined;
    const data = this.#file.nextData(offset);
    if (!data || data.offset >= this.#sizeBytes) return undefined;
    const start = Math.max(offset, data.offset);
    const end = Math.min(this.#sizeBytes, data.offset + data.length);
    return { offset: start, length: end - start };
  }

  allocatedBytes(): number {
    return this.#file.allocated();
  }

  async resize(sizeBytes: number): Promise<void> {
    checkSize(sizeBytes);
    this.#failure.refuse();
    const lost = this.#sizeBytes - sizeBytes;
    if (lost > 0) this.#beforeChange?.({ offset: sizeBytes, length: lost });
    this.#written++;
    this.#mapped = { offset: 0, length: 0 };
    try {
      this.#file.truncate(sizeBytes);
    } catch (thrown) {
      throw resizeError(thrown);
    }
    this.#sizeBytes = sizeBytes;
    await this.flush();
  }

  async close(): Promise<void> {
    try {
      if (this.health.state === "ok") await this.flush();
    } finally {
      await this.#commit.settled();
      this.#file.close();
    }
  }

  #mappedFrom(at: number): Extent | undefined {
    const known = this.#mapped;
    return known.offset <= at && at < extentEnd(known)
      ? known
      : this.nextMapped(at);
  }

  /** To a hole. What can be said of its room without writing there is said now. */
  #giveRoom({ offset, length }: Extent): void {
    this.#failure.refuse();
    try {
      if (this.#file.anchor(offset, length)) this.#failure.foundRoom();
    } catch (thrown) {
      throw this.#failure.ofWrite(thrown);
    }
  }

  #mutate(change: () => void): void {
    this.#failure.refuse();
    // Counted first: a write that fails may have changed something too.
    this.#written++;
    try {
      if (this.#failure.lacksRoom) this.#lookForRoom(change);
      else change();
    } catch (thrown) {
      throw this.#failure.ofWrite(thrown);
    }
  }

  /** A write over what is there needs no room, and tells nothing: only one after which the file takes more has found some. */
  #lookForRoom(change: () => void): void {
    const before = this.allocatedBytes();
    change();
    if (this.allocatedBytes() > before) this.#failure.foundRoom();
  }

  /** Zeros where there is data: a hole reads as zeros already. */
  #zero(offset: number, length: number): void {
    const end = offset + length;
    for (
      let data = this.nextMapped(offset);
      data && data.offset < end;
      data = this.nextMapped(data.offset + data.length)
    ) {
      const stop = Math.min(end, data.offset + data.length);
      const zeros = new Uint8Array(Math.min(ZEROS_BYTES, stop - data.offset));
      for (let at = data.offset; at < stop; at += zeros.length) {
        this.#file.write(
          at,
          zeros.subarray(0, Math.min(zeros.length, stop - at)),
        );
      }
    }
  }

  async #sync(): Promise<void> {
    this.#failure.refuse();
    const covers = this.#written;
    try {
      await this.#file.sync();
    } catch (thrown) {
      throw this.#failure.ofSync(thrown);
    }
    // A write that failed meanwhile has failed the store: what this sync has covered is then nobody's to promise.
    if (this.health.state === "failed") {
      throw new MediaError("failed", `Not stable: ${this.health.why}`);
    }
    this.#stable = covers;
  }
}
