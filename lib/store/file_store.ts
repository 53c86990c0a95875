/**
 * The bottom that keeps a volume in one thin file: byte n of the volume is byte n of the file, holes are zeros.
 *
 * Reads and writes answer at once, out of the system's page cache; only a flush waits.
 */

import { equalBytes } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";
import type { File } from "../base/file.ts";
import { MediaError } from "../base/media_error.ts";
import { Failure, readError, resizeError } from "./failure.ts";
import { GroupCommit } from "../journal/group_commit.ts";
import { checkRange, checkSize } from "./range.ts";
import type {
  AtomicWrites,
  BeforeChange,
  Health,
  Maybe,
  Store,
} from "./store.ts";
import { MAX_INTENT_BYTES, type WriteIntent } from "./write_intent.ts";

/** What the system allocates at a time: a write that found no room has changed all of such a piece or nothing. */
const RESTORED_BYTES = 4096;

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
  /**
   * All or nothing, by a record beside the data:
   *
   *     record kept, stable ──> written ──> stable ──> record cleared, stable ──> resolved
   *
   * A crash before the first arrow has left nothing, one after it is made good when the store is opened again: the record is made stable,
   * carried out and cleared before anybody may ask for anything. Otherwise it is cleared before any later flush is answered, and nothing else
   * touches its bytes until then. So it never undoes what came after it.
   */
  readonly atomic?: AtomicWrites;
  readonly #intent: WriteIntent | undefined;
  /** Counts records that were written out; equal to `#cleared` where none is left. */
  #kept = 0;
  #cleared = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #beforeChange: BeforeChange | undefined;

  /** The volume is as long as the file. The store closes the files. @throws {VaultError} where an unfinished atomic write cannot be ended */
  constructor(file: File, intent?: WriteIntent) {
    this.#file = file;
    this.#sizeBytes = file.size();
    checkSize(this.#sizeBytes);
    this.#intent = intent;
    if (!intent) return;
    this.atomic = {
      maxBytes: MAX_INTENT_BYTES,
      write: (offset, from) => this.#writeAtomically(offset, from),
    };
    intent.finish(({ offset, data }) => {
      // What lies behind the end was cut off since.
      const room = this.#sizeBytes - offset;
      if (room <= 0) return;
      file.write(offset, data.subarray(0, room));
      file.syncNow();
    });
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
    this.#mutate(() => {
      if (!this.#file.punch(offset, length)) this.#zero(offset, length);
    });
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
      this.#intent?.close();
    }
  }

  /** One at a time: there is one record. */
  #writeAtomically(offset: number, from: Uint8Array): Promise<void> {
    const written = this.#turn.then(() => this.#writeWhole(offset, from));
    this.#turn = written.catch(() => {});
    return written;
  }

  async #writeWhole(offset: number, from: Uint8Array): Promise<void> {
    const intent = this.#intent;
    if (!intent) throw new MediaError("read-only", "No atomic writes");
    checkRange(this.#sizeBytes, offset, from.length);
    if (this.#kept !== this.#cleared) await this.flush();
    this.#failure.refuse();
    const before = new Uint8Array(from.length);
    this.read(offset, before);
    try {
      intent.put({ offset, data: from });
    } catch (thrown) {
      throw this.#failure.ofWrite(thrown);
    }
    try {
      await intent.sync();
    } catch (thrown) {
      // Even for want of room: a record that may be there yet would undo what is written after it.
      throw this.#failure.ofSync(thrown);
    }
    try {
      this.write(offset, from);
    } catch (thrown) {
      await this.#takeBack(offset, before);
      throw thrown;
    }
    this.#kept++;
    await this.flush();
  }

  /** The write found no room for some of it: nothing of it may stay, here or in the record. */
  async #takeBack(offset: number, before: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < before.length; at += RESTORED_BYTES) {
        const was = before.subarray(at, at + RESTORED_BYTES);
        const is = new Uint8Array(was.length);
        this.#file.read(offset + at, is);
        if (!equalBytes(was, is)) this.#file.write(offset + at, was);
      }
      await this.#intent?.clear();
    } catch (thrown) {
      throw this.#failure.ofSync(thrown);
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
    const kept = this.#kept;
    try {
      await this.#file.sync();
      if (kept !== this.#cleared) {
        await this.#intent?.clear();
        this.#cleared = kept;
      }
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
