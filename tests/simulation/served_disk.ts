/** A disk that can do all there is, on a sparse file or on any store, and the project's own initiator in front of it. */
import { duplexPair } from "../../lib/base/duplex_pair.ts";
import { silent } from "../../lib/base/log.ts";
import { openVolumeJournal } from "../../lib/daemon/volume_journal.ts";
import type { Command } from "../../lib/initiator/command.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { parseSense } from "../../lib/initiator/sense.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { openFile } from "../../lib/os/file.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { Disk, type DiskOptions } from "../../lib/scsi/disk.ts";
import { stackStore } from "../../lib/store/stack.ts";
import type { Store } from "../../lib/store/store.ts";
import { serveConnection } from "../../lib/target/connection.ts";
import { Targets } from "../../lib/target/targets.ts";
import { Volume } from "../../lib/target/volume.ts";
import { TempDir } from "../harness/temp_dir.ts";

const IQN = "iqn.2026-01.example:served";

/** How a command ended, for a table: `GOOD`, `GOOD +512` (so much less was given than wanted), `5 21/00`. */
export interface Answer {
  readonly verdict: string;
  readonly data: Uint8Array;
  readonly sense: Uint8Array;
}

export class Client {
  readonly session: InitiatorSession;

  constructor(session: InitiatorSession) {
    this.session = session;
  }

  async run(command: Omit<Command, "lun">): Promise<Answer> {
    const result = await this.session.command({ lun: 0, ...command });
    const sense = parseSense(result.sense);
    const two = (byte: number) => byte.toString(16).padStart(2, "0");
    const residual = result.overflow
      ? ` +${result.residualCount}`
      : result.underflow
      ? ` -${result.residualCount}`
      : "";
    return {
      verdict: sense
        ? `${sense.key.toString(16)} ${two(sense.code >>> 8)}/${
          two(sense.code & 0xff)
        }`
        : result.status === 0
        ? `GOOD${residual}`
        : `status ${result.status}`,
      data: result.dataIn,
      sense: result.sense,
    };
  }
}

/** Parameter data of a command that has to go well, and the pages of INQUIRY. */
export async function fetch(
  client: Client,
  cdb: readonly number[],
  length: number,
): Promise<Uint8Array> {
  const { verdict, data } = await client.run({
    cdb: Uint8Array.from(cdb),
    dataInLength: length,
  });
  if (!verdict.startsWith("GOOD")) throw new Error(`${cdb}: ${verdict}`);
  return data;
}

export function vpd(client: Client, page: number): Promise<Uint8Array> {
  return fetch(client, [0x12, 1, page, 0x01, 0x00, 0], 256);
}

export interface ServedDisk extends AsyncDisposable {
  readonly store: Store;
  readonly volume: Volume;
  readonly targets: Targets;
  /** A session that has taken its first unit attention. */
  connect(name?: string): Promise<Client>;
}

/** A store on a sparse file, as a node's volumes have it, that is gone with the test. */
export async function sparseStore(
  sizeBytes: number,
): Promise<Store & Disposable> {
  const dir = new TempDir();
  const file = openFile(dir.at("data"), { create: true });
  file.truncate(sizeBytes);
  const primitives = systemPrimitives;
  const journal = await openVolumeJournal(dir.at("journal"), {
    sizeBytes,
    primitives,
  });
  const clock = systemClock;
  const bottom = { kind: "journaled file", file, journal, clock } as const;
  const store = stackStore({ bottom, readOnly: false });
  return Object.assign(store, {
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  });
}

export function served(
  store: Store,
  options: Partial<DiskOptions> & { blockSizeBytes?: 512 | 4096 } = {},
): ServedDisk {
  const { blockSizeBytes = 512, ...rest } = options;
  const unit = new Disk({
    identity: {
      vendor: "VAULT",
      product: "SERVED",
      revision: "1",
      serial: "served1",
      naa: "3000000000000009",
      targetName: IQN,
    },
    geometry: { blockSizeBytes, sizeBytes: store.sizeBytes },
    readOnly: false,
    removable: true,
    erasureNotes: { write() {}, clear() {} },
    atomicWrites: store.atomic !== undefined,
    ...rest,
  });
  const world = { clock: systemClock, log: silent };
  const targets = new Targets(world);
  const volume = new Volume({ unit, store, ...world });
  targets.add({ iqn: IQN, name: "served", units: new Map([[0, volume]]) });
  const conversations: Promise<void>[] = [];
  const connect = async (name = "me") => {
    const [near, far] = duplexPair();
    conversations.push(serveConnection(far, {
      targets,
      targetAddress: "127.0.0.1:3260",
      device: "laptop",
      primitives: systemPrimitives,
      ...world,
    }));
    const session = await connectInitiator({
      duplex: near,
      primitives: systemPrimitives,
      initiatorName: `iqn.2026-01.example:${name}`,
      targetName: IQN,
    });
    const client = new Client(session);
    await client.run({ cdb: new Uint8Array(6) });
    return client;
  };
  return {
    store,
    volume,
    targets,
    connect,
    async [Symbol.asyncDispose]() {
      await targets.remove(IQN);
      await Promise.all(conversations);
      await store.close();
      if (Symbol.dispose in store) {
        (store as Store & Disposable)[Symbol.dispose]();
      }
    },
  };
}
