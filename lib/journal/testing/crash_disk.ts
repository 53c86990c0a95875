/**
 * A disk that loses power: what was not synced is there afterwards or not, each sector for itself, whatever the order of the writes was.
 * Names that were made and removed are there or not, each for itself, until their folder was synced. No sector is torn.
 *
 * The power goes after so many steps: a write, and the end of a sync, are one each. From then on everything fails, and `survivor` is the disk
 * as it comes back.
 */

import { VaultError } from "../../base/errors.ts";
import type { File } from "../../base/file.ts";
import type { Folder } from "../../base/folder.ts";
import type { Dice } from "../../../tests/fuzz/dice.ts";

const SECTOR_BYTES = 512;

/** The shares of unsynced sectors that survive, in per cent: one is chosen for each crash. 100 is what `kill -9` leaves. */
const SURVIVAL = [0, 10, 50, 90, 100];

type Change =
  | {
    readonly kind: "write";
    readonly offset: number;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "size"; readonly sizeBytes: number };

/** What a file has on the medium, and what is on its way there. */
class Medium {
  stable: Uint8Array;
  now: Uint8Array;
  loose: Change[] = [];

  constructor(bytes: Uint8Array) {
    this.stable = bytes;
    this.now = bytes.slice();
  }

  change(change: Change): void {
    this.loose.push(change);
    this.now = applied(this.now, change);
  }

  keep(count: number): void {
    for (const change of this.loose.splice(0, count)) {
      this.stable = applied(this.stable, change);
    }
  }

  /** The bytes after a crash. */
  left(dice: Dice, percent: number): Uint8Array {
    let bytes: Uint8Array = this.stable.slice();
    for (const change of this.loose) {
      if (change.kind === "size") {
        if (dice.next(100) < percent) bytes = applied(bytes, change);
        continue;
      }
      const end = change.offset + change.bytes.length;
      for (let at = change.offset; at < end;) {
        const next = Math.min(
          end,
          (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES,
        );
        const piece = change.bytes.subarray(
          at - change.offset,
          next - change.offset,
        );
        if (dice.next(100) < percent) {
          bytes = applied(bytes, { kind: "write", offset: at, bytes: piece });
        }
        at = next;
      }
    }
    return bytes;
  }
}

function applied(bytes: Uint8Array, change: Change): Uint8Array {
  const size = change.kind === "size"
    ? change.sizeBytes
    : Math.max(bytes.length, change.offset + change.bytes.length);
  const copy = size === bytes.length ? bytes : new Uint8Array(size);
  if (copy !== bytes) copy.set(bytes.subarray(0, size));
  if (change.kind === "write") copy.set(change.bytes, change.offset);
  return copy;
}

export class CrashDisk {
  /** Set to make the next syncs and writes of files whose names match fail, the power being on. */
  failing: { sync?: RegExp; write?: RegExp; code?: string } = {};
  readonly #dice: Dice;
  readonly #files = new Map<string, Medium>();
  /** Names whose making or removal is not stable: what is there if it is not kept. */
  readonly #looseNames = new Map<string, Medium | undefined>();
  #stepsLeft = Infinity;
  syncs = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** The power goes after that many steps. */
  cutAfter(steps: number): void {
    this.#stepsLeft = steps;
  }

  get isOff(): boolean {
    return this.#stepsLeft < 0;
  }

