/**
 * Work over the whole medium that outlives the command that asked for it, its session and, by a note, the process: FORMAT UNIT and SANITIZE
 * (SBC-3 sections 4.10 and 4.11).
 *
 *     ──begin, noted──> running ──all passes stable, note gone──> over
 *                        │  ^                                      ^
 *                        │  └──────── begun again ────────┐        │
 *                        ├── process ends ──> noted ──────┘        │
 *                        └── a pass fails ──> failed ──begun again─┘  (or, where that was allowed, EXIT FAILURE MODE)
 *
 * Invariants: the note is on stable storage before the first byte changes, and is gone before anybody may use the medium again. So what was
 * interrupted is never taken for done, and what was written afterwards is never erased.
 */

import type { Pass } from "./plan.ts";

/** How the medium is erased. */
export type ErasureMethod =
  | { readonly kind: "format" }
  | { readonly kind: "block-erase" }
  | {
    readonly kind: "overwrite";
    /** One block. */
    readonly pattern: Uint8Array;
    readonly count: number;
    /** Every pass but the first writes the complement of the one before. */
    readonly invert: boolean;
  };

/** What was asked for: all that is needed to begin again. */
export interface ErasureAsk {
  readonly method: ErasureMethod;
  /** AUSE: where it fails, the medium may be used as it is after EXIT FAILURE MODE. */
  readonly unrestrictedExit: boolean;
}

/** What keeps a note of an erasure over the end of the process. */
export interface ErasureNotes {
  /** On stable storage when it returns. */
  write(ask: ErasureAsk): void;
  /** Gone from stable storage when it returns. */
  clear(): void;
}

/**
 * What is done to the bytes, in order. What a volume never held, or gave back, reads as zeros and has left nothing to overwrite: such a place
 * is written only where it shall read as something else in the end.
 */
export function passesOf(
  method: ErasureMethod,
  blockSizeBytes: number,
): readonly Pass[] {
  switch (method.kind) {
    case "format":
      return [{ kind: "unmap" }];
    case "block-erase":
      return [
        {
          kind: "overwrite",
          pattern: new Uint8Array(blockSizeBytes),
          everywhere: false,
        },
        { kind: "unmap" },
      ];
    case "overwrite":
      return Array.from({ length: method.count }, (_, i) => {
        const inverted = method.invert && i % 2 === 1;
        const pattern = inverted ? complement(method.pattern) : method.pattern;
        const last = i === method.count - 1;
        const everywhere = last && pattern.some((byte) => byte !== 0);
        return { kind: "overwrite", pattern, everywhere };
      });
  }
}

function complement(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => ~byte);
}
