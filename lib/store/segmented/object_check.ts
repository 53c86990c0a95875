/**
 * One object of a bucket, read back and proved to its last byte: its head, every chunk, every tag, and that nothing follows its end.
 *
 * It is read in parts, so that an object of any length takes the memory of one part, and others have their turn in between.
 */

import { concat, equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { AEAD_TAG_BYTES } from "../../base/primitives.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import type { ObjectIdentity, VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  chunkCount,
  chunkExtent,
  ChunkOpener,
  type Head,
  openHead,
} from "../../segments/sealed.ts";
import { FIRST_READ_BYTES } from "../../segments/segment.ts";
import { MAX_FETCH_CHUNKS } from "./segment_reader.ts";

export interface ObjectCheckOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly clock: Clock;
}

/** What is wrong with an object: with that chunk of it, or with all of it. */
export interface Fault {
  readonly why: string;
  readonly chunk?: number;
}

export interface CheckedObject {
  /** Undefined where it does not prove itself. */
  readonly head: Head | undefined;
  /** Nothing: it is what was written. */
  readonly faults: readonly Fault[];
  /** Where it was asked for, and nothing is wrong. */
  readonly data: Uint8Array | undefined;
}

const LONGER: Fault = { why: "it is longer than it was" };

/** Reads all of it; undefined where there is none. @throws {BucketError} */
export async function checkObject(
  { bucket, keys, clock }: ObjectCheckOptions,
  asked: {
    readonly identity: ObjectIdentity;
    readonly wantsData?: boolean;
    /** Told of the bytes that have come, as they come. */
    readonly read?: (bytes: number) => void;
  },
): Promise<CheckedObject | undefined> {
  const { identity, wantsData = false, read = () => {} } = asked;
  const name = keys.nameOf(identity.kind, identity.number);
  const get = async (offset: number, length: number) => {
    const bytes = await bucket.get(name, { offset, length });
    read(bytes?.length ?? 0);
    await clock.sleep(0);
    return bytes;
  };
  const bytes = await get(0, FIRST_READ_BYTES);
  if (!bytes) return undefined;
  const isWhole = bytes.length < FIRST_READ_BYTES;
  const head = await provenHead({ keys, get }, { identity, bytes, isWhole });
  if (!head || "why" in head) {
    return head && { head: undefined, faults: [head], data: undefined };
  }
  // One byte more than there should be is asked for, so that a longer one is seen.
  const part = (offset: number, end: number) =>
    isWhole
      ? Promise.resolve(bytes.subarray(offset, end))
      : get(offset, end - offset);
  const faults: Fault[] = [];
  const texts: Uint8Array[] = [];
  const opener = new ChunkOpener(keys, { identity, place: head });
  const count = chunkCount(head.dataBytes);
  for (let chunk = 0; chunk < count; chunk += MAX_FETCH_CHUNKS) {
    const last = Math.min(count, chunk + MAX_FETCH_CHUNKS) - 1;
    const { offset } = chunkExtent(head, chunk);
    const end = last === count - 1 ? head.objectBytes + 1 : endOf(head, last);
    const sealed = await part(offset, end);
    if (!sealed) return undefined;
    if (sealed.length > head.objectBytes - offset) faults.push(LONGER);
    for (let index = chunk; index <= last; index++) {
      const { offset: at, length } = chunkExtent(head, index);
      const one = sealed.subarray(at - offset, at - offset + length);
      const opened = openChunk({ opener, head, index }, one);
      if ("why" in opened) faults.push(opened);
      else if (wantsData) texts.push(opened.text);
    }
  }
  if (count === 0) {
    const behind = await part(head.objectBytes, head.objectBytes + 1);
    if (!behind) return undefined;
    if (behind.length > 0) faults.push(LONGER);
  }
  const intact = faults.length === 0;
  const data = wantsData && intact ? concat(texts) : undefined;
  return { head, faults, data };
}

/** The head, or what is wrong with it; undefined where the object has gone. */
async function provenHead(
  { keys, get }: {
    readonly keys: VolumeKeys;
    readonly get: (
      offset: number,
      length: number,
    ) => Promise<Uint8Array | undefined>;
  },
  { identity, bytes, isWhole }: {
    readonly identity: ObjectIdentity;
    readonly bytes: Uint8Array;
    readonly isWhole: boolean;
  },
): Promise<Head | Fault | undefined> {
  try {
    const first = openHead(keys, { identity, bytes });
    if (!("needsBytes" in first)) return first;
    if (isWhole) return { why: "it is cut off" };
    const more = await get(0, first.needsBytes);
    const opened = more && openHead(keys, { identity, bytes: more });
    return opened && "needsBytes" in opened ? { why: "it is cut off" } : opened;
  } catch (thrown) {
    return { why: whyOf(thrown) };
  }
}

function openChunk(
  { opener, head, index }: {
    readonly opener: ChunkOpener;
    readonly head: Head;
    readonly index: number;
  },
  sealed: Uint8Array,
): { readonly text: Uint8Array } | Fault {
  try {
    const text = opener.open(index, sealed);
    const tag = sealed.subarray(sealed.length - AEAD_TAG_BYTES);
    const at = index * AEAD_TAG_BYTES;
    if (equalBytes(tag, head.tags.subarray(at, at + AEAD_TAG_BYTES))) {
      return { text };
    }
    return { why: `chunk ${index} is not that of the table`, chunk: index };
  } catch (thrown) {
    return { why: whyOf(thrown), chunk: index };
  }
}

/** The reason alone: which object it is stands beside it. @throws what is no {@linkcode SealError} */
export function whyOf(thrown: unknown): string {
  if (!(thrown instanceof SealError)) throw thrown;
  const { message } = thrown;
  return message.split(" is not what was written: ").at(-1) ?? message;
}

function endOf(head: Head, chunk: number): number {
  const { offset, length } = chunkExtent(head, chunk);
  return offset + length;
}
