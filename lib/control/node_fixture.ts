/** A node that writes down what it is asked, behind a control socket in memory. For tests. */

import type { Clock } from "../base/clock.ts";
import type { Duplex, Listener } from "../base/duplex.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { VaultError } from "../base/errors.ts";
import { silent } from "../base/log.ts";
import { NodeClient } from "./client.ts";
import type {
  HolderInfo,
  NodeOperations,
  NodeStatus,
  SnapshotInfo,
  SnapshotWork,
  VerifyWork,
  VolumeInfo,
  VolumeSpec,
} from "./operations.ts";
import { nodeHandlers, serveControl } from "./server.ts";

export const SPEC: VolumeSpec = {
  name: "photos",
  sizeBytes: 2 ** 30,
  blockSizeBytes: 512,
  readOnly: false,
};

export const HOLDER: HolderInfo = {
  device: "laptop",
  mode: "write",
  since: "2026-11-22T12:00:00.000Z",
  generation: 3,
  state: "gone",
  goneSince: "2026-11-22T12:04:00.000Z",
};

export function info(spec: VolumeSpec): VolumeInfo {
  return {
    ...spec,
    target: spec.target ?? spec.name,
    lun: spec.lun ?? 0,
    iqn: `iqn.2026-11.example:${spec.name}`,
    serial: "0123",
    naa: "3000000000000000",
    allocatedBytes: 0,
    createdAt: "2026-11-22T12:00:00.000Z",
    health: "ok",
    chapUsers: [],
    holders: [HOLDER],
  };
}

export const STATUS: NodeStatus = {
  running: true,
  version: "0.1.0",
  pid: 7,
  node: "ab",
  volumes: [info(SPEC)],
  links: [],
  sessions: [],
};

export const SNAPSHOT: SnapshotInfo = {
  volume: "photos",
  name: "monday",
  createdAt: "2026-11-22T12:00:00.000Z",
  sizeBytes: 2 ** 30,
  blockSizeBytes: 512,
  allocatedBytes: 4096,
};

export const WORK: SnapshotWork = {
  kind: "create",
  volume: "photos",
  snapshot: "monday",
  by: "copy",
  copiedBytes: 2 ** 20,
  totalBytes: 2 ** 30,
  done: false,
};

export const VERIFYING: VerifyWork = {
  volume: "photos",
  resumed: true,
  doneBytes: 2 ** 20,
  totalBytes: 2 ** 30,
};

export const VERIFIED: VerifyWork = {
  ...VERIFYING,
  doneBytes: 2 ** 30,
  result: {
    ...{
      segments: 128,
      inherited: 2,
      others: 4,
      bytes: 2 ** 30,
      moreDamages: 0,
    },
    stateOf: "2026-11-22T12:00:00.000Z",
    damages: [{
      ...{ kind: "segment", number: 257, name: "d/00", closes: false },
      prefix: "photos/",
      why: "chunk 0 does not prove itself",
      extents: [{ offset: 0, length: 512 }],
      moreExtents: 3,
      snapshots: ["monday"],
    }],
    missingClaims: [2],
  },
};

/** A node that writes down what it is asked. */
function fakeNode() {
  const asked: unknown[][] = [];
  const note = <T>(answer: T) => (...what: unknown[]) => {
    asked.push(what);
    return Promise.resolve(answer);
  };
  const device = {
    name: "laptop",
    fingerprint: "ff",
    enrolledAt: "2026-11-22T12:00:00.000Z",
    expiresAt: "2036-11-22T12:00:00.000Z",
    links: 1,
  };
  const invitation = {
    name: "phone",
    invitedAt: "2026-11-22T12:00:00.000Z",
    expiresAt: "2026-11-22T12:15:00.000Z",
    failedAttempts: 2,
  };
  const node: NodeOperations = {
    status: note(STATUS),
    listVolumes: note([info(SPEC)]),
    showVolume: (name) =>
      Promise.reject(
        new VaultError(`There is no volume "${name}"`, {
          hint: "vault volume list names them.",
          kind: "not-found",
        }),
      ),
    createVolume: (spec, bucket) =>
      note(info(spec))("createVolume", spec, ...(bucket ? [bucket] : [])),
    cloneVolume: (spec, bucket) =>
      note(info(SPEC))("cloneVolume", spec, bucket),
    recoverVolume: (name, bucket, acceptsLess) =>
      note({ stateOf: "2026-11-22T12:00:00.000Z", liveBytes: 4096 })(
        ...["recoverVolume", name, bucket, acceptsLess],
      ),
    acceptRollback: (name) =>
      note({ liveBytes: 4096, givenUpBytes: 512, keptIn: "/journal" })(
        ...["acceptRollback", name],
      ),
    resizeVolume: (name, sizeBytes) =>
      note(info({ ...SPEC, name, sizeBytes }))("resizeVolume", name, sizeBytes),
    changeBucket: (name, change) =>
      note(info({ ...SPEC, name }))("changeBucket", name, change),
    deleteVolume: () => Promise.reject(new TypeError("a defect")),
    releaseVolume: (name) => note([HOLDER])("releaseVolume", name),
    stageVolume: note("/imports/photos"),
    adoptVolume: (spec) => note(info(spec))("adoptVolume", spec),
    listSnapshots: note([SNAPSHOT]),
    createSnapshot: note(WORK),
    deleteSnapshot: note(undefined),
    restoreSnapshot: note({ ...WORK, kind: "restore" }),
    snapshotWork: note({ ...WORK, done: true }),
    verifyVolume: (of) => note(VERIFYING)("verifyVolume", of),
    verifyWork: (of) => note(VERIFIED)("verifyWork", of),
    setChap: note(undefined),
    removeChap: note(undefined),
    setMutualChap: note(undefined),
    devices: note([device]),
    invitations: note([invitation]),
    invite: (ask) =>
      note({
        code: "CODE",
        name: ask.name,
        expiresAt: "2026-11-22T12:15:00.000Z",
        address: ask.advertise ?? "192.0.2.1:9443",
      })("invite", ask),
    revoke: (name) =>
      note({ device: { ...device, name }, invitation })("revoke", name),
  };
  return { node, asked };
}

/** A clock that stands still: no answer is ever late. */
export const STILL: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  after: () => () => {},
};

/** A listener that is handed its connections. */
export class Door implements Listener<Duplex> {
  readonly address = "memory";
  #waiting: Duplex[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  connect(options?: Parameters<typeof duplexPair>[0]): Duplex {
    const [mine, theirs] = duplexPair(options);
    this.#waiting.push(theirs);
    this.#wake?.();
    return mine;
  }

  async accept(): Promise<Duplex | undefined> {
    while (this.#waiting.length === 0 && !this.#closed) {
      await new Promise<void>((wake) => this.#wake = wake);
    }
    return this.#waiting.shift();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

/** Runs `test` with a client of the node, and ends both. */
export async function withNode(
  test: (
    parts: { door: Door; asked: unknown[][]; client: NodeClient },
  ) => Promise<void>,
): Promise<void> {
  const door = new Door();
  const { node, asked } = fakeNode();
  const server = serveControl({
    listener: door,
    handlers: nodeHandlers(node),
    log: silent,
  });
  const client = new NodeClient({
    connection: door.connect(),
    clock: STILL,
  });
  await test({ door, asked, client });
  client.close();
  server.close();
  await server.closed;
}

/** All that comes until the end or the cut. */
export async function readAll(connection: Duplex): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (
      let bytes = await connection.read();
      bytes;
      bytes = await connection.read()
    ) text += decoder.decode(bytes, { stream: true });
  } catch {
    // Cut: what came before counts.
  }
  return text;
}
