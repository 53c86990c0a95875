/**
 * What this machine keeps of a volume in a bucket, in `volumes/NAME/`:
 *
 *     key           the volume's key, as it stands in a key file; or `file: PATH`, where it is kept elsewhere
 *     pin.json      how far the row of segments was known to go, so that nobody can show an older one
 *     journal/      what was written and is not uploaded
 *     journal-given-up-TIME/   one that belongs to a history which was given up: nothing reads it any more
 *     verify.json   how far the volume has been read back by a verify that was cut off
 *     cache         chunks that were written or read lately, and cache-index, what is where in it
 *
 * The cache may be lost. So may the journal, and with it what was not uploaded. Without the pin the volume is not opened: it is found anew,
 * with `vault volume recover`.
 */

import { fromHex, fromUtf8, toHex, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import type { Primitives } from "../base/primitives.ts";
import type { BucketSpec, KeySpec } from "../control/operations.ts";
import { Journal } from "../journal/journal.ts";
import {
  exists,
  openFile,
  readWhole,
  remove,
  rename,
  writeWhole,
} from "../os/file.ts";
import { openFolder } from "../os/folder.ts";
import { join } from "../os/paths.ts";
import { VolumeKeys } from "../segments/keys.ts";
import { MAX_KEY_TEXT_LENGTH, parseKey } from "../segments/volume_key.ts";
import { ChunkCache } from "../store/chunk_cache.ts";
import { CHAIN_START } from "../store/segmented/chain.ts";
import type { Pin } from "../store/segmented/segment_row.ts";
import { checkBucketSpec } from "./bucket_address.ts";
import { PinDocument, readDocument, writeDocument } from "./documents.ts";
import { VerifiedFile } from "./verified_file.ts";

/** How a `key` begins that only says where the key is. */
const ELSEWHERE = "file: ";
/** Each of the journal's files, unless it is too small for so many of them. */
const JOURNAL_FILE_BYTES = 64 * 1024 * 1024;
const JOURNAL_FILES = 16;

export class BucketFolder {
  readonly #path: string;
  readonly #primitives: Primitives;

  constructor(path: string, primitives: Primitives) {
    this.#path = path;
    this.#primitives = primitives;
  }

  /** Puts what a volume begins with into an empty folder. */
  begin(key: KeySpec): void {
    this.keepKey(key);
    this.keepPin(CHAIN_START);
  }

  /** On stable storage when it returns. */
  keepKey(key: KeySpec): void {
    const text = "file" in key ? ELSEWHERE + key.file : key.line;
    writeWhole(join(this.#path, "key"), utf8(`${text}\n`));
  }

  /** What it holds of the key; undefined where it was not begun. */
  key(): KeySpec | undefined {
    const bytes = readWhole(join(this.#path, "key"));
    return bytes && keySpecOf(textOf(bytes));
  }

  /** Looks, and asks no store. @throws {VaultError} where the volume cannot be opened with what is here */
  expectUsable(spec: BucketSpec): void {
    checkBucketSpec(spec);
    this.keys();
    this.pin();
  }

  /** @throws {VaultError} where the key cannot be read, or is none */
  keys(): VolumeKeys {
    const path = join(this.#path, "key");
    const text = this.#read(path, "It was removed from outside.");
    return this.keysOf(keySpecOf(text));
  }

  /** @throws {VaultError} where the key cannot be read, or is none */
  keysOf(key: KeySpec): VolumeKeys {
    const text = "line" in key
      ? key.line
      : this.#read(key.file, "The volume's key was there.");
    return new VolumeKeys(this.#primitives, parseKey(this.#primitives, text));
  }

  /** @throws {VaultError} where it is missing or damaged */
  pin(): Pin {
    const { next, epoch, digest, claims } = this.#pinDocument();
    return {
      ...{ next, epoch, digest: fromHex(digest)! },
      ...(claims && {
        claims: claims.map((one) => ({
          ...one,
          digest: fromHex(one.digest)!,
        })),
      }),
    };
  }

  #pinDocument(): PinDocument {
    const path = join(this.#path, "pin.json");
    const found = readDocument(path, PinDocument);
    if (found) return found;
    throw new VaultError(`${path} is missing`, {
      hint:
        "It was removed from outside. Without it nobody can tell whether the bucket shows the volume's latest state: put it back, or delete the volume here and find it again with vault volume recover.",
    });
  }

  /** On stable storage when it returns. */
  keepPin(pin: Pin): void {
    this.#write(documentOf(pin));
  }

  #write(pin: PinDocument): void {
    writeDocument(join(this.#path, "pin.json"), pin);
  }

  /**
   * From when it returns on the history counts that `pin` is of. {@linkcode BucketFolder.settle} ends it: what is kept here of the former one
   * goes, and its journal is set aside under the name `aside`.
   */
  goOnWith(pin: Pin, aside: string): void {
    this.#write({ ...documentOf(pin), setsAside: aside });
  }

  /** Ends what was begun, before anything else is done with what is here; also after a kill. */
  settle(): void {
    const { setsAside: aside, ...pin } = this.#pinDocument();
    if (aside === undefined) return;
    const [journal, kept] = [this.pathOf("journal"), this.pathOf(aside)];
    if (exists(journal) && !exists(kept)) rename(journal, kept);
    // The other history has other chunks under the same numbers.
    for (const name of ["cache", "cache-index"]) remove(this.pathOf(name));
    this.verified.remove();
    this.#write(pin);
  }

  /** Removes a journal that was set aside and held nothing. */
  removeAside(aside: string): void {
    remove(this.pathOf(aside));
  }

  pathOf(name: string): string {
    return join(this.#path, name);
  }

  /** What has been read back of a verify that was cut off. */
  get verified(): VerifiedFile {
    return new VerifiedFile(join(this.#path, "verify.json"));
  }

  /** @throws {VaultError} where its files cannot be read, or something of them is missing */
  openJournal(limitBytes: number): Promise<Journal> {
    const share = Math.floor(limitBytes / JOURNAL_FILES);
    const fileBytes = Math.min(JOURNAL_FILE_BYTES, share - share % 512);
    return Journal.open({
      folder: openFolder(join(this.#path, "journal")),
      random: (length) => this.#primitives.random(length),
      fileBytes,
      maxFiles: Math.floor(limitBytes / fileBytes),
    });
  }

  /** Another volume's is not believed. @throws {VaultError} where its files cannot be opened */
  openCache(volumeId: Uint8Array, limitBytes: number): ChunkCache {
    const data = this.#openOrMake("cache");
    try {
      const index = this.#openOrMake("cache-index");
      try {
        return new ChunkCache({
          ...{ data, index, limitBytes, volumeId },
          hash: (...parts) => this.#primitives.hash("sha256", ...parts),
        });
      } catch (thrown) {
        index.close();
        throw thrown;
      }
    } catch (thrown) {
      data.close();
      throw thrown;
    }
  }

  #openOrMake(name: string): File {
    const path = join(this.#path, name);
    return openFile(path, { create: !exists(path) });
  }

  #read(path: string, hint: string): string {
    const bytes = readWhole(path);
    if (!bytes) throw new VaultError(`${path} is missing`, { hint });
    return textOf(bytes);
  }
}

function documentOf({ next, epoch, digest, claims }: Pin): PinDocument {
  return {
    ...{ version: 1, next, epoch, digest: toHex(digest) },
    ...(claims && {
      claims: claims.map((one) => ({ ...one, digest: toHex(one.digest) })),
    }),
  };
}

function textOf(bytes: Uint8Array): string {
  return fromUtf8(bytes.subarray(0, 4 * MAX_KEY_TEXT_LENGTH)) ?? "";
}

function keySpecOf(text: string): KeySpec {
  return text.startsWith(ELSEWHERE)
    ? { file: text.slice(ELSEWHERE.length).trim() }
    : { line: text.trim() };
}
