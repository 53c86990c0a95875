/**
 * What a person can ask of a node or of an attachment. The daemons answer it over their control sockets; a node that does not
 * run answers the same from its state folder. Everything here is plain JSON; times are ISO 8601 in UTC, sizes and rates bytes.
 */

import type {
  BucketChange,
  BucketInfo,
  BucketSpec,
  CloneSpec,
  KeySpec,
  NewBucket,
  Recovery,
  Rollback,
} from "./bucket.ts";
import type {
  Detachment,
  ForwardedInfo,
  HolderInfo,
  HoldInfo,
} from "./holding.ts";
import type { SnapshotInfo, SnapshotWork } from "./snapshots.ts";
import type { VerifyOperations } from "./verification.ts";

export type { BucketChange, Rollback };
export type { BucketInfo, BucketSpec, CloneSpec, KeySpec, NewBucket, Recovery };
export type { SnapshotInfo, SnapshotWork };
export type * from "./verification.ts";
export type { Detachment, ForwardedInfo, HolderInfo, HoldInfo };

/** What is asked for when a volume is made. */
export interface VolumeSpec {
  /** 1 to 63 lower-case letters, digits and hyphens; it ends the volume's target name. */
  readonly name: string;
  /** A multiple of `blockSizeBytes`, at least one block. */
  readonly sizeBytes: number;
  /** The logical block, which initiators read and write whole. 512 suits all of them. */
  readonly blockSizeBytes: 512 | 4096;
  /** Nobody may write to it, whoever attaches it. */
  readonly readOnly: boolean;
  /** Initiators can eject the medium and load it again, like that of a card reader. It is in when it is served. */
  readonly removable?: boolean;
  /** The volume whose target it is put behind, as another logical unit; a target of its own unless given. */
  readonly target?: string;
  /** Its logical unit number there, 1 to 255; the next free one unless given. Goes with `target`. */
  readonly lun?: number;
}

/** A volume as it is. Where its own document is damaged, sizes are 0 and texts are empty: its name is known, what it takes, and its health. */
export interface VolumeInfo extends VolumeSpec {
  /** The volume whose target it is behind: itself, or another. */
  readonly target: string;
  /** Its logical unit number there; 0 in a target of its own. */
  readonly lun: number;
  /** iSCSI name of that target. */
  readonly iqn: string;
  /** Unit serial number, VPD page 80h. */
  readonly serial: string;
  /** NAA designator, VPD page 83h, 16 hexadecimal digits. */
  readonly naa: string;
  /** What it occupies on the medium: volumes are thin. */
  readonly allocatedBytes: number;
  /** When it was made. */
  readonly createdAt: string;
  /** "ok", or that it has no room, takes no more writes or is not served, and why. */
  readonly health: string;
  /** CHAP users of its target, never their secrets. Empty: no CHAP is asked. */
  readonly chapUsers: readonly string[];
  /** The name under which the target answers mutual CHAP. */
  readonly chapMutualUser?: string;
  /** Who holds its target, and all that is behind it. */
  readonly holders: readonly HolderInfo[];
  /** Of one whose bytes are in a bucket. */
  readonly bucket?: BucketInfo;
}

/** A device that was enrolled, revoked ones among them. */
export interface DeviceInfo {
  /** The name that it was invited under. */
  readonly name: string;
  /** SHA-256 of the certificate in lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** When it joined. */
  readonly enrolledAt: string;
  /** When its certificate runs out. */
  readonly expiresAt: string;
  /** When it was revoked; absent where it was not. */
  readonly revokedAt?: string;
  /** Links open now; absent where the node does not run. */
  readonly links?: number;
}

/** An invitation that is open: its code lets one device join yet. */
export interface InvitationInfo {
  /** The name that the device will have. */
  readonly name: string;
  /** When the code was made. */
  readonly invitedAt: string;
  /** From when on it is worth nothing. */
  readonly expiresAt: string;
  /** How often somebody has tried it without its secret. */
  readonly failedAttempts: number;
}

/** What was shut out under a name: the device, the invitation, or both. */
export interface Revocation {
  /** The device, revoked now. */
  readonly device?: DeviceInfo;
  /** The invitation, withdrawn now: its code is worth nothing any more. */
  readonly invitation?: InvitationInfo;
}

/** What lets one device join, once. */
export interface Invitation {
  /** What the device is told, to give to `joinNode` or `vault join`. Whoever has it may join in its place. */
  readonly code: string;
  /** The device's name. */
  readonly name: string;
  /** From when on it is worth nothing. */
  readonly expiresAt: string;
  /** What the code tells the device to dial. */
  readonly address: string;
}

