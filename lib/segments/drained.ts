/** How much of a journal is in the row: whoever has the journal and comes back to the row need not write that again (FORMAT.md section 4). */

import type { ByteReader, ByteWriter } from "./varint.ts";

/** Of the number that tells journals apart. */
const JOURNAL_ID_BYTES = 16;

/** All entries of that journal up to one, which is the last of its operation. */
export interface Drained {
  /** Its number, 16 bytes. */
  readonly journal: Uint8Array;
  /** The sequence number of the last entry. */
  readonly last: number;
}

/** journal 16 | last entry */
export function encodeDrained(writer: ByteWriter, drained: Drained): void {
  const { journal, last } = drained;
  if (journal.length !== JOURNAL_ID_BYTES) {
    throw new RangeError(`A journal's number of ${journal.length} bytes`);
  }
  writer.raw(journal);
  writer.varint(last);
}

/** @throws {SealError} */
export function decodeDrained(reader: ByteReader): Drained {
  const journal = reader.raw(JOURNAL_ID_BYTES).slice();
  return { journal, last: reader.varint() };
}
