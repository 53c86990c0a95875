/**
 * The JSON documents of the state folder: what each holds, checked when it is read. A document is replaced whole, so that a crash
 * at any moment leaves the old one or the new one.
 */

import * as v from "valibot";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { readWhole, writeWhole } from "../os/file.ts";

const Time = v.pipe(v.string(), v.isoTimestamp());

/** The highest logical unit number: more would need another form of address (SAM-5 section 4.7.4). */
export const MAX_LUN = 255;

const Chap = v.object({ user: v.string(), secret: v.string() });

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Where the bytes of a volume in a bucket are, and what of them is kept here. */
export const BucketDocument = v.object({
  url: v.string(),
  endpoint: v.exactOptional(v.string()),
  region: v.exactOptional(v.string()),
  cacheBytes: Count,
  journalBytes: Count,
  prefetch: v.exactOptional(v.boolean()),
  unconditional: v.exactOptional(v.boolean()),
  upload: v.exactOptional(v.string()),
  download: v.exactOptional(v.string()),
});
export type BucketDocument = v.InferOutput<typeof BucketDocument>;

const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** `pin.json` of a volume in a bucket: how far its row of segments was known to go. */
export const PinDocument = v.object({
  version: v.literal(1),
  next: Count,
  epoch: Count,
  digest: Digest,
  claims: v.exactOptional(
    v.array(v.object({ number: Count, epoch: Count, digest: Digest })),
  ),
  /** It is of another history than what is kept beside it: that is to go, and the journal is to be called so. */
  setsAside: v.exactOptional(
    v.pipe(v.string(), v.regex(/^journal-given-up-[0-9TZ]+$/)),
  ),
});
export type PinDocument = v.InferOutput<typeof PinDocument>;

/** `node/volumes/NAME/volume.json`: what a volume is. The bytes are in `data` beside it. */
export const VolumeDocument = v.object({
  version: v.literal(1),
  name: v.string(),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  blockSizeBytes: v.picklist([512, 4096]),
  readOnly: v.boolean(),
  /** Initiators can eject the medium and load it again. */
  removable: v.exactOptional(v.boolean()),
  serial: v.string(),
  naa: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  /** The volume whose target it is behind, and where there. Without, it is LUN 0 of a target of its own, whose CHAP its own is. */
  behind: v.exactOptional(v.object({
    target: v.string(),
    lun: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(MAX_LUN),
    ),
  })),
  /** Its bytes are in a bucket, and not in a file `data`. */
  bucket: v.exactOptional(BucketDocument),
  /** Of one in a bucket that is being restored, or given its bucket's history: how large it is if that has happened. */
  restoring: v.exactOptional(Count),
  createdAt: Time,
  chap: v.object({ users: v.array(Chap), mutual: v.exactOptional(Chap) }),
});
export type VolumeDocument = v.InferOutput<typeof VolumeDocument>;

/** The document of a volume whose restore has happened or will not: it is so large. */
export function restoreOver(
  { restoring: _, ...document }: VolumeDocument,
  sizeBytes: number,
): VolumeDocument {
  return { ...document, sizeBytes };
}

/** `node/volumes/NAME/snapshots/SNAPSHOT/snapshot.json`: a volume as it was. The bytes are in `data` beside it. */
export const SnapshotDocument = v.object({
  version: v.literal(1),
  name: v.string(),
  createdAt: Time,
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  blockSizeBytes: v.picklist([512, 4096]),
});
export type SnapshotDocument = v.InferOutput<typeof SnapshotDocument>;

/** A certificate and its private key: `node/ca.json`. */
export const AuthorityDocument = v.object({
  version: v.literal(1),
  certificatePem: v.string(),
  keyPem: v.string(),
});

/** What the node is: `node/identity.json`. */
export const IdentityDocument = v.object({
  ...AuthorityDocument.entries,
  nodeId: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  caPem: v.string(),
});

const Certificate = {
  fingerprint: v.string(),
  serial: v.string(),
  expiresAt: Time,
};

/** `node/registry.json`: enrolled devices and open invitations, in one document because a join changes both. */
export const RegistryDocument = v.object({
  version: v.literal(1),
  /** HOST:PORT that the node listens on, as the last `serve` said, and that invitations name unless told otherwise. */
  listen: v.exactOptional(v.string()),
  devices: v.array(v.object({
    ...Certificate,
    name: v.string(),
    enrolledAt: Time,
    revokedAt: v.exactOptional(Time),
    successor: v.exactOptional(v.object(Certificate)),
  })),
  invitations: v.array(v.object({
    id: v.string(),
    name: v.string(),
    createdAt: Time,
    expiresAt: Time,
    verifierPem: v.string(),
    attempts: v.number(),
    notBefore: v.exactOptional(Time),
  })),
});

/** Reads a document, or undefined where there is none. @throws {VaultError} where it is damaged */
export function readDocument<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
): T | undefined {
  const bytes = readWhole(path);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes) ?? "");
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  const result = v.safeParse(schema, value);
  if (!result.success) throw damaged(path, v.summarize(result.issues));
  return result.output;
}

/** Replaces the document; on stable storage when it returns. */
export function writeDocument(path: string, value: unknown): void {
  writeWhole(path, utf8(JSON.stringify(value, undefined, 2) + "\n"));
}

function damaged(path: string, why: string, cause?: unknown): VaultError {
  return new VaultError(`Cannot use ${path}: ${why}`, {
    hint:
      "vault writes this file whole or not at all, so it was changed from outside. Put it back from a copy.",
    cause,
  });
}
