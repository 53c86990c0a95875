/** The project's initiator against the project's target, over a conversation in memory: any agreement, any split of the bytes, many at once. */
import { expect } from "expect";
import { equalBytes, putU16, putU32, utf8 } from "../../lib/base/bytes.ts";
import { duplexPair } from "../../lib/base/duplex_pair.ts";
import { silent } from "../../lib/base/log.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { openDisk } from "../../lib/initiator/disk.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import type { Offer } from "../../lib/iscsi/offer.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { Disk } from "../../lib/scsi/disk.ts";
import { FaultStore } from "../../lib/store/fault_store.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import { serveConnection } from "../../lib/target/connection.ts";
import { Targets } from "../../lib/target/targets.ts";
import { Volume } from "../../lib/target/volume.ts";

const SEED = Number(Deno.env.get("SIMULATION_SEED") ?? 1);
const IQN = "iqn.2026-01.example:simulated";
const BLOCK = 512;
/** Each session has its own part, cut into slots that commands use one at a time. */
const SLOT_BLOCKS = 4096;
const SLOTS = 4;

/** Numbers that look random and come again with the seed (xorshift32). */
function dice(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Way {
  readonly name: string;
  readonly offer?: Partial<Offer>;
  readonly digests?: true;
  readonly chap?: true;
  readonly chunkBytes?: number;
  /** Every access of the store waits. */
  readonly waits?: true;
}

const WAYS: readonly Way[] = [
  { name: "as both propose" },
  { name: "a store that waits", waits: true },
  {
    name: "R2T for everything",
    offer: { initialR2T: true, immediateData: false },
  },
  {
    name: "short bursts",
    offer: { maxBurstLength: 8192, firstBurstLength: 4096 },
    waits: true,
  },
  {
    name: "short segments in pieces",
    offer: { maxRecvDataSegmentLength: 4096 },
    chunkBytes: 1000,
  },
  { name: "digests and CHAP", digests: true, chap: true, chunkBytes: 30_000 },
];

function simulated(way: Way) {
  const memory = new MemoryStore(2 * SLOTS * SLOT_BLOCKS * BLOCK);
  const store = way.waits
    ? new FaultStore(memory, () => ({ delay: systemClock.sleep(0) }))
    : memory;
  const unit = new Disk({
    identity: {
      vendor: "VAULT",
      product: "SIMULATED",
      revision: "1",
      serial: "1",
      naa: "3000000000000001",
      targetName: IQN,
    },
    geometry: { blockSizeBytes: BLOCK, sizeBytes: store.sizeBytes },
    readOnly: false,
  });
  const targets = new Targets({ clock: systemClock, log: silent });
  const users = way.chap
    ? [{ user: "me", secret: utf8("a secret of mine") }]
    : [];
  const mutual = { user: "it", secret: utf8("a secret of its") };
  const volume = new Volume({ unit, store, clock: systemClock, log: silent });
  targets.add({
    iqn: IQN,
    name: "simulated",
    units: new Map([[0, volume]]),
    chap: { users, mutual },
  });
  const connect = async () => {
    const { chunkBytes = 1 << 20 } = way;
    const [near, far] = duplexPair({ chunkBytes });
    const served = serveConnection(far, {
      targets,
      targetAddress: "127.0.0.1:3260",
      device: "laptop",
      clock: systemClock,
      primitives: systemPrimitives,
      log: silent,
    });
    const session = await connectInitiator({
      duplex: near,
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-01.example:me",
      targetName: IQN,
      ...(way.offer && { offer: way.offer }),
      ...(way.digests && { headerDigest: ["CRC32C"], dataDigest: ["CRC32C"] }),
      ...(way.chap && { chap: { initiator: users[0]!, target: mutual } }),
    });
    return { session, served };
  };
  return { targets, connect };
}

/** Commands on one slot, one after the other, each read back. */
async function workOn(
  session: InitiatorSession,
  firstBlock: number,
  roll: (below: number) => number,
): Promise<void> {
  const disk = await openDisk(session);
  const model = new Uint8Array(SLOT_BLOCKS * BLOCK);
  for (let n = 0; n < 12; n++) {
    const blocks = 1 + roll(roll(4) === 0 ? 3000 : 40);
    const at = roll(SLOT_BLOCKS - blocks);
    const lba = firstBlock + at;
    const part = model.subarray(at * BLOCK, (at + blocks) * BLOCK);
    switch (roll(4)) {
      case 0:
        await zero(session, lba, blocks);
        part.fill(0);
        break;
      case 1: {
        const block = new Uint8Array(BLOCK).fill(1 + roll(255));
        await writeSame(session, { lba, blocks }, block);
        for (let i = 0; i < blocks; i++) part.set(block, i * BLOCK);
        break;
      }
      default: {
        const data = new Uint8Array(blocks * BLOCK).fill(1 + roll(255));
        data[roll(data.length)] = roll(256);
        await disk.write(lba, data);
        part.set(data);
      }
    }
    if (roll(4) === 0) await disk.flush();
    expect(equalBytes(await disk.read(lba, blocks), part)).toBe(true);
  }
  const whole = await disk.read(firstBlock, SLOT_BLOCKS);
  expect(equalBytes(whole, model)).toBe(true);
}

async function zero(session: InitiatorSession, lba: number, blocks: number) {
  const list = new Uint8Array(24);
  putU16(list, 0, 22);
  putU16(list, 2, 16);
  putU32(list, 12, lba);
  putU32(list, 16, blocks);
  const cdb = Uint8Array.of(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
  const { status } = await session.command({ lun: 0, cdb, dataOut: list });
  expect(status).toBe(0);
}

async function writeSame(
  session: InitiatorSession,
  where: { lba: number; blocks: number },
  block: Uint8Array,
) {
  const cdb = new Uint8Array(10);
  cdb[0] = 0x41;
  putU32(cdb, 2, where.lba);
  putU16(cdb, 7, where.blocks);
  const { status } = await session.command({ lun: 0, cdb, dataOut: block });
  expect(status).toBe(0);
}

for (const way of WAYS) {
  Deno.test(`${way.name}: all that is written reads back (seed ${SEED})`, async () => {
    const { targets, connect } = simulated(way);
    const two = [await connect(), await connect()];
    const roll = dice(SEED);
    await Promise.all(
      two.flatMap(({ session }, which) =>
        Array.from(
          { length: SLOTS },
          (_, slot) =>
            workOn(session, (which * SLOTS + slot) * SLOT_BLOCKS, roll),
        )
      ),
    );
    expect(targets.sessions().length).toBe(2);
    for (const { session, served } of two) {
      await session.logout();
      await served;
    }
    expect(targets.sessions()).toEqual([]);
  });
}
