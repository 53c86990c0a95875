/**
 * The golden vectors of `lib/segments/vectors.json`: computed from the inputs in that file and from nothing else.
 *
 *     deno run -A lib/segments/testing/vectors.ts     writes the outputs again after a change of the format
 *
 * All bytes are hexadecimal.
 */

import { fromHex, toHex, utf8 } from "../../base/bytes.ts";
import type { Primitives } from "../../base/primitives.ts";
import { systemPrimitives } from "../../os/primitives.ts";
import { encodeCheckpoint, type MapExtent } from "../checkpoint.ts";
import { type ObjectKind, VolumeKeys } from "../keys.ts";
import { encodeSegment, type SegmentExtent } from "../segment.ts";
import { encodeSnapshot } from "../snapshot.ts";
import { encodeSuperblock } from "../superblock.ts";
import { lockKey, recoveryLines, renderKey } from "../volume_key.ts";

export interface VectorInputs {
  readonly volumeKey: string;
  readonly volumeId: string;
  readonly salt: string;
  readonly passphrase: string;
  readonly lockSalt: string;
  readonly epoch: number;
  readonly timeMs: number;
  readonly names: readonly { kind: ObjectKind; number: number }[];
  readonly segment: {
    readonly number: number;
    readonly previous: string;
    readonly extents: readonly SegmentExtent[];
    /** The data counts up from 0, over and over. */
    readonly dataBytes: number;
  };
  readonly checkpoint: {
    readonly number: number;
    readonly volumeBytes: number;
    readonly nextSegment: number;
    readonly liveBytes: number;
    readonly snapshots: readonly number[];
    readonly extents: readonly MapExtent[];
  };
  /** What a segment tells of a journal that follows the other, and a checkpoint that follows that. */
  readonly drained: {
    readonly number: number;
    readonly journal: string;
    readonly last: number;
  };
  readonly superblock: {
    readonly volumeBytes: number;
    readonly blockSizeBytes: number;
    readonly segmentBytes: number;
  };
  /** Of the checkpoint, and so of its number. */
  readonly snapshot: { readonly name: string };
  /** A segment that follows the other, with a note of the snapshot. */
  readonly note: {
    readonly number: number;
    readonly kind: "kept" | "released" | "restored";
  };
  /** A clone of the snapshot. */
  readonly clone: {
    readonly volumeId: string;
    readonly name: string;
    readonly prefix: string;
    readonly superblock: string;
    /** The segment that tells of it. */
    readonly noteNumber: number;
    /** Of the clone. The volume's own keys are those of its last one. */
    readonly ancestors: readonly {
      readonly prefix: string;
      readonly volumeId: string;
      readonly base: number;
    }[];
  };
}

export interface Vectors {
  readonly inputs: VectorInputs;
  readonly outputs: Awaited<ReturnType<typeof computed>>;
}

export const hex = (text: string): Uint8Array => fromHex(text)!;

/** Primitives whose chance is always the same. */
export function withRandom(bytes: string): Primitives {
  return {
    ...systemPrimitives,
    random: (length) => {
      if (2 * length !== bytes.length) throw new Error(`${length} bytes?`);
      return fromHex(bytes)!;
    },
  };
}

export function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

/** All that the inputs make. */
export async function computed(inputs: VectorInputs) {
  const { volumeKey, salt, epoch, timeMs } = inputs;
  const key = hex(volumeKey);
  const volumeId = hex(inputs.volumeId);
  const keys = new VolumeKeys(withRandom(salt), key);
  const common = { volumeId, epoch, timeMs };
  const { dataBytes, previous, ...segment } = inputs.segment;
  const sealed = encodeSegment(keys, {
    ...common,
    ...segment,
    previous: hex(previous),
    data: [counting(dataBytes)],
  });
  const { liveBytes, ...map } = inputs.checkpoint;
  const { number } = segment;
  const checkpoint = encodeCheckpoint(keys, {
    ...common,
    ...map,
    previous: sealed.head.digest,
    segments: [{ ...sealed.head, number, liveBytes }],
  });
  const { number: drainedNumber, last, journal } = inputs.drained;
  const drained = { journal: hex(journal), last };
  const telling = encodeSegment(keys, {
    ...{ ...common, number: drainedNumber, previous: sealed.head.digest },
    ...{
      extents: [{ kind: "zero", sector: 0, sectors: 8 }],
      data: [],
      drained,
    },
  });
  const toldCheckpoint = encodeCheckpoint(keys, {
    ...{ ...common, ...map, previous: telling.head.digest, segments: [] },
    ...{ extents: [], drained },
  });
  const snapshot = encodeSnapshot(keys, {
    ...common,
    ...inputs.snapshot,
    number: map.number,
    checkpointDigest: checkpoint.head.digest,
    ...{ volumeBytes: map.volumeBytes, liveBytes },
  });
  const { digest } = checkpoint.head;
  const { bytes: note } = encodeSegment(keys, {
    ...{ ...common, number: inputs.note.number, extents: [], data: [] },
    previous: sealed.head.digest,
    note: { kind: inputs.note.kind, snapshot: map.number, digest },
  });
  const { noteNumber, ancestors, ...its } = inputs.clone;
  const clone = { ...its, volumeId: hex(its.volumeId) };
  const { bytes: clonedNote } = encodeSegment(keys, {
    ...{ ...common, number: noteNumber, extents: [], data: [] },
    previous: sealed.head.digest,
    note: { kind: "cloned", snapshot: map.number, digest, clone },
  });
  const cloned = encodeCheckpoint(keys, {
    ...{ ...common, ...map, previous: sealed.head.digest, segments: [] },
    ...{ extents: [], clones: [{ snapshot: map.number, clone }] },
  });
  const locked = await lockKey(withRandom(inputs.lockSalt), {
    key,
    passphrase: inputs.passphrase,
  });
  return {
    keyFile: renderKey(systemPrimitives, key),
    lockedKeyFile: locked,
    recoveryLines: recoveryLines(systemPrimitives, key),
    keyCheck: toHex(keys.check),
    names: inputs.names.map(({ kind, number }) => keys.nameOf(kind, number)),
    segment: toHex(sealed.bytes),
    segmentDigest: toHex(sealed.head.digest),
    checkpoint: toHex(checkpoint.bytes),
    checkpointDigest: toHex(checkpoint.head.digest),
    drainedSegment: toHex(telling.bytes),
    drainedCheckpoint: toHex(toldCheckpoint.bytes),
    superblock: toHex(
      encodeSuperblock(keys, { ...common, ...inputs.superblock }),
    ),
    snapshot: toHex(snapshot),
    note: toHex(note),
    segmentKeys: {
      names: toHex(keys.ofSegments.names),
      segments: toHex(keys.ofSegments.segments),
    },
    clonedNote: toHex(clonedNote),
    clonedCheckpoint: toHex(cloned.bytes),
    cloneSuperblock: toHex(
      encodeSuperblock(keys, {
        ...{ ...common, ...inputs.superblock, volumeId: clone.volumeId },
        ancestors: ancestors.map((one) => ({
          ...{ ...one, volumeId: hex(one.volumeId), keys: keys.ofSegments },
        })),
      }),
    ),
  };
}

const file = new URL("../vectors.json", import.meta.url);

export function readVectors(): Vectors {
  return JSON.parse(Deno.readTextFileSync(file));
}

if (import.meta.main) {
  const { inputs } = readVectors();
  const outputs = await computed(inputs);
  const text = JSON.stringify({ inputs, outputs }, null, 2);
  Deno.writeFileSync(file, utf8(`${text}\n`));
}
