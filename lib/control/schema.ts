/**
 * What crosses a control socket, checked on both sides of it: requests and responses, and per method its parameters and its
 * result. Members that a schema does not name are dropped, so that a newer daemon may tell an older program more.
 */

import * as v from "valibot";

/** The longest request line in bytes. */
export const MAX_REQUEST_BYTES = 16 * 1024;
/** The longest response line in bytes: some ten thousand volumes. */
export const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
/** The longest string that a parameter may be, in UTF-16 code units. */
export const MAX_TEXT_LENGTH = 1024;

const text = v.pipe(v.string(), v.maxLength(MAX_TEXT_LENGTH));
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const figure = v.pipe(v.number(), v.finite(), v.minValue(0));
const nothing = v.null();

export const Request = v.object({
  id: v.pipe(v.number(), v.safeInteger()),
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.array(v.unknown()),
});

export const Failure = v.object({
  message: v.string(),
  hint: v.exactOptional(v.string()),
  kind: v.exactOptional(
    v.picklist(["usage", "not-found", "refused", "unreachable", "conflict"]),
  ),
});

export const Response = v.union([
  v.object({ id: v.number(), error: Failure }),
  v.object({ id: v.number(), result: v.unknown() }),
]);

const blockSizeBytes = v.picklist([512, 4096]);

const VolumeSpec = v.object({
  name: text,
  sizeBytes: bytes,
  blockSizeBytes,
  readOnly: v.boolean(),
  removable: v.exactOptional(v.boolean()),
  target: v.exactOptional(text),
  lun: v.exactOptional(figure),
});

const mode = v.picklist(["write", "shared", "read"]);

const HolderInfo = v.object({
  device: v.string(),
  mode,
  since: v.string(),
  generation: figure,
  state: v.picklist(["up", "paused", "gone"]),
  goneSince: v.exactOptional(v.string()),
});

const BucketSpec = {
  url: text,
  endpoint: v.exactOptional(text),
  region: v.exactOptional(text),
  cacheBytes: bytes,
  journalBytes: bytes,
  prefetch: v.exactOptional(v.boolean()),
  unconditional: v.exactOptional(v.boolean()),
  upload: v.exactOptional(text),
  download: v.exactOptional(text),
};

const NewBucket = v.object({
  ...BucketSpec,
  key: v.union([v.object({ line: text }), v.object({ file: text })]),
});

const BucketChange = v.object({
  cacheBytes: v.exactOptional(bytes),
  prefetch: v.exactOptional(v.boolean()),
  upload: v.exactOptional(text),
  download: v.exactOptional(text),
});

const BucketInfo = v.object({
  ...BucketSpec,
  pendingBytes: v.exactOptional(bytes),
  pendingSince: v.exactOptional(v.string()),
  uploadedAround: v.exactOptional(v.string()),
  trouble: v.exactOptional(v.string()),
  uploadedBytes: v.exactOptional(bytes),
  fetchedBytes: v.exactOptional(bytes),
  storeRequests: v.exactOptional(figure),
  storeErrors: v.exactOptional(figure),
  transfers: v.exactOptional(figure),
  transfersWaiting: v.exactOptional(figure),
  journaledBytes: v.exactOptional(bytes),
  cachedBytes: v.exactOptional(bytes),
  prefetchedBytes: v.exactOptional(bytes),
  notPrefetched: v.exactOptional(v.string()),
  cacheHits: v.exactOptional(figure),
  cacheUses: v.exactOptional(v.object({ hits: figure, misses: figure })),
  objectBytes: v.exactOptional(bytes),
  liveBytes: v.exactOptional(bytes),
  clonedFrom: v.exactOptional(v.string()),
  inheritedBytes: v.exactOptional(bytes),
  movedBytes: v.exactOptional(bytes),
});

const Recovery = v.object({
  stateOf: v.exactOptional(v.string()),
  liveBytes: bytes,
});

const VolumeInfo = v.object({
  name: v.string(),
  sizeBytes: bytes,
  blockSizeBytes,
  readOnly: v.boolean(),
  removable: v.exactOptional(v.boolean()),
  target: v.string(),
  lun: figure,
  iqn: v.string(),
  serial: v.string(),
  naa: v.string(),
  allocatedBytes: bytes,
  createdAt: v.string(),
  health: v.string(),
  chapUsers: v.array(v.string()),
  chapMutualUser: v.exactOptional(v.string()),
  holders: v.array(HolderInfo),
  bucket: v.exactOptional(BucketInfo),
});

const SnapshotInfo = v.object({
  volume: v.string(),
  name: v.string(),
  createdAt: v.string(),
  sizeBytes: bytes,
  blockSizeBytes,
  allocatedBytes: bytes,
  clones: v.exactOptional(v.array(v.string())),
});

const SnapshotWork = v.object({
  kind: v.picklist(["create", "restore"]),
  volume: v.string(),
  snapshot: v.string(),
  by: v.picklist(["reflink", "copy", "upload"]),
  copiedBytes: bytes,
  totalBytes: bytes,
  done: v.boolean(),
});

const VerifyWork = v.object({
  volume: v.string(),
  resumed: v.boolean(),
  doneBytes: bytes,
  totalBytes: bytes,
  result: v.exactOptional(v.object({
    segments: figure,
    others: figure,
    inherited: v.exactOptional(figure),
    bytes,
    stateOf: v.exactOptional(v.string()),
    damages: v.array(v.object({
      kind: v.string(),
      number: figure,
      name: v.string(),
      prefix: v.exactOptional(v.string()),
      why: v.string(),
      closes: v.boolean(),
      extents: v.array(v.object({ offset: bytes, length: bytes })),
      moreExtents: figure,
      snapshots: v.array(v.string()),
    })),
    moreDamages: figure,
    missingClaims: v.array(figure),
  })),
});

