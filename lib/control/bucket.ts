/** Volumes in a bucket of an S3 store: what is asked for, and how they are, as people are told. */

/** Where a volume's bytes are to be, and what of them is on this machine. */
export interface BucketSpec {
  /** `s3://BUCKET` or `s3://BUCKET/PREFIX`. */
  readonly url: string;
  /** URL of a store other than Amazon's. */
  readonly endpoint?: string;
  /** What the SDK finds in its surroundings unless given. */
  readonly region?: string;
  /** How much of what was read or written lately is kept on the local disk. */
  readonly cacheBytes: number;
  /** How much may wait on the local disk to be uploaded. */
  readonly journalBytes: number;
  /** All of the volume is brought into the cache, as far as that has room. */
  readonly prefetch?: boolean;
  /** The store keeps no If-None-Match: a lease object keeps a second writer off, within limits. */
  readonly unconditional?: boolean;
  /** How fast it may upload at which time: `1M`, `20Mbit/s`, `08:00,1M 19:00,10M`. As fast as it goes unless given. */
  readonly upload?: string;
  /** The same for what is fetched. */
  readonly download?: string;
}

/** What is changed of it later; the rest stays. */
export type BucketChange = Partial<
  Pick<BucketSpec, "cacheBytes" | "prefetch" | "upload" | "download">
>;

/** A volume's key: itself as it stands in a key file, or the absolute path of one. */
export type KeySpec = { readonly line: string } | { readonly file: string };

/** What is asked for when a volume is made in a bucket, or is found there. */
export interface NewBucket extends BucketSpec {
  /** Whoever has it has the volume. It is told to nobody. */
  readonly key: KeySpec;
}

/** What a clone is to be made of, and what it is called. */
export interface CloneSpec {
  /** A volume in a bucket, which is served. */
  readonly source: string;
  /** One of its snapshots. */
  readonly snapshot: string;
  /** As of any volume. */
  readonly name: string;
}

/** How a volume in a bucket is. What is optional is there only while it is served. */
export interface BucketInfo extends BucketSpec {
  /** Bytes that are on this machine alone: what is lost with it. */
  readonly pendingBytes?: number;
  /** When the first of them was written; of those from before it was served, since when it is. Absent where there are none. */
  readonly pendingSince?: string;
  /** When the bucket will have them all at the rate of now. Absent where nobody can know. */
  readonly uploadedAround?: string;
  /** Why nothing is uploaded at the moment, writers have to wait, or something else of it cannot be done. Absent where all is well. */
  readonly trouble?: string;
  /** To the bucket, since it is served. */
  readonly uploadedBytes?: number;
  /** From the bucket, since it is served. */
  readonly fetchedBytes?: number;
  /** Requests to the store since it is served, each try counted. */
  readonly storeRequests?: number;
  /** Those of them that failed; most are tried again. */
  readonly storeErrors?: number;
  /** Requests that the store is answering now. */
  readonly transfers?: number;
  /** Those that wait for their turn, or for a limit of rate. */
  readonly transfersWaiting?: number;
  /** What the journal takes on this machine's disk, with what is uploaded already. */
  readonly journaledBytes?: number;
  /** What of the cache is in use. */
  readonly cachedBytes?: number;
  /** How much of what is in the volume was found in the cache or brought there. Absent without `prefetch`. */
  readonly prefetchedBytes?: number;
  /** Why not all of it will be. Absent where it is, or is about to be. */
  readonly notPrefetched?: string;
  /** The share of reads that found what they wanted in the cache, since it is served. Absent where there were none. */
  readonly cacheHits?: number;
  /** How often the cache had what it was asked for, and how often not, since it is served. */
  readonly cacheUses?: { readonly hits: number; readonly misses: number };
  /** What the volume takes in the bucket, with what is to be deleted. */
  readonly objectBytes?: number;
  /** What of that is in the volume still. */
  readonly liveBytes?: number;
  /** Of a clone: where the volume lies that it was made of. */
  readonly clonedFrom?: string;
  /** Of a clone: what of `liveBytes` it reads from there, and from where that one reads. It takes nothing of its own. */
  readonly inheritedBytes?: number;
  /** What was written again so that the rest of where it was could be deleted, since it is served. */
  readonly movedBytes?: number;
}

/** A volume that was found in a bucket. */
export interface Recovery {
  /** When the last of what is in the bucket was written, by the clock of who wrote it. Absent where nothing ever was. */
  readonly stateOf?: string;
  /** How much is in the volume, without holes. */
  readonly liveBytes: number;
  /** Why it is not all that was in the bucket: something was missing or damaged, and what came then was given up. Absent where nothing was. */
  readonly cut?: string;
}

/** A volume that was taken as its bucket shows it, and what was given up for that. */
export interface Rollback extends Recovery {
  /** What the journal takes that had not been uploaded. */
  readonly givenUpBytes: number;
  /** The folder on the node's machine that keeps that journal; nothing reads it any more. Absent where there was nothing in it. */
  readonly keptIn?: string;
}
