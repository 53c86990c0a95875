/** The one place where a volume's layers are put on top of each other, bottom first. */

import type { Clock } from "../base/clock.ts";
import type { File } from "../base/file.ts";
import type { Journal } from "../journal/journal.ts";
import { drainIntoFile } from "./drain_target.ts";
import { FileStore } from "./file_store.ts";
import { JournaledStore } from "./journaled_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { ReadOnlyStore } from "./read_only_store.ts";
import type { Store } from "./store.ts";

/** Where a volume's bytes are. */
export type Bottom =
  | {
    readonly kind: "file";
    readonly file: File;
  }
  | {
    /** A file behind a journal: after any crash it is a prefix of its operations. */
    readonly kind: "journaled file";
    readonly file: File;
    /** Of this file alone. */
    readonly journal: Journal;
    readonly clock: Clock;
  }
  | { readonly kind: "memory"; readonly sizeBytes: number };

/** What a volume wants of its store. */
export interface StackOptions {
  readonly bottom: Bottom;
  /** Refuse every change. */
  readonly readOnly: boolean;
}

/** The store of a volume. Closing it closes all that is below. @throws {VaultError} where what is below cannot be read or made stable */
export function stackStore(options: StackOptions): Store {
  const bottom = bottomStore(options.bottom);
  return options.readOnly ? new ReadOnlyStore(bottom) : bottom;
}

function bottomStore(bottom: Bottom): Store {
  switch (bottom.kind) {
    case "file":
      return new FileStore(bottom.file);
    case "journaled file": {
      const { file, journal, clock } = bottom;
      const target = drainIntoFile(file, { clock });
      return new JournaledStore({ target, journal, clock });
    }
    case "memory":
      return new MemoryStore(bottom.sizeBytes);
  }
}
