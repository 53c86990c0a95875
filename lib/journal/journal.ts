/**
 * The journal: operations in order, on stable storage long before they are where they belong.
 *
 *     drained │ stable, to be drained │ appended, not stable yet │ room
 *             └ from                  └ stable                   └ end
 *
 * Invariants: drained ≤ stable ≤ appended. An entry is read and drained only where it is. A file is used again only when a mark
 * on stable storage covers all of it, and begun only when every entry before it is stable. A full journal takes nothing more until
 * something is drained: whoever appends has to wait.
 */

import { invariant, messageOf, VaultError } from "../base/errors.ts";
import { LIFE_BYTES, MAX_ENTRY_SECTORS, sealEntry } from "./entry.ts";
import { GroupCommit } from "./group_commit.ts";
import type { JournalFile } from "./journal_file.ts";
import type { JournalFiles } from "./journal_files.ts";
import type { MarkFile, Position } from "./mark.ts";
import { type JournalOptions, type Opened, openJournal } from "./opening.ts";
import { entriesOf, type Part, type Placed, sectorsOf } from "./operation.ts";
import type { Recovered } from "./recovery.ts";
import type { Entry } from "./scan.ts";
import { SECTOR_BYTES } from "./sector.ts";

export class Journal {
  /** What was found when it was opened. */
  readonly recovered: Pick<Recovered, "from" | "end" | "why">;
  readonly #options: JournalOptions;
  readonly #mark: MarkFile;
  readonly #id: Uint8Array;
  readonly #files: JournalFiles;
  readonly #commit = new GroupCommit(() => this.#sync());
  readonly #record = new Uint8Array(MAX_ENTRY_SECTORS * SECTOR_BYTES);
  #current: JournalFile;
  #end: Position;
  #from: Position;
  #stable: number;
  #failed: { readonly why: unknown } | undefined;
  /** A file is being changed for the next: nothing can be appended meanwhile. */
  #turning: Promise<void> | undefined;

  private constructor(options: JournalOptions, opened: Opened) {
    this.#options = options;
    this.#mark = opened.mark;
    this.#id = opened.id;
    this.#files = opened.files;
    this.#current = opened.current;
    this.recovered = opened.recovered;
    this.#end = opened.current.start;
    this.#stable = this.#end.sequence - 1;
    this.#from = this.#files.trim(opened.recovered.from);
  }

  /**
   * Opens the journal in a folder, or begins one where there is none. What follows the last entry that counts never counts again.
   *
   * @throws {VaultError} where the files cannot be read or written, or something is missing that was on stable storage
   */
  static async open(options: JournalOptions): Promise<Journal> {
    return new Journal(options, await openJournal(options));
  }

  /** The number that tells it from every other journal. */
  get id(): Uint8Array {
    return this.#id;
  }

  /** The sequence number of the last entry. */
  get appended(): number {
    return this.#end.sequence - 1;
  }

  /** The last entry that is on stable storage. */
  get stable(): number {
    return this.#stable;
  }

  /** The first entry that is not drained. */
  get from(): Position {
    return this.#from;
  }

  /** Bytes of entries that are not drained. */
  get undrainedBytes(): number {
    return this.#files.bytesBetween(this.#from, this.#end);
  }

  /** Bytes that it takes on the medium. */
  get sizeBytes(): number {
    return this.#files.sizeBytes;
  }

  /** Why whoever appends has to wait; undefined where nobody has to. */
  get full(): string | undefined {
    return this.#files.awaited
      ? `The journal is full: ${this.undrainedBytes} bytes in ${this.#files.count} files wait to be drained`
      : undefined;
  }

  /** The longest operation, in sectors with its heads, that is done whole or not at all: it has to fit into one file. */
  get maxSectors(): number {
    return this.#current.sizeBytes / SECTOR_BYTES - 1;
  }

  /** Whether that many sectors can be appended now. Count them with {@linkcode sectorsOf}. */
  fits(sectors: number): boolean {
    return !this.#turning &&
      this.#end.sector + sectors <= this.#current.endSector;
  }

  /**
   * Resolves when that many sectors fit, unless another was quicker: ask again. Waits while the journal is full.
   *
   * @throws {VaultError} where there is no room for another file, the journal failed, or {@linkcode refuse} was called
   */
  async makeRoom(sectors: number): Promise<void> {
    invariant(sectors <= this.maxSectors, "An operation longer than a file");
    while (!this.fits(sectors)) {
      this.#turning ??= this.#turn().finally(() => this.#turning = undefined);
      await this.#turning;
    }
  }

  /**
   * Appends one operation, which is found whole after a crash or not at all. It can be read at once, and is stable after {@linkcode sync}.
   *
   * @throws {VaultError} where it could not be written: then it is not there, and the next one may be
   */
  append(operation: readonly Part[]): Placed[] {
    invariant(this.fits(sectorsOf(operation)), "An operation that has no room");
    this.#refuseFailed();
    const entries = entriesOf(operation);
    const placed: Placed[] = [];
    let end = this.#end;
    entries.forEach((entry, i) => {
      const goesOn = i < entries.length - 1;
      const { number, sector: at } = end;
      const { kind, sector } = entry;
      const sectors = kind === "zero"
        ? entry.sectors
        : entry.data.length / SECTOR_BYTES;
      end = this.#write(entry, { at: end, goesOn, sectors });
      const dataAt = kind === "write" ? at + 1 : at;
      placed.push({ kind, sector, sectors, number, at: dataAt });
    });
    this.#end = end;
    this.#commit.wrote(sectorsOf(operation) * SECTOR_BYTES);
    return placed;
  }

