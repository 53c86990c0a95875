/** An object store as this project needs it: objects that are written once and never replaced. */

import { type ErrorKind, VaultError } from "../base/errors.ts";
import type { Extent } from "../base/extent.ts";

/** What a listing says of one object. */
export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
}

/** A part of a listing. */
export interface ObjectPage {
  /** In the order of their names, by bytes. */
  readonly objects: readonly ObjectInfo[];
  /** There are others after the last of them. */
  readonly more: boolean;
}

/** What became of a {@linkcode Bucket.create}. */
export type Created = "created" | "exists";

/** The longest name, in characters. Key prefixes of a store come on top of it. */
export const MAX_NAME_LENGTH = 256;
/** The largest object that is read without a range, and the longest range, in bytes: what a hostile store can make us hold. */
export const MAX_READ_BYTES = 256 * 1024 * 1024;
/** The most objects of one {@linkcode ObjectPage}. */
export const MAX_PAGE_OBJECTS = 1000;

/**
 * Objects by name.
 *
 * Names are 1 to {@linkcode MAX_NAME_LENGTH} of `a-z 0-9 . _ - /`, without empty parts and without parts `.` or `..`. Another name, or
 * a range that makes no sense, is the caller's mistake: `RangeError`.
 *
 * An object is whole or not there; its bytes never change. Once a method has resolved, every later `get` by anybody sees what it did.
 * Listings may lag behind: what is not in a listing may be there all the same.
 *
 * Whatever goes wrong is a {@linkcode BucketError}. After one whose fault is `uncertain`, what was asked may have been done, or may be
 * done any time later, also when it was not there a moment ago.
 */
export interface Bucket {
  /**
   * Makes an object, and never replaces one. `created`: the object holds `bytes` and stays as it is. `exists`: another of that name was
   * there first, and was left alone. Where the one that was there holds the very same bytes, it may say either: who has to tell its own
   * objects from those of others puts randomness into them. `bytes` are lent until this settles.
   */
  create(name: string, bytes: Uint8Array): Promise<Created>;
  /**
   * The bytes of an object, or those of a range of it: fewer than the range has where the object ends before, none where it ends
   * before the range begins. Undefined where there is no such object. Both are at most {@linkcode MAX_READ_BYTES} long.
   */
  get(name: string, range?: Extent): Promise<Uint8Array | undefined>;
  /** The first objects whose names begin with `prefix` and come after `startAfter`. */
  list(prefix: string, startAfter?: string): Promise<ObjectPage>;
  /** Objects that are not there are no error. After an error, some may be gone and others not. */
  delete(names: readonly string[]): Promise<void>;
  /** Ends what is under way, with errors. Nothing may be called afterwards but this. */
  close(): Promise<void>;
}

/** A place whose objects can be replaced: whoever makes one there has to see to it that none is. */
export interface ReplaceableBucket extends Bucket {
  /**
   * Puts an object there, whatever was there before. `bytes` are lent until this settles.
   *
   * @param signal gives it up: it may be done all the same, as with anything that is `uncertain`
   */
  replace(
    name: string,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>;
}

/**
 * `uncertain`: no answer, or one that does not say whether it was done; worth another try. `refused`: by the store, for want of a right.
 * `no-bucket`: there is none of that name. `unsupported`: the store cannot do it, or does it otherwise than it says.
 * `rejected`: the store calls it wrong. `held`: another writer has the lease of the place, or has taken it; nothing is written any more.
 */
export type BucketFault =
  | "uncertain"
  | "refused"
  | "no-bucket"
  | "unsupported"
  | "rejected"
  | "held";

const KINDS: Readonly<Record<BucketFault, ErrorKind | undefined>> = {
  "uncertain": "unreachable",
  "refused": "refused",
  "no-bucket": "not-found",
  "unsupported": undefined,
  "rejected": undefined,
  "held": "conflict",
};

/** What a {@linkcode Bucket} throws. Its `kind` follows from its fault. */
export class BucketError extends VaultError {
  /** Always this. */
  override readonly name: string = "BucketError";
  readonly fault: BucketFault;

  constructor(
    fault: BucketFault,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    const kind = KINDS[fault];
    super(message, kind === undefined ? options : { ...options, kind });
    this.fault = fault;
  }
}

const NAME = /^[a-z0-9._-]+(?:\/[a-z0-9._-]+)*$/;
const DOTS = /(?:^|\/)\.\.?(?:\/|$)/;

/** @throws {RangeError} unless `name` may be an object's */
export function checkName(name: string): void {
  if (name.length <= MAX_NAME_LENGTH && NAME.test(name) && !DOTS.test(name)) {
    return;
  }
  throw new RangeError(`"${name}" cannot be the name of an object`);
}

/** @throws {RangeError} unless `prefix` may be the beginning of names: it may end with a slash, or be empty */
export function checkPrefix(prefix: string): void {
  if (prefix !== "") checkName(prefix.endsWith("/") ? `${prefix}x` : prefix);
}

/** @throws {RangeError} unless `range` has a byte, and no more than are read at once */
export function checkRange(range: Extent): void {
  const { offset, length } = range;
  if (
    Number.isSafeInteger(offset) && offset >= 0 && Number.isInteger(length) &&
    length > 0 && length <= MAX_READ_BYTES &&
    Number.isSafeInteger(offset + length)
  ) return;
  throw new RangeError(`${length} bytes at ${offset} are no range`);
}

/** All objects whose names begin with `prefix`, in the order of their names. */
export async function* listAll(
  bucket: Bucket,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<ObjectInfo, void, void> {
  for await (const page of listPages(bucket, prefix, startAfter)) yield* page;
}

/** The same, page by page: of very many objects, each costs a turn otherwise. */
export async function* listPages(
  bucket: Bucket,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<readonly ObjectInfo[], void, void> {
  let after = startAfter;
  for (;;) {
    const { objects, more } = await bucket.list(prefix, after);
    yield objects;
    const last = objects.at(-1);
    if (!more) return;
    // A page that is empty although there are others would be asked for for ever.
    if (last === undefined) {
      throw new BucketError(
        "unsupported",
        `The listing of "${prefix}" does not go on after "${after ?? ""}"`,
      );
    }
    after = last.name;
  }
}
