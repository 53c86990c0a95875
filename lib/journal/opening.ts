/** How a journal is opened: what is there is found, and what follows it is made unreadable for good before anything is appended. */

import { VaultError } from "../base/errors.ts";
import type { Folder } from "../base/folder.ts";
import { LIFE_BYTES } from "./entry.ts";
import { JOURNAL_ID_BYTES } from "./file_head.ts";
import { type JournalFile, openJournalFiles } from "./journal_file.ts";
import { JournalFiles } from "./journal_files.ts";
import { type Mark, MarkFile } from "./mark.ts";
import { recover, type Recovered } from "./recovery.ts";

/** The name of the file that says how far the journal is drained. */
const MARK = "mark";

/** What is known of a journal's surroundings. */
export interface JournalOptions {
  /** Its own: nothing else may be in it. */
  readonly folder: Folder;
  /** Unpredictable bytes. */
  readonly random: (length: number) => Uint8Array;
  /** How long each of its files is: a multiple of a sector. 64 MiB unless told otherwise. */
  readonly fileBytes?: number;
  /** How many files may hold something at a time, at least 2: one to write and one to drain. 16 unless told otherwise. */
  readonly maxFiles?: number;
}

const DEFAULT_FILE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_FILES = 16;

/** A journal's files, open, and what was found in them. */
export interface Opened {
  readonly mark: MarkFile;
  readonly id: Uint8Array;
  readonly files: JournalFiles;
  readonly current: JournalFile;
  readonly recovered: Recovered;
}

/** @throws {VaultError} where the files cannot be read or written, or something is missing that was on stable storage */
export async function openJournal(options: JournalOptions): Promise<Opened> {
  const { folder } = options;
  const found = openJournalFiles(folder);
  const open: { close(): void }[] = found.map(({ file }) => file);
  try {
    const mark = openMark(folder);
    open.push(mark);
    const said = mark.last ?? await firstMark(mark, { options, found });
    const recovered = recover(found, said);
    // What was found may be known to this system's memory alone: the process that wrote it may just have been killed.
    for (const { file } of recovered.chain) await file.sync();
    await mark.sync();
    const files = new JournalFiles({
      folder,
      fileBytes: options.fileBytes ?? DEFAULT_FILE_BYTES,
      maxFiles: options.maxFiles ?? DEFAULT_MAX_FILES,
    });
    const { live, empty } = withoutEmpty(recovered);
    for (const file of live) files.add(file);
    for (const file of found) {
      if (!recovered.chain.includes(file)) files.free(file);
    }
    const { file: current } = files.takeNow();
    open.push(current.file);
    const numbers = found.map(({ head }) => head?.number ?? 0);
    const { end } = recovered;
    const before = live.at(-1);
    if (before && end.number === before.start.number) {
      before.endSector = end.sector;
    }
    current.begin({
      number: Math.max(said.next.number, ...numbers) + 1,
      life: options.random(LIFE_BYTES),
      journal: said.journal,
      first: end.sequence,
      // An empty file that is left out said what went before it.
      previous: empty?.head?.previous ?? end.previous,
      follows: before?.start.number ?? 0,
      followsEnd: before?.endSector ?? 0,
    });
    await current.file.sync();
    provideAnother(files);
    await folder.sync();
    const { next, stable, journal } = said;
    const begun = current.start.number;
    await mark.put({ journal, next, stable, begun });
    files.add(current);
    if (empty) files.free(empty);
    return { mark, id: said.journal, files, current, recovered };
  } catch (thrown) {
    for (const file of open) closeQuietly(file);
    throw thrown;
  }
}

function provideAnother(files: JournalFiles): void {
  try {
    files.provide();
  } catch {
    // Whoever needs it is told.
  }
}

/** A last file in which nothing was written is none to go on from: else each opening would leave one behind. */
function withoutEmpty(
  { chain, end }: Recovered,
): { readonly live: readonly JournalFile[]; readonly empty?: JournalFile } {
  const last = chain.at(-1);
  return chain.length > 1 && last && end.number === last.start.number &&
      end.sector === last.start.sector
    ? { live: chain.slice(0, -1), empty: last }
    : { live: chain };
}

/** The mark, read or made. @throws {VaultError} */
function openMark(folder: Folder): MarkFile {
  return new MarkFile(
    folder.list().includes(MARK) ? folder.open(MARK) : folder.create(MARK),
  );
}

/** A mark that says that nothing is drained. It is there before any file is: where files are and it is not, it was taken away. */
async function firstMark(
  mark: MarkFile,
  { options, found }: {
    readonly options: JournalOptions;
    readonly found: readonly JournalFile[];
  },
): Promise<Mark> {
  const file = found.find(({ head }) => head !== undefined);
  if (file) {
    throw new VaultError(
      `How far the journal is drained is not known: ${MARK} says nothing beside ${file.name}`,
      { hint: `Put the file ${MARK} back from a copy.` },
    );
  }
  const journal = options.random(JOURNAL_ID_BYTES);
  const next = { sequence: 1, number: 0, sector: 0, previous: 0 };
  const first = { journal, next, stable: 0, begun: 0 };
  await mark.put(first);
  await options.folder.sync();
  return first;
}

/** Some may be closed already; what made opening fail is what is told. */
function closeQuietly(file: { close(): void }): void {
  try {
    file.close();
  } catch {
    // It is gone in either case.
  }
}