  /** Fills `into` with what was placed in file `number` from the byte `offset` of it on. @throws {VaultError} */
  read(number: number, offset: number, into: Uint8Array): void {
    this.#files.get(number).file.read(offset, into);
  }

  /**
   * All that was appended before the call is on stable storage when it resolves. Once it has failed it fails for good: nobody
   * knows any more what the medium holds.
   *
   * @throws {VaultError}
   */
  sync(): Promise<void> {
    return this.#commit.flush();
  }

  /**
   * The entries from `from` up to and with the one of that sequence number, each found whole. Their data is lent until the next.
   *
   * @throws {VaultError} where one of them cannot be read any more
   */
  *entries(from: Position, upTo: number): Generator<Entry> {
    let at = from;
    for (const file of this.#files.live()) {
      const { start } = file;
      if (start.number < at.number) continue;
      if (start.number > at.number) {
        if (start.sequence !== at.sequence) break;
        at = start;
      }
      const scan = file.scan(at);
      while (scan.next.sequence <= upTo) {
        const entry = scan.read();
        if (!entry) break;
        at = entry.next;
        yield entry;
      }
    }
    if (at.sequence > upTo) return;
    throw new VaultError(
      `Entry ${at.sequence} of the journal cannot be read back`,
      { hint: "The medium that holds the journal lost what it had taken." },
    );
  }

  /** All before `next` is where it belongs, on stable storage: files that hold nothing else are used again. @throws {VaultError} */
  async drained(next: Position): Promise<void> {
    invariant(next.sequence - 1 <= this.#stable, "Drained before it is stable");
    invariant(next.sequence >= this.#from.sequence, "Drained backwards");
    this.#refuseFailed();
    await this.#putMark(next);
    this.#from = this.#files.trim(next);
  }

  /**
   * Nothing that was drained is left on the medium. All of it has to be, and nothing may be appended meanwhile.
   *
   * @throws {VaultError}
   */
  async scrub(): Promise<void> {
    invariant(this.#from.sequence > this.appended, "There is more to drain");
    this.#refuseFailed();
    await this.#files.wipe();
    this.#turning ??= this.#turn().finally(() => this.#turning = undefined);
    await this.#turning;
    await this.#files.wipe();
  }

  /** Gives back what it keeps in hand and can do without. @throws {VaultError} */
  shrink(): void {
    this.#files.shrink();
  }

  /** Whoever waits for room now gets `why` instead. */
  refuseWaiting(why: unknown): void {
    this.#files.refuse(why);
  }

  /** Whoever waits for room gets `why` instead: nothing will be drained any more. */
  refuse(why: unknown): void {
    this.#failed ??= { why };
    this.#files.refuse(why);
  }

  /** Lets go of the files, without a sync of what is not. Nothing may be called afterwards. */
  async close(): Promise<void> {
    const healthy = !this.#failed;
    this.refuse(new VaultError("The journal was closed"));
    await this.#turning?.catch(() => {});
    await this.#commit.settled();
    try {
      // So that what is missing when it is opened again is known to be missing.
      if (healthy) await this.#putMark(this.#from);
    } finally {
      this.#mark.close();
      this.#files.close();
    }
  }

  #write(
    entry: Part,
    { at, goesOn, sectors }: {
      readonly at: Position;
      readonly goesOn: boolean;
      readonly sectors: number;
    },
  ): Position {
    const data = entry.kind === "write" ? entry.data : undefined;
    const length = SECTOR_BYTES + (data?.length ?? 0);
    const record = this.#record.subarray(0, length);
    if (data) record.set(data, SECTOR_BYTES);
    const { kind, sector } = entry;
    const previous = sealEntry(record, {
      ...{ kind, goesOn, sector, sectors },
      life: this.#current.head!.life,
      sequence: at.sequence,
      previous: at.previous,
      stable: this.#stable,
    });
    this.#current.file.write(at.sector * SECTOR_BYTES, record);
    return {
      sequence: at.sequence + 1,
      number: at.number,
      sector: at.sector + length / SECTOR_BYTES,
      previous,
    };
  }

  async #sync(): Promise<void> {
    this.#refuseFailed();
    const covers = this.appended;
    if (covers === this.#stable) return;
    try {
      await this.#current.file.sync();
    } catch (why) {
      this.refuse(why);
      throw why;
    }
    this.#stable = covers;
  }

  /** On to the next file, once there is one and all that is in this one is stable. */
  async #turn(): Promise<void> {
    this.#refuseFailed();
    const { file, isNew } = await this.#files.take();
    try {
      await this.sync();
      this.#current.endSector = this.#end.sector;
      file.begin({
        number: this.#end.number + 1,
        life: this.#options.random(LIFE_BYTES),
        journal: this.#id,
        first: this.#end.sequence,
        previous: this.#end.previous,
        follows: this.#end.number,
        followsEnd: this.#end.sector,
      });
      await file.file.sync();
      if (isNew) await this.#options.folder.sync();
      await this.#putMark(this.#from, file.start.number);
    } catch (why) {
      // Its head may be on the medium, and ends the file before it: nothing may be appended there any more.
      file.file.close();
      this.refuse(why);
      throw why;
    }
    this.#current = file;
    this.#end = file.start;
    this.#files.add(file);
    this.#from = this.#files.trim(this.#from);
  }

  async #putMark(
    next: Position,
    begun = this.#current.start.number,
  ): Promise<void> {
    const mark = { journal: this.#id, next, stable: this.#stable, begun };
    try {
      await this.#mark.put(mark);
    } catch (why) {
      this.refuse(why);
      throw why;
    }
  }

  #refuseFailed(): void {
    if (!this.#failed) return;
    const { why } = this.#failed;
    throw new VaultError(`The journal failed before: ${messageOf(why)}`, {
      cause: why,
    });
  }
}