const DeviceInfo = v.object({
  name: v.string(),
  fingerprint: v.string(),
  enrolledAt: v.string(),
  expiresAt: v.string(),
  revokedAt: v.exactOptional(v.string()),
  links: v.exactOptional(figure),
});

const InvitationInfo = v.object({
  name: v.string(),
  invitedAt: v.string(),
  expiresAt: v.string(),
  failedAttempts: figure,
});

const Revocation = v.object({
  device: v.exactOptional(DeviceInfo),
  invitation: v.exactOptional(InvitationInfo),
});

const Invitation = v.object({
  code: v.string(),
  name: v.string(),
  expiresAt: v.string(),
  address: v.string(),
});

const Flow = v.object({
  bytes: figure,
  pdus: figure,
  bytesPerSecond: figure,
});

const SessionInfo = v.object({
  volume: v.string(),
  initiator: v.string(),
  device: v.string(),
  tsih: figure,
  since: v.string(),
  commands: figure,
  read: Flow,
  written: Flow,
});

const LinkInfo = v.object({
  device: v.string(),
  address: v.string(),
  since: v.string(),
  state: v.picklist(["up", "paused", "down"]),
  sent: Flow,
  received: Flow,
  macFailures: figure,
});

const NodeStatus = v.object({
  running: v.boolean(),
  version: v.string(),
  pid: v.exactOptional(figure),
  since: v.exactOptional(v.string()),
  node: v.string(),
  listen: v.exactOptional(v.string()),
  forward: v.exactOptional(v.string()),
  forwarded: v.exactOptional(
    v.array(v.object({ iqn: v.string(), holders: v.array(HolderInfo) })),
  ),
  macFailures: v.exactOptional(figure),
  volumes: v.array(VolumeInfo),
  links: v.array(LinkInfo),
  sessions: v.array(SessionInfo),
});

const AttachmentStatus = v.object({
  volume: v.string(),
  node: v.string(),
  nodeAddress: v.string(),
  portal: v.string(),
  iqn: v.string(),
  readOnly: v.boolean(),
  pid: figure,
  since: v.string(),
  link: LinkInfo,
  lease: v.object({
    mode,
    generation: figure,
    since: v.string(),
    wantedBy: v.exactOptional(v.string()),
    view: v.exactOptional(v.string()),
  }),
  sessions: figure,
  device: v.exactOptional(v.string()),
});

const ChapSecret = v.object({ user: text, secret: text });

const InvitationAsk = v.object({
  name: text,
  expiresMs: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  advertise: v.exactOptional(text),
});

/** The parameters of a method as a tuple, and its result. `null` stands for nothing. */
export const NODE_METHODS = {
  status: { params: v.strictTuple([]), result: NodeStatus },
  listVolumes: { params: v.strictTuple([]), result: v.array(VolumeInfo) },
  showVolume: { params: v.strictTuple([text]), result: VolumeInfo },
  createVolume: {
    params: v.strictTuple([VolumeSpec, v.nullable(NewBucket)]),
    result: VolumeInfo,
  },
  cloneVolume: {
    params: v.strictTuple([text, text, text, NewBucket]),
    result: VolumeInfo,
  },
  recoverVolume: { params: v.strictTuple([text, NewBucket]), result: Recovery },
  resizeVolume: { params: v.strictTuple([text, bytes]), result: VolumeInfo },
  changeBucket: {
    params: v.strictTuple([text, BucketChange]),
    result: VolumeInfo,
  },
  deleteVolume: { params: v.strictTuple([text, v.boolean()]), result: nothing },
  releaseVolume: {
    params: v.strictTuple([text]),
    result: v.array(HolderInfo),
  },
  stageVolume: { params: v.strictTuple([VolumeSpec]), result: v.string() },
  adoptVolume: { params: v.strictTuple([VolumeSpec]), result: VolumeInfo },
  listSnapshots: {
    params: v.strictTuple([v.nullable(text)]),
    result: v.array(SnapshotInfo),
  },
  createSnapshot: {
    params: v.strictTuple([text, v.nullable(text)]),
    result: SnapshotWork,
  },
  deleteSnapshot: { params: v.strictTuple([text, text]), result: nothing },
  restoreSnapshot: {
    params: v.strictTuple([text, text]),
    result: SnapshotWork,
  },
  snapshotWork: { params: v.strictTuple([text]), result: SnapshotWork },
  verifyVolume: { params: v.strictTuple([text]), result: VerifyWork },
  verifyWork: { params: v.strictTuple([text]), result: VerifyWork },
  setChap: { params: v.strictTuple([text, ChapSecret]), result: nothing },
  removeChap: { params: v.strictTuple([text, text]), result: nothing },
  setMutualChap: {
    params: v.strictTuple([text, v.nullable(ChapSecret)]),
    result: nothing,
  },
  devices: { params: v.strictTuple([]), result: v.array(DeviceInfo) },
  invitations: { params: v.strictTuple([]), result: v.array(InvitationInfo) },
  invite: { params: v.strictTuple([InvitationAsk]), result: Invitation },
  revoke: { params: v.strictTuple([text]), result: Revocation },
} as const;

export const ATTACHMENT_METHODS = {
  status: { params: v.strictTuple([]), result: AttachmentStatus },
  detach: {
    params: v.strictTuple([]),
    result: v.object({ released: v.boolean() }),
  },
} as const;