/** Counters of one direction since the start, and the rate over the last seconds. */
export interface Flow {
  /** Payload, without the headers of what carries it. */
  readonly bytes: number;
  /** iSCSI PDUs of a session; frames of a link, which hold one or more each. */
  readonly pdus: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
}

/** An initiator that is logged in to a volume, and so to all that are behind the same target. */
export interface SessionInfo {
  /** The name of the volume at LUN 0. */
  readonly volume: string;
  /** The initiator's iSCSI name. */
  readonly initiator: string;
  /** The device behind which it is. */
  readonly device: string;
  /** The session's handle: unlike that of any other which is logged in to this node. */
  readonly tsih: number;
  /** When it logged in. */
  readonly since: string;
  /** SCSI commands since then. */
  readonly commands: number;
  /** To the initiator. */
  readonly read: Flow;
  /** From the initiator. */
  readonly written: Flow;
}

/** A link between a node and a device. */
export interface LinkInfo {
  /** The device's name. */
  readonly device: string;
  /** HOST:PORT of the other end. */
  readonly address: string;
  /** When it came up. */
  readonly since: string;
  /**
   * A paused link has lost its connection and waits for another: what goes over it waits, too. An attachment's may be down, and is
   * dialled again; a node does not tell of those.
   */
  readonly state: "up" | "paused" | "down";
  /** To the other end. */
  readonly sent: Flow;
  /** From the other end. */
  readonly received: Flow;
  /** Records that were not what the other end sent. Each has ended its link. */
  readonly macFailures: number;
}

/** A node as it is. */
export interface NodeStatus {
  /** Whether it serves; what is optional here is there only then. */
  readonly running: boolean;
  /** The version of the program that answers. */
  readonly version: string;
  /** The process that serves. */
  readonly pid?: number;
  /** When it began to serve. */
  readonly since?: string;
  /** The node's id: SHA-256 of its public key in lower-case hexadecimal digits. */
  readonly node: string;
  /** HOST:PORT where devices dial. */
  readonly listen?: string;
  /** HOST:PORT of the target that takes the place of the node's own volumes, where there is one. */
  readonly forward?: string;
  /** Those of its targets that somebody holds. */
  readonly forwarded?: readonly ForwardedInfo[];
  /** Of all links since it began to serve, ended ones too. */
  readonly macFailures?: number;
  /** By name. */
  readonly volumes: readonly VolumeInfo[];
  /** Those that are up. */
  readonly links: readonly LinkInfo[];
  /** Of all volumes. */
  readonly sessions: readonly SessionInfo[];
}

/** An attachment as it is. */
export interface AttachmentStatus {
  /** The volume's name. */
  readonly volume: string;
  /** The beginning of the node's id, as `vault status` shows it. */
  readonly node: string;
  /** HOST:PORT where the node is dialled. */
  readonly nodeAddress: string;
  /** HOST:PORT where initiators of this machine connect. */
  readonly portal: string;
  /** The target that they find there. */
  readonly iqn: string;
  /** Whether nothing may be changed through it. */
  readonly readOnly: boolean;
  /** The process that keeps it. */
  readonly pid: number;
  /** When it was attached. */
  readonly since: string;
  /** The link to the node. */
  readonly link: LinkInfo;
  /** How the volume is held. */
  readonly lease: HoldInfo;
  /** Connections of initiators. */
  readonly sessions: number;
  /** The disk that the operating system made of it, where `--login` was asked for. */
  readonly device?: string;
}

/** What one side of a CHAP exchange proves. */
export interface ChapSecret {
  /** 1 to 223 visible ASCII characters without spaces. */
  readonly user: string;
  /** 12 to 16 bytes in UTF-8. */
  readonly secret: string;
}

/**
 * What can be asked of a node. Each rejects with a VaultError that tells a person what is wrong and, where it can, what to do; its
 * `kind` is `not-found` for a name that nothing has, `conflict` for one that something has already, and `usage` for what makes no sense.
 */
