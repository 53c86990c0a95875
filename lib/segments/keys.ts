/**
 * The keys of a volume, all made from its one secret, and the names of its objects (FORMAT.md sections 1 and 2).
 */

import { concat, fromHex, putU64, toHex, u64, utf8 } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import {
  type Aead,
  BLOCK_BYTES,
  type Permutation,
  type Primitives,
} from "../base/primitives.ts";

export const VOLUME_KEY_BYTES = 32;
export const VOLUME_ID_BYTES = 16;
export const SALT_BYTES = 32;
/** Enough to know a wrong key by, and nothing to find the key by. */
export const KEY_CHECK_BYTES = 16;
/** Numbers of objects stay below. */
export const MAX_NUMBER = 2 ** 48;

/** What an object is. The numbers are part of the format. */
export const ObjectKind = {
  segment: 1,
  superblock: 2,
  checkpoint: 3,
  snapshot: 4,
  mark: 5,
} as const;
export type ObjectKind = keyof typeof ObjectKind;

/** Which of the volume's keys seals what. */
const SEALED_UNDER: Readonly<Record<ObjectKind, string>> = {
  segment: "segments",
  checkpoint: "checkpoints",
  superblock: "heads",
  snapshot: "heads",
  mark: "heads",
};

/** Where names lie: segments, marks, and everything else, of which there is little. */
export const SEGMENT_FOLDER = "d/";
export const MARK_FOLDER = "k/";
export const SMALL_FOLDER = "m/";
export const FOLDERS = [SMALL_FOLDER, MARK_FOLDER, SEGMENT_FOLDER] as const;

/** What an object is, where it belongs. */
export interface ObjectIdentity {
  readonly kind: ObjectKind;
  /** {@linkcode VOLUME_ID_BYTES}; zeros for the superblock, which tells it. */
  readonly volumeId: Uint8Array;
  /** Counted for each kind by itself. */
  readonly number: number;
}

const KINDS = Object.keys(ObjectKind) as ObjectKind[];

/** What it takes to find, read and prove the segments of a volume; nothing else of it can be read by that. */
export interface SegmentKeys {
  /** {@linkcode VOLUME_KEY_BYTES}, as the others. */
  readonly names: Uint8Array;
  readonly segments: Uint8Array;
}

export class VolumeKeys {
  readonly primitives: Primitives;
  /** The same for the same key, and of no use to whoever wants the key. */
  readonly check: Uint8Array;
  /** For whoever is to read the segments alone. */
  readonly ofSegments: SegmentKeys;
  readonly #names: Permutation;
  readonly #seals = new Map<ObjectKind, Uint8Array>();

  /** Those of a volume, or what of them somebody was given. */
  constructor(primitives: Primitives, secret: Uint8Array | SegmentKeys) {
    this.primitives = primitives;
    if (!(secret instanceof Uint8Array)) {
      this.ofSegments = secret;
      this.check = new Uint8Array(0);
      this.#names = primitives.permutation(secret.names);
      this.#seals.set("segment", secret.segments);
      return;
    }
    const volumeKey = secret;
    invariant(volumeKey.length === VOLUME_KEY_BYTES, "a key of another length");
    const derive = (label: string, length = VOLUME_KEY_BYTES) =>
      primitives.hkdf(
        volumeKey,
        new Uint8Array(0),
        utf8(`vault/1 volume ${label}`),
        length,
      );
    this.check = derive("check", KEY_CHECK_BYTES);
    for (const kind of KINDS) {
      this.#seals.set(kind, derive(SEALED_UNDER[kind]));
    }
    const segments = this.#seals.get("segment")!;
    this.ofSegments = { names: derive("names"), segments };
    this.#names = primitives.permutation(this.ofSegments.names);
  }

  /** The cipher of one object: of one attempt to write it, for each has a salt of its own. */
  aead(identity: ObjectIdentity, salt: Uint8Array): Aead {
    const { kind, volumeId, number } = identity;
    const place = new Uint8Array(9);
    place[0] = ObjectKind[kind];
    putU64(place, 1, number);
    const info = concat([utf8("vault/1 object"), volumeId, place]);
    const key = this.#seals.get(kind);
    invariant(key, `a ${kind} of whom the segments alone may be read`);
    return this.primitives.aead(
      this.primitives.hkdf(key, salt, info, VOLUME_KEY_BYTES),
    );
  }

  /** The name under which an object lies. */
  nameOf(kind: ObjectKind, number: number): string {
    checkNumber(number);
    const block = new Uint8Array(BLOCK_BYTES);
    block[0] = ObjectKind[kind];
    putU64(block, 8, number);
    return folderOf(kind) + toHex(this.#names.forward(block));
  }

  /** What lies under `name`, or undefined where it is no name of this volume. */
  parseName(name: string): { kind: ObjectKind; number: number } | undefined {
    const match = /^([dkm]\/)([0-9a-f]{32})$/.exec(name);
    const hidden = match && fromHex(match[2]!);
    if (!hidden) return undefined;
    const block = this.#names.backward(hidden);
    const kind = KINDS.find((kind) => ObjectKind[kind] === block[0]);
    const number = u64(block, 8);
    const ours = kind !== undefined && folderOf(kind) === match[1] &&
      block.subarray(1, 8).every((byte) => byte === 0) && number < MAX_NUMBER;
    return ours ? { kind, number } : undefined;
  }
}

/** @throws {RangeError} unless `number` may be an object's */
export function checkNumber(number: number): void {
  if (Number.isInteger(number) && number >= 0 && number < MAX_NUMBER) return;
  throw new RangeError(`No object has the number ${number}`);
}

function folderOf(kind: ObjectKind): string {
  if (kind === "segment") return SEGMENT_FOLDER;
  return kind === "mark" ? MARK_FOLDER : SMALL_FOLDER;
}
