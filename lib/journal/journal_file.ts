/** One file of a journal while it is open: its place in the folder, and what its head says. */

import type { File } from "../base/file.ts";
import type { Folder } from "../base/folder.ts";
import { type FileHead, makeFileHead, readFileHead } from "./file_head.ts";
import type { Position } from "./mark.ts";
import { Scan } from "./scan.ts";
import { SECTOR_BYTES } from "./sector.ts";

/** Names say nothing but that it is one: which file of the journal it is stands in its head. */
const NAME = /^[0-9]{8}\.journal$/;

/** How much is written at a time where a file is filled with zeros. */
const FILL_BYTES = 1024 * 1024;

/** A head and the checksum that its first entry names. */
type Head = FileHead & { readonly checksum: number };

export class JournalFile {
  readonly name: string;
  readonly file: File;
  #head: Head | undefined;
  /** The sector at which the journal leaves it for the next one; what lies behind is no part of it. */
  endSector: number;
  readonly sizeBytes: number;

  /** Reads the head that is there. @throws {VaultError} where it cannot be read */
  constructor(name: string, file: File) {
    this.name = name;
    this.file = file;
    const bytes = new Uint8Array(SECTOR_BYTES);
    file.read(0, bytes);
    this.#head = readFileHead(bytes);
    this.sizeBytes = file.size();
    this.endSector = Math.floor(this.sizeBytes / SECTOR_BYTES);
  }

  /** Undefined where there is no whole one: such a file holds nothing. */
  get head(): Head | undefined {
    return this.#head;
  }

  /** Where its first entry is. */
  get start(): Position {
    const head = this.#head;
    return {
      sequence: head?.first ?? 0,
      number: head?.number ?? 0,
      sector: 1,
      previous: head?.checksum ?? 0,
    };
  }

  /** Begins it anew: whatever it held is no part of a journal any more. Not on stable storage when it returns. @throws {VaultError} */
  begin(head: FileHead): void {
    const { bytes, checksum } = makeFileHead(head);
    this.file.write(0, bytes);
    this.#head = { ...head, checksum };
    this.endSector = Math.floor(this.sizeBytes / SECTOR_BYTES);
  }

  /** A walk over its entries from `from` on. */
  scan(from: Position): Scan {
    const life = this.#head?.life ?? new Uint8Array();
    return new Scan(this.file, { life, from, endSector: this.endSector });
  }
}

/** Opens all the files of a folder that are a journal's. @throws {VaultError}, with none left open */
export function openJournalFiles(folder: Folder): JournalFile[] {
  const files: JournalFile[] = [];
  try {
    for (const name of folder.list().filter((name) => NAME.test(name))) {
      const file = folder.open(name);
      try {
        files.push(new JournalFile(name, file));
      } catch (thrown) {
        file.close();
        throw thrown;
      }
    }
    return files;
  } catch (thrown) {
    for (const { file } of files) file.close();
    throw thrown;
  }
}

/**
 * Makes one more. It is given all of its room at once: overwriting costs half the time that growing does, because only bytes have to
 * be made stable, and there is no running out of space later.
 *
 * @throws {VaultError}, with nothing left behind
 */
export function makeJournalFile(
  folder: Folder,
  sizeBytes: number,
): JournalFile {
  const taken = new Set(folder.list());
  let name = "";
  for (let n = 1; name === "" || taken.has(name); n++) {
    name = `${String(n).padStart(8, "0")}.journal`;
  }
  const file = folder.create(name);
  try {
    fill(file, sizeBytes);
    return new JournalFile(name, file);
  } catch (thrown) {
    file.close();
    folder.remove(name);
    throw thrown;
  }
}

/** Zeros, in place of whatever it holds. @throws {VaultError} */
export function fill(file: File, sizeBytes: number): void {
  const zeros = new Uint8Array(Math.min(FILL_BYTES, sizeBytes));
  for (let at = 0; at < sizeBytes; at += zeros.length) {
    file.write(at, zeros.subarray(0, Math.min(zeros.length, sizeBytes - at)));
  }
}