export interface NodeOperations extends VerifyOperations {
  /** How it is: what it serves, to whom, how fast. */
  status(): Promise<NodeStatus>;
  /** All volumes, by name. */
  listVolumes(): Promise<readonly VolumeInfo[]>;
  /** One volume. */
  showVolume(name: string): Promise<VolumeInfo>;
  /** Makes a volume of zeros, thin, in a bucket where one is given, and serves it where the node runs. */
  createVolume(spec: VolumeSpec, bucket?: NewBucket): Promise<VolumeInfo>;
  /**
   * Makes a volume in a bucket that begins with what a snapshot of another one there has, and shares with it what neither changes. It is
   * reached as that one is, whatever `bucket` says of it. The snapshot stays as long as there is the clone.
   */
  cloneVolume(spec: CloneSpec, bucket: NewBucket): Promise<VolumeInfo>;
  /**
   * Makes a volume of what is in a bucket, and takes it from whoever writes to it. Where something is missing or damaged it is refused, unless
   * it `acceptsLess`: then it is taken up to there.
   */
  recoverVolume(
    name: string,
    bucket: NewBucket,
    acceptsLess?: boolean,
  ): Promise<Recovery>;
  /**
   * Takes a volume as its bucket shows it, although that is older than what was written here, gone on with by another node, which loses it, or
   * missing or damaged from somewhere on. Whoever holds it loses it, too: they have read something else. Refused where the bucket shows what
   * was written.
   */
  acceptRollback(name: string): Promise<Rollback>;
  /**
   * Grows a volume with zeros, or cuts its end off for good. Initiators that are logged in learn it from a unit attention (2A/09). On
   * stable storage when it resolves.
   */
  resizeVolume(name: string, sizeBytes: number): Promise<VolumeInfo>;
  /**
   * Changes limits of a volume in a bucket; `off` takes one of rate away. They hold at once, but for `prefetch`, which holds when the volume is
   * opened next.
   */
  changeBucket(name: string, change: BucketChange): Promise<VolumeInfo>;
  /**
   * Removes the volume with all that is in it, and ends its sessions where it has a target of its own. Refused while other volumes are
   * behind its target. What is in a bucket stays there unless `withBucket`.
   */
  deleteVolume(name: string, withBucket?: boolean): Promise<void>;
  /**
   * Takes the volume, and all that is behind its target, from whoever holds it: their sessions end, and they change nothing any more. Resolves
   * with who that was.
   */
  releaseVolume(name: string): Promise<readonly HolderInfo[]>;
  /**
   * Adds the user or changes its secret. Counts for logins from now on, like all that concerns CHAP, and for all volumes behind the same
   * target: `volume` is the one at LUN 0.
   */
  setChap(volume: string, chap: ChapSecret): Promise<void>;
  /** Takes the user's right to log in. Without users no proof is asked. */
  removeChap(volume: string, user: string): Promise<void>;
  /** What the target proves to initiators that ask; undefined ends mutual CHAP. */
  setMutualChap(volume: string, chap: ChapSecret | undefined): Promise<void>;
  /**
   * The folder, on the node's machine, for the image of a volume that is to be imported; refused where `createVolume` would be. Whoever asks
   * writes the image there as `data`, or puts it into a bucket and what is kept of that into `volume`, and what is known of it into
   * `import.json`: `vault volume import` does.
   */
  stageVolume(spec: VolumeSpec): Promise<string>;
  /** Makes the volume of an image that is there whole, as `import.json` says. The image is the volume's from then on. */
  adoptVolume(spec: VolumeSpec): Promise<VolumeInfo>;
  /** The snapshots of a volume, of all volumes where none is named. */
  listSnapshots(volume?: string): Promise<readonly SnapshotInfo[]>;
  /**
   * Begins to keep the volume as it is now, in use or not: all that was flushed is in it. Named after the time unless told otherwise. Done at
   * once by reflink; a copy goes on after the answer, and `snapshotWork` tells how far it is. A crash leaves all of it or nothing.
   */
  createSnapshot(volume: string, name?: string): Promise<SnapshotWork>;
  /** Its bytes are gone when this resolves. One that is being made is made no more. */
  deleteSnapshot(volume: string, name: string): Promise<void>;
  /**
   * Begins to give the volume the bytes and the size that it had, for good; like `createSnapshot`. Refused while a session is logged in to
   * its target.
   */
  restoreSnapshot(volume: string, name: string): Promise<SnapshotWork>;
  /** How far the volume's last `createSnapshot` or `restoreSnapshot` is; rejects with what has ended it before it was done. */
  snapshotWork(volume: string): Promise<SnapshotWork>;
  /** Every device that was ever enrolled. */
  devices(): Promise<readonly DeviceInfo[]>;
  /** Every invitation that is open: neither used nor expired nor withdrawn. */
  invitations(): Promise<readonly InvitationInfo[]>;
  /**
   * Lets one device join under a name that is free, once and within `expiresMs`. `advertise` is the HOST:PORT that it is told to dial;
   * without one the node says what it takes for its own address.
   */
  invite(
    ask: { name: string; expiresMs: number; advertise?: string },
  ): Promise<Invitation>;
  /** The device may do nothing any more, its links end within a second; and an open invitation for the name is withdrawn. */
  revoke(name: string): Promise<Revocation>;
}

/** What can be asked of an attachment. */
export interface AttachmentOperations {
  /** How it is: to what it is attached, and whether the link is up. */
  status(): Promise<AttachmentStatus>;
  /** Logs the operating system's initiator out where it was logged in, gives the volume back, ends the link and the attachment. */
  detach(): Promise<Detachment>;
}
