/**
 * Finds what a journal holds after whatever has happened to it. FORMAT.md gives the argument; in short:
 *
 *     a file begins only once every entry before it is stable ⇒ only the last file may end in something torn
 *     the last file is the one with the highest number        ⇒ each file says where the one before it ends
 *     a mark is stable before what it covers is used again    ⇒ the files reach back to the mark
 */

import { equalBytes } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { JournalFile } from "./journal_file.ts";
import type { Mark, Position } from "./mark.ts";
import type { Stop } from "./scan.ts";

const HINT =
  "The journal's files were changed or damaged. Put them back from a copy; without them, what was written last is lost.";

/** What there is. */
export interface Recovered {
  /** The files that hold entries to be drained, oldest first, and the last one whatever it holds. */
  readonly chain: readonly JournalFile[];
  /** The first entry that is not known to be drained. */
  readonly from: Position;
  /** Where the journal ends: the place of the first entry that is not there. */
  readonly end: Position;
  /** Why it ends there. */
  readonly why: Stop | "half of an operation" | "nothing was written yet";
}

/** @throws {VaultError} where something is missing that was on stable storage */
export function recover(files: readonly JournalFile[], mark: Mark): Recovered {
  const chain = chainOf(files, mark);
  const last = chain.at(-1);
  if ((last?.start.number ?? 0) < mark.begun) {
    throw new VaultError(
      `File ${mark.begun} of the journal is missing, or its first sector cannot be read`,
      { hint: HINT },
    );
  }
  if (!last) {
    if (mark.next.sequence > 1) throw gone(mark.next.sequence, "has no file");
    const { next } = mark;
    return { chain, from: next, end: next, why: "nothing was written yet" };
  }
  const from = startIn(chain[0]!, mark);
  let at = from;
  let whole = from;
  for (const file of chain) {
    if (file !== chain[0]) {
      const { start, head } = file;
      if (start.sequence !== at.sequence || head?.previous !== at.previous) {
        throw gone(at.sequence, "is not where the next file says");
      }
      at = start;
    }
    const scan = file.scan(at);
    for (let entry = scan.read(); entry; entry = scan.read()) {
      if (!entry.goesOn) whole = entry.next;
    }
    at = scan.next;
    const missing = at.sequence;
    const { stop } = scan;
    if (file !== last) {
      if (at.sector !== file.endSector || stop !== "the file ends") {
        throw gone(missing, `cannot be read (${stop})`);
      }
      whole = at;
      continue;
    }
    const behind = scan.promiseBehind();
    if (behind !== undefined || missing <= mark.stable) {
      throw gone(missing, `cannot be read (${stop})`);
    }
    const why = whole.sequence < missing
      ? "half of an operation"
      : stop ?? "no entry";
    const end = whole.number === at.number ? whole : last.start;
    return { chain, from, end, why };
  }
  throw gone(mark.next.sequence, "has no file");
}

/** The files from the mark's on, oldest first: from the one with the highest number back to the one in which the mark is. */
function chainOf(files: readonly JournalFile[], mark: Mark): JournalFile[] {
  const byNumber = new Map<number, JournalFile>();
  let last: JournalFile | undefined;
  for (const file of files) {
    const { head } = file;
    if (!head) continue;
    if (!equalBytes(head.journal, mark.journal)) {
      throw new VaultError(`${file.name} belongs to another journal`, {
        hint: "Files of two journals were mixed. Put each into its own folder.",
      });
    }
    byNumber.set(head.number, file);
    if (!last?.head || head.number > last.head.number) last = file;
  }
  const chain: JournalFile[] = [];
  for (let file = last; file?.head;) {
    chain.unshift(file);
    const { first, follows, followsEnd } = file.head;
    if (first <= mark.next.sequence) return chain;
    const before = byNumber.get(follows);
    if (!before) throw gone(mark.next.sequence, "has no file");
    before.endSector = followsEnd;
    file = before;
  }
  return chain;
}

/** Where in the first file the first entry is that is not drained. */
function startIn(file: JournalFile, mark: Mark): Position {
  const { start } = file;
  if (start.sequence === mark.next.sequence) return start;
  if (start.number === mark.next.number) return mark.next;
  throw gone(mark.next.sequence, "is not where the mark says");
}

function gone(sequence: number, what: string): VaultError {
  return new VaultError(
    `Entry ${sequence} of the journal ${what}, although it was on stable storage`,
    { hint: HINT },
  );
}
