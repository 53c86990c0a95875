/** Volumes in a bucket that are read back and proved: what is asked for, how far it is, and what was found. */

/** An object of a bucket that is not what was written, and what that does to the volume. */
export interface DamageInfo {
  /** "segment", "checkpoint", "superblock", "snapshot" or "mark". */
  readonly kind: string;
  /** Counted for each kind by itself. */
  readonly number: number;
  /** What it is called in the bucket, behind the prefix. */
  readonly name: string;
  /** What that prefix is where it is another volume's, which this one is a clone of. */
  readonly prefix?: string;
  /** What is wrong with it. */
  readonly why: string;
  /** The volume cannot be opened as long as it is so. */
  readonly closes: boolean;
  /** What of the volume cannot be read, in bytes; nothing where nothing of it lies there any more. */
  readonly extents: readonly {
    readonly offset: number;
    readonly length: number;
  }[];
  /** How many further ones there are, which are not told. */
  readonly moreExtents: number;
  /** Names of snapshots that need it: they cannot be read, or not all of them. */
  readonly snapshots: readonly string[];
}

/** What was found. */
export interface VerifyResult {
  /** Those in the bucket. */
  readonly segments: number;
  /** Those of them that belong to volumes that this one is a clone of. Absent where there are none. */
  readonly inherited?: number;
  /** Superblock, checkpoints and their marks, snapshots. */
  readonly others: number;
  /** What all of these take. */
  readonly bytes: number;
  /** When the last of it was written, by the clock of who wrote it. Absent where nothing ever was. */
  readonly stateOf?: string;
  /** Objects that are damaged or missing; none where all is what was written. */
  readonly damages: readonly DamageInfo[];
  /** How many further ones there are, which are not told. */
  readonly moreDamages: number;
  /** Epochs whose claims are missing: a node that slept since then might not find out that it has lost the volume. */
  readonly missingClaims: readonly number[];
}

/** A volume that is being read back. */
export interface VerifyWork {
  /** The volume's name. */
  readonly volume: string;
  /** Whether it goes on where an earlier one was cut off. */
  readonly resumed: boolean;
  /** How much has been read back. */
  readonly doneBytes: number;
  /** How much there is; 0 until that is known. */
  readonly totalBytes: number;
  /** Once it has come to its end. */
  readonly result?: VerifyResult;
}

/** What can be asked of a node about it. */
export interface VerifyOperations {
  /**
   * Begins to read a volume in a bucket back, or goes on where one was cut off; where it is under way, that is told. Neither writers nor other
   * changes of the node wait for it, and it keeps to the volume's download limit.
   */
  verifyVolume(volume: string): Promise<VerifyWork>;
  /** How far the volume's last `verifyVolume` is; rejects with what has ended it before it was done. */
  verifyWork(volume: string): Promise<VerifyWork>;
}
