/**
 * Lines in a file that is rotated by its size: `NAME` is written to, `NAME.1` is what it was before, `NAME.2` what that was.
 *
 *     NAME full:  NAME.2 ─> NAME.3, NAME.1 ─> NAME.2, NAME ─> NAME.1, and NAME begins anew
 *
 * Each step is one rename, from the oldest on. A crash between two leaves a number that nobody has, which the next rotation fills; the
 * oldest is lost only where all numbers are taken. One process at a time may have it open: whoever opens it sees to that.
 */

import { utf8 } from "../base/bytes.ts";
import { exists, rename } from "../os/file.ts";
import { type LogFile, openLog } from "../os/log_file.ts";

/** When a file is full, and how many are kept of each, the one that is written to among them. */
export interface Rotation {
  readonly maxBytes: number;
  readonly files: number;
}

/** The names that there can be, the newest first. */
export function rotatedPaths(path: string, files: number): readonly string[] {
  return Array.from(
    { length: files },
    (_, age) => age === 0 ? path : `${path}.${age}`,
  );
}

export class RotatedFile {
  readonly #path: string;
  readonly #rotation: Rotation;
  #file: LogFile | undefined;

  constructor(path: string, rotation: Rotation) {
    this.#path = path;
    this.#rotation = rotation;
  }

  /** Appends the line, whole. @throws {VaultError} where it cannot; half of it may be there, and the next line does not stick to it */
  append(line: string): void {
    this.#file ??= openLog(this.#path);
    if (!this.#file.endsWhole) this.#file.append(utf8("\n"));
    const bytes = utf8(`${line}\n`);
    const { sizeBytes } = this.#file;
    if (sizeBytes > 0 && sizeBytes + bytes.length > this.#rotation.maxBytes) {
      this.close();
      this.#rotate();
      this.#file = openLog(this.#path);
    }
    this.#file.append(bytes);
  }

  /** Lets go of the file. It is opened again where another line comes. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #rotate(): void {
    const names = rotatedPaths(this.#path, this.#rotation.files);
    const free = names.findIndex((name) => !exists(name));
    const last = free < 0 ? names.length - 1 : free;
    for (let age = last; age > 0; age--) rename(names[age - 1]!, names[age]!);
  }
}
