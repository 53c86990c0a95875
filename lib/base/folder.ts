/** One folder of files that belong together, as the journal sees it. Made by `lib/os/folder.ts`; tests make one that loses power. */

import type { File } from "./file.ts";

/** Files by their names. Names have no path in them. */
export interface Folder {
  /** The names of what is there, sorted. @throws {VaultError} */
  list(): string[];
  /** Makes an empty file that is not there yet. After a power cut it may be gone, with all its bytes, until `sync`. @throws {VaultError} */
  create(name: string): File;
  /** Opens what is there, to read and to write it. @throws {VaultError} */
  open(name: string): File;
  /** Removes it; open ones have to be closed first. After a power cut it may be back until `sync`. @throws {VaultError} */
  remove(name: string): void;
  /** What was made and removed before the call stays so when it resolves. Says nothing of the files' bytes. @throws {VaultError} */
  sync(): Promise<void>;
}
