/** Volumes as they were: what is told of snapshots, and of their making. */

/** A volume as it was at one moment. */
export interface SnapshotInfo {
  /** The volume's name. */
  readonly volume: string;
  /** 1 to 63 lower-case letters, digits and hyphens; the volume has no other of that name. */
  readonly name: string;
  /** The moment. */
  readonly createdAt: string;
  /** How large the volume was. */
  readonly sizeBytes: number;
  /** The volume's logical block. */
  readonly blockSizeBytes: 512 | 4096;
  /** What it occupies on the medium; what it shares with the volume or with other snapshots counts in each of them. */
  readonly allocatedBytes: number;
  /** What clones of it were called that it stays for, where it is in a bucket. Absent where there are none. */
  readonly clones?: readonly string[];
}

/** A snapshot that is being made, or put back. */
export interface SnapshotWork {
  /** Whether the snapshot is made, or takes the place of the volume's bytes. */
  readonly kind: "create" | "restore";
  /** The volume's name. */
  readonly volume: string;
  /** The snapshot's name. */
  readonly snapshot: string;
  /**
   * "reflink" shares the bytes, which takes no time and no room; "copy" takes both, because the file system cannot share. "upload" waits
   * until a volume's bucket has what was written, and shares there.
   */
  readonly by: "reflink" | "copy" | "upload";
  /** How much of the volume has been looked at, or was uploaded. */
  readonly copiedBytes: number;
  /** How much there is, or what was not uploaded when it began. */
  readonly totalBytes: number;
  /** Whether it has come to its end, and counts. */
  readonly done: boolean;
}
