/** Where the fuzzing takes place: a live target in this process, or `vault serve` and `vault attach` as a person starts them. */
import { duplexPair } from "../../lib/base/duplex_pair.ts";
import type { Duplex } from "../../lib/base/duplex.ts";
import type { Log } from "../../lib/base/log.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp } from "../../lib/os/tcp.ts";
import { Disk } from "../../lib/scsi/disk.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import { serveConnection } from "../../lib/target/connection.ts";
import { Targets } from "../../lib/target/targets.ts";
import { Volume } from "../../lib/target/volume.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { residentBytes } from "../harness/proc_stat.ts";
import { startAttach, Tunnel } from "../harness/vault.ts";
import type { DiskShape } from "./cdb_grammar.ts";
import type { Dice } from "./dice.ts";

const MIB = 1024 * 1024;
const DISK_MIB = 8;
const BLOCK_BYTES = 512;

/** One place. Whoever is rude knows `fuzzed`; `kept` is the neighbour's. */
export interface Ground extends AsyncDisposable {
  readonly name: "process" | "tunnel";
  readonly shape: DiskShape;
  readonly fuzzed: string;
  readonly kept: string;
  /** A conversation with the fuzzed target, its bytes cut as the dice want where that can be. */
  connect(dice: Dice): Promise<Duplex>;
  connectKept(): Promise<Duplex>;
  /** Other listeners, which expect no iSCSI: only junk goes there. */
  readonly doors: readonly (() => Promise<Duplex>)[];
  /** Conversations that are under way, those of the daemons' own among them: it comes back to what it was. */
  conversations(): number;
  /** Bytes of memory by process. */
  memory(): Readonly<Record<string, number>>;
  /** @throws where something has died or complained of a defect */
  check(): void;
}

const SHAPE: DiskShape = {
  blocks: DISK_MIB * MIB / BLOCK_BYTES,
  blockBytes: BLOCK_BYTES,
};

/** `lib/target` with two disks in memory that can do all that a disk can. */
export function inProcess(): Ground {
  const complaints: string[] = [];
  const complain = (message: string) => {
    if (message.startsWith("A defect")) complaints.push(message);
  };
  const log: Log = { debug() {}, info() {}, warn: complain, error: complain };
  const targets = new Targets({ clock: systemClock, log });
  const [fuzzed, kept] = ["fuzzed", "kept"].map((name, n) => {
    const iqn = `iqn.2026-01.test.vault:${name}`;
    targets.add({
      iqn,
      name,
      units: new Map([[0, volume(iqn, { n, log })]]),
    });
    return iqn;
  });
  let open = 0;
  const connect = (chunkBytes: number) => {
    open++;
    const [ours, theirs] = duplexPair({ chunkBytes });
    void serveConnection(theirs, {
      ...{ targets, clock: systemClock, primitives: systemPrimitives, log },
      targetAddress: "127.0.0.1:3260",
      device: "laptop",
    }).then(() => open--);
    return Promise.resolve(ours);
  };
  return {
    ...{ name: "process", shape: SHAPE, fuzzed: fuzzed!, kept: kept! },
    connect: (dice) => connect(dice.of([7, 100, 4096, MIB])),
    connectKept: () => connect(MIB),
    doors: [],
    conversations: () => open,
    memory: () => ({ "this process": Deno.memoryUsage().rss }),
    check() {
      if (complaints.length > 0) throw new Error(complaints.join("\n"));
    },
    [Symbol.asyncDispose]: () => targets.drain(0),
  };
}

function volume(iqn: string, { n, log }: { n: number; log: Log }): Volume {
  const store = new MemoryStore(DISK_MIB * MIB);
  const unit = new Disk({
    identity: {
      ...{ vendor: "VAULT", product: "FUZZED", revision: "1" },
      ...{ serial: `${n}`, naa: `300000000000000${n}`, targetName: iqn },
    },
    geometry: { blockSizeBytes: BLOCK_BYTES, sizeBytes: store.sizeBytes },
    readOnly: false,
    removable: true,
    erasureNotes: { write() {}, clear() {} },
    keptReservations: {},
  });
  return new Volume({ unit, store, clock: systemClock, log, keep() {} });
}

/** The two daemons, each volume attached at a portal of its own. */
export async function throughTunnel(): Promise<Ground> {
  const opened = new AsyncDisposableStack();
  try {
    const tunnel = opened.use(
      await Tunnel.open({
        volumes: ["fuzzed", "kept"].map((name) => ({
          ...{ name, size: `${DISK_MIB}MiB` },
        })),
      }),
    );
    const keptPort = freePort();
    const attach = opened.use(
      await startAttach(tunnel.device, "kept", { portalPort: keptPort }),
    );
    const fuzzed = await onlyDisk(tunnel.portal);
    const kept = await onlyDisk(`127.0.0.1:${keptPort}`);
    const dial = (port: number) => connectTcp({ hostname: "127.0.0.1", port });
    const daemons = { serve: tunnel.serve, attach: tunnel.attach };
    return {
      ...{ name: "tunnel", shape: SHAPE, fuzzed: fuzzed.iqn, kept: kept.iqn },
      connect: () => dial(tunnel.portalPort),
      connectKept: () => dial(keptPort),
      doors: [() => dial(tunnel.servePort)],
      conversations: () =>
        Object.values(daemons).reduce((sum, { pid }) => sum + sockets(pid), 0),
      memory: () =>
        Object.fromEntries(
          Object.entries(daemons)
            .map(([name, { pid }]) => [name, residentBytes(pid)]),
        ),
      check() {
        for (
          const { exited, words, output } of [...Object.values(daemons), attach]
        ) {
          if (exited !== undefined) throw new Error(`${words}: ${output}`);
          const defect = /^.*A defect.*$/m.exec(output)?.[0];
          if (defect !== undefined) throw new Error(`${words}: ${defect}`);
        }
      },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

/** Open sockets of a process. Its other files come and go by themselves: logs that are turned over, say. */
function sockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return Array.from(Deno.readDirSync(folder)).filter(({ name }) => {
    try {
      return Deno.readLinkSync(`${folder}/${name}`).startsWith("socket:");
    } catch {
      // It was closed since it was listed.
      return false;
    }
  }).length;
}
