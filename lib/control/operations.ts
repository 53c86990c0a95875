/**
 * What a person can ask of a node or of an attachment. The daemons answer it over their control sockets; a node that does not
 * run answers the same from its state folder. Everything here is plain JSON; times are ISO 8601 in UTC, sizes and rates bytes.
 */

export interface VolumeSpec {
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly readOnly: boolean;
}

export interface VolumeInfo extends VolumeSpec {
  /** iSCSI target name. */
  readonly iqn: string;
  /** Unit serial number, VPD page 80h. */
  readonly serial: string;
  /** NAA designator, VPD page 83h, 16 hexadecimal digits. */
  readonly naa: string;
  readonly allocatedBytes: number;
  readonly createdAt: string;
  readonly health: string;
  /** CHAP users, never their secrets. Empty: no CHAP is asked. */
  readonly chapUsers: readonly string[];
  /** The name under which the target answers mutual CHAP. */
  readonly chapMutualUser?: string;
}

export interface DeviceInfo {
  readonly name: string;
  /** SHA-256 of the certificate in lower-case hexadecimal digits. */
  readonly fingerprint: string;
  readonly enrolledAt: string;
  readonly expiresAt: string;
  readonly revokedAt?: string;
  /** Links open now; absent where the node does not run. */
  readonly links?: number;
}

export interface Invitation {
  readonly code: string;
  readonly name: string;
  readonly expiresAt: string;
  /** What the code tells the device to dial. */
  readonly address: string;
}

/** Counters of one direction since the start, and the rate over the last seconds. */
export interface Flow {
  readonly bytes: number;
  readonly pdus: number;
  readonly bytesPerSecond: number;
}

export interface SessionInfo {
  readonly volume: string;
  readonly initiator: string;
  readonly device: string;
  readonly since: string;
  readonly commands: number;
  /** To the initiator and from it. */
  readonly read: Flow;
  readonly written: Flow;
}

export interface LinkInfo {
  readonly device: string;
  readonly address: string;
  readonly since: string;
  readonly state: "up" | "down";
  readonly sent: Flow;
  readonly received: Flow;
  readonly macFailures: number;
}

export interface NodeStatus {
  readonly running: boolean;
  readonly version: string;
  readonly pid?: number;
  readonly since?: string;
  /** The node's id: SHA-256 of its public key in lower-case hexadecimal digits. */
  readonly node: string;
  readonly listen?: string;
  readonly forward?: string;
  readonly macFailures?: number;
  readonly volumes: readonly VolumeInfo[];
  readonly links: readonly LinkInfo[];
  readonly sessions: readonly SessionInfo[];
}

export interface AttachmentStatus {
  readonly volume: string;
  readonly node: string;
  readonly nodeAddress: string;
  readonly portal: string;
  readonly iqn: string;
  readonly readOnly: boolean;
  readonly pid: number;
  readonly since: string;
  readonly link: LinkInfo;
  readonly sessions: number;
  /** The disk that the operating system made of it, where `--login` was asked for. */
  readonly device?: string;
}

/** A CHAP secret, 12 to 16 bytes. */
export interface ChapSecret {
  readonly user: string;
  readonly secret: string;
}

/** Each rejects with a VaultError that tells a person what is wrong and, where it can, what to do. */
export interface NodeOperations {
  status(): Promise<NodeStatus>;
  listVolumes(): Promise<readonly VolumeInfo[]>;
  showVolume(name: string): Promise<VolumeInfo>;
  createVolume(spec: VolumeSpec): Promise<VolumeInfo>;
  resizeVolume(name: string, sizeBytes: number): Promise<VolumeInfo>;
  deleteVolume(name: string): Promise<void>;
  /** Adds the user or changes its secret. */
  setChap(volume: string, chap: ChapSecret): Promise<void>;
  removeChap(volume: string, user: string): Promise<void>;
  /** What the target proves to initiators that ask; undefined ends mutual CHAP. */
  setMutualChap(volume: string, chap: ChapSecret | undefined): Promise<void>;
  devices(): Promise<readonly DeviceInfo[]>;
  invite(
    ask: { name: string; expiresMs: number; advertise?: string },
  ): Promise<Invitation>;
  revoke(name: string): Promise<DeviceInfo>;
}

export interface AttachmentOperations {
  status(): Promise<AttachmentStatus>;
  /** Logs the operating system's initiator out where it was logged in, ends the link and the process. */
  detach(): Promise<void>;
}
