/** What is said of an object at its very beginning, in bytes of a fixed length (FORMAT.md section 3). */

import {
  equalBytes,
  putU16,
  putU32,
  putU64,
  u16,
  u32,
  u64,
} from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import { MAX_ANCESTORS_BYTES } from "./ancestor.ts";
import { type ObjectIdentity, ObjectKind } from "./keys.ts";
import { broken, FORMAT_VERSION } from "./part_seals.ts";

export const DIGEST_BYTES = 32;
export const PREAMBLE_BYTES = 96;

/** The most that an object of a kind may hold, in bytes. */
export const LIMITS: Readonly<
  Record<
    ObjectKind,
    { readonly tableBytes: number; readonly dataBytes: number }
  >
> = {
  segment: { tableBytes: 2 ** 20, dataBytes: 2 ** 25 },
  checkpoint: { tableBytes: 1024, dataBytes: 240 * 2 ** 20 },
  superblock: { tableBytes: 1024 + MAX_ANCESTORS_BYTES, dataBytes: 0 },
  snapshot: { tableBytes: 1024, dataBytes: 0 },
  mark: { tableBytes: 1024, dataBytes: 0 },
};

/** What is said of an object beside its table and data. */
export interface Provenance {
  /** Of the writer: a later writer's is higher. */
  readonly epoch: number;
  /** When it was sealed, by the writer's clock: for people. */
  readonly timeMs: number;
  /** The digest of the object before it, {@linkcode DIGEST_BYTES}. */
  readonly previous: Uint8Array;
}

/** How long the parts are that follow. */
export interface Lengths {
  readonly tableBytes: number;
  readonly dataBytes: number;
}

/** version 2 | kind 1 | 0 1 | table's length 4 | volume 16 | number 8 | epoch 8 | time 8 | previous 32 | data's length 8 | 0 8 */
export function encodePreamble(
  identity: ObjectIdentity,
  said: Provenance & Lengths,
): Uint8Array {
  const { tableBytes, dataBytes, epoch, timeMs, previous } = said;
  invariant(previous.length === DIGEST_BYTES, "a digest of another length");
  const preamble = new Uint8Array(PREAMBLE_BYTES);
  putU16(preamble, 0, FORMAT_VERSION);
  preamble[2] = ObjectKind[identity.kind];
  putU32(preamble, 4, tableBytes);
  preamble.set(identity.volumeId, 8);
  putU64(preamble, 24, identity.number);
  putU64(preamble, 32, epoch);
  putU64(preamble, 40, timeMs);
  preamble.set(previous, 48);
  putU64(preamble, 80, dataBytes);
  return preamble;
}

/** Of bytes that their key has proved: what does not fit was written by a writer that is wrong. */
export function decodePreamble(
  preamble: Uint8Array,
  identity: ObjectIdentity,
): Lengths & { readonly provenance: Provenance } {
  const [version, tableBytes] = [u16(preamble, 0), u32(preamble, 4)];
  const dataBytes = u64(preamble, 80);
  if (version !== FORMAT_VERSION) {
    throw broken(identity, `its format is ${version}`);
  }
  const same = preamble[2] === ObjectKind[identity.kind] &&
    equalBytes(preamble.subarray(8, 24), identity.volumeId) &&
    u64(preamble, 24) === identity.number;
  if (!same) throw broken(identity, "it says that it is another");
  const limits = LIMITS[identity.kind];
  if (tableBytes > limits.tableBytes || dataBytes > limits.dataBytes) {
    throw broken(identity, "it says that it is longer than it may be");
  }
  const provenance: Provenance = {
    epoch: u64(preamble, 32),
    timeMs: u64(preamble, 40),
    previous: preamble.slice(48, 48 + DIGEST_BYTES),
  };
  return { tableBytes, dataBytes, provenance };
}