  /** Cuts the power now where it is on, and gives the disk as it comes back. */
  survivor(): CrashDisk {
    this.#stepsLeft = -1;
    const disk = new CrashDisk(this.#dice);
    const percent = this.#dice.of(SURVIVAL);
    const names = new Map(this.#files);
    for (const [name, before] of this.#looseNames) {
      if (this.#dice.next(100) < percent) continue;
      if (before) names.set(name, before);
      else names.delete(name);
    }
    for (const [name, medium] of names) {
      disk.#files.set(name, new Medium(medium.left(this.#dice, percent)));
    }
    return disk;
  }

  /** Opens a file outside of any folder that is synced, made on the medium at once where it is missing. */
  file(name: string, sizeBytes = 0): File {
    if (!this.#files.has(name)) {
      this.#files.set(name, new Medium(new Uint8Array(sizeBytes)));
    }
    return this.#open(name);
  }

  /** The bytes of a file as the system sees them, to be looked at and to be damaged. */
  bytes(name: string): Uint8Array {
    return this.#files.get(name)!.now;
  }

  /** Replaces a file's bytes on the medium. */
  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, new Medium(bytes.slice()));
  }

  /** All of it again, as it is on the medium now, apart from this one. */
  copy(): CrashDisk {
    const disk = new CrashDisk(this.#dice);
    for (const [name, { now }] of this.#files) disk.put(name, now);
    return disk;
  }

  /** A folder of it. Names begin with the folder's. */
  folder(name: string): Folder {
    const prefix = `${name}/`;
    return {
      list: () => {
        this.#check();
        return [...this.#files.keys()].filter((path) => path.startsWith(prefix))
          .map((path) => path.slice(prefix.length)).sort();
      },
      create: (file) => {
        const path = prefix + file;
        this.#step();
        if (this.#files.has(path)) throw new VaultError(`${path} exists`);
        this.#loosen(path, undefined);
        this.#files.set(path, new Medium(new Uint8Array(0)));
        return this.#open(path);
      },
      open: (file) => this.#open(prefix + file),
      remove: (file) => {
        const path = prefix + file;
        this.#step();
        this.#loosen(path, this.#files.get(path));
        this.#files.delete(path);
      },
      sync: async () => {
        const covered = [...this.#looseNames.keys()]
          .filter((path) => path.startsWith(prefix));
        await this.#wait();
        for (const path of covered) this.#looseNames.delete(path);
      },
    };
  }

  #loosen(path: string, before: Medium | undefined): void {
    if (!this.#looseNames.has(path)) this.#looseNames.set(path, before);
  }

  #open(path: string): File {
    const medium = this.#files.get(path);
    if (!medium) throw new VaultError(`There is no ${path}`);
    let closed = false;
    const check = () => {
      this.#check();
      if (closed) throw new VaultError(`${path} is closed`);
    };
    const change = (change: Change) => {
      check();
      this.#fail("write", path);
      medium.change(change);
      this.#step();
    };
    return {
      read(offset, into) {
        check();
        const bytes = medium.now.subarray(offset, offset + into.length);
        into.set(bytes);
        into.fill(0, bytes.length);
      },
      write: (offset, from) =>
        change({ kind: "write", offset, bytes: from.slice() }),
      sync: async () => {
        check();
        this.syncs++;
        const covered = new Set(medium.loose);
        await this.#wait();
        this.#fail("sync", path);
        // Only what came before the call is promised; nothing of it has gone meanwhile but by another sync.
        let count = 0;
        while (
          count < medium.loose.length && covered.has(medium.loose[count]!)
        ) {
          count++;
        }
        medium.keep(count);
      },
      syncNow: () => {
        check();
        this.syncs++;
        this.#step();
        this.#fail("sync", path);
        medium.keep(medium.loose.length);
      },
      size: () => {
        check();
        return medium.now.length;
      },
      truncate: (sizeBytes) => change({ kind: "size", sizeBytes }),
      anchor() {
        check();
        return false;
      },
      punch(offset, length) {
        const end = Math.min(medium.now.length, offset + length);
        if (offset < end) {
          change({
            kind: "write",
            offset,
            bytes: new Uint8Array(end - offset),
          });
        }
        return true;
      },
      nextData(offset) {
        check();
        const { length } = medium.now;
        return offset < length
          ? { offset, length: length - offset }
          : undefined;
      },
      allocated: () => medium.now.length,
      close() {
        closed = true;
      },
    };
  }

  #fail(kind: "sync" | "write", path: string): void {
    if (!this.failing[kind]?.test(path)) return;
    const code = this.failing.code ?? "EIO";
    const cause = Object.assign(new Error(code), { code });
    throw new VaultError(`Cannot ${kind} ${path}: ${code}`, { cause });
  }

  async #wait(): Promise<void> {
    for (let turns = this.#dice.next(4); turns >= 0; turns--) await undefined;
    this.#step();
  }

  #step(): void {
    this.#check();
    if (--this.#stepsLeft < 0) this.#check();
  }

  #check(): void {
    if (this.isOff) throw new VaultError("The power is off");
  }
}
