import { expect } from "expect";
import { putU24, putU32 } from "../base/bytes.ts";
import { Disk } from "../scsi/disk.ts";
import { silent } from "../base/log.ts";
import { systemClock } from "../os/clock.ts";
import { FakeStore } from "./testing/fakes.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { fixturesOf, IQN, pattern } from "./testing/fixture.ts";
import { cdb10 } from "./testing/cdb.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";
import { Volume } from "./volume.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

/** Streams a run; set FUZZ_STREAMS for longer ones, FUZZ_SEED for another or the same one again. */
const STREAMS = Number(Deno.env.get("FUZZ_STREAMS") ?? 400);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 20260101);

const FUZZED = "iqn.2026-01.example:fuzzed";

const OPCODES = [0, 1, 1, 1, 1, 1, 1, 2, 4, 5, 5, 5, 5, 5];
/** Most of these end the session, so they are rare. */
const RARE_OPCODES = [3, 6, 0x10, 0x1c, 0x25, 0x3f];
/** Operation code, where LBA and count are and how wide: enough to get past the first looks at a CDB. */
const CDBS = [
  [0x28, 2, 7, 2],
  [0x2a, 2, 7, 2],
  [0x2e, 2, 7, 2],
  [0x2f, 2, 7, 2],
  [0x34, 2, 7, 2],
  [0x35, 2, 7, 2],
  [0x41, 2, 7, 2],
  [0x42, 2, 7, 2],
  [0x88, 6, 10, 4],
  [0x8a, 6, 10, 4],
  [0x8f, 6, 10, 4],
  [0x93, 6, 10, 4],
  [0x89, 6, 13, 1],
  [0x9e, 6, 10, 4],
] as const;
const OTHER_CDBS = [0, 3, 0x12, 0x1a, 0x25, 0x55, 0x5e, 0x5f, 0xa0, 0xa3, 0xff];

/** Puts a CDB and the transfer length that mostly goes with it into a header. */
function putCdb(dice: Dice, pdu: Uint8Array): void {
  if (dice.next(4) === 0) {
    pdu[32] = dice.of(OTHER_CDBS);
    for (let i = 33; i < 48; i++) pdu[i] = dice.of([0, 0, 1, dice.next(256)]);
    return;
  }
  const [code, lbaAt, countAt, width] = dice.of(CDBS);
  const count = dice.of([0, 1, 2, 3, 8, 100]);
  pdu[32] = code;
  pdu[33] = dice.of([0, 0, 0, 2, 8, dice.next(256)]);
  if (code === 0x9e) pdu[33] = 0x12;
  putU32(pdu, 32 + lbaAt, dice.of([0, 1, 7, 8000, 8191, 9000]));
  pdu[32 + countAt + width - 1] = code === 0x42 ? 24 : count;
  const length = code === 0x42
    ? 24
    : code === 0x89
    ? 1024 * count
    : 512 * count;
  putU32(pdu, 20, dice.of([length, length, length, length, 512, 0, 4096]));
}

/** A PDU that is right in its outer form: what it says is mostly plausible. */
function plausible(dice: Dice, cmdSn: number): Uint8Array {
  const dataLength = dice.of([0, 0, 4, 48, 512, 1024, dice.next(5000)]);
  const pdu = new Uint8Array(48 + ((dataLength + 3) & ~3));
  pdu.set(dice.bytes(Math.min(64, dataLength)), 48);
  pdu[0] = dice.of(dice.next(80) === 0 ? RARE_OPCODES : OPCODES) |
    (dice.next(3) === 0 ? 0x40 : 0);
  pdu[1] = dice.of([0x80, 0x81, 0xa1, 0xc1, 0x21, 0xe1, dice.next(256)]);
  putU24(pdu, 5, dataLength);
  if (dice.next(8) === 0) pdu[9] = dice.next(4);
  putU32(pdu, 16, dice.of([1, 2, 3, 4, 0xffffffff, dice.next(2 ** 31)]));
  putU32(pdu, 20, dice.of([0, 512, 1024, 4096, 1, 2, 3, 0xffffffff]));
  putU32(pdu, 24, cmdSn + dice.of([0, 0, 0, 0, 0, 1, 2, -1, 127, 128]));
  if ((pdu[0]! & 0x3f) === 1) putCdb(dice, pdu);
  else for (let i = 32; i < 48; i++) pdu[i] = dice.of([0, 0, 0, 1]);
  if (pdu[0] === 5) putU32(pdu, 36, dice.next(3));
  return pdu;
}

function mutated(dice: Dice, pdu: Uint8Array): Uint8Array {
  for (let n = dice.next(4); n > 0; n--) {
    pdu[dice.next(48)] = dice.next(256);
  }
  return dice.next(10) === 0 ? pdu.subarray(0, dice.next(pdu.length)) : pdu;
}

function stream(dice: Dice, cmdSn: number): Uint8Array[] {
  const kind = dice.next(10);
  if (kind === 0) return [dice.bytes(1 + dice.next(4000))];
  return Array.from({ length: 1 + dice.next(40) }, () => {
    const pdu = plausible(dice, cmdSn);
    if (pdu[0] !== 5 && (pdu[0]! & 0x40) === 0) cmdSn++;
    return kind < 7 ? pdu : mutated(dice, pdu);
  });
}

async function bystanderWorks(initiator: RawInitiator, n: number) {
  const data = pattern(1024, n);
  const lba = n % 100;
  const write = await initiator.run({
    cdb: cdb10(0x2a, lba, 2),
    write: 1024,
    data,
  });
  expect(write.status).toBe(0);
  const read = await initiator.run({ cdb: cdb10(0x28, lba, 2), read: 1024 });
  expect(read.data).toEqual(data);
}

Deno.test(`junk, mutations and nonsense end in nothing worse than a closed connection (seed ${SEED})`, async () => {
  const { connect, session, targets, complaints } = fixture();
  const store = new FakeStore(new Uint8Array(4 * 1024 * 1024));
  const unit = new Disk({
    identity: {
      vendor: "V",
      product: "P",
      revision: "1",
      serial: "1",
      naa: "3000000000000001",
      targetName: FUZZED,
    },
    geometry: { blockSizeBytes: 512, sizeBytes: store.sizeBytes },
    readOnly: false,
  });
  const volume = new Volume({ unit, store, clock: systemClock, log: silent });
  targets.add({ iqn: FUZZED, name: "fuzzed", units: new Map([[0, volume]]) });
  const bystander = await session({ n: 1 });
  const dice = new Dice(SEED);
  for (let n = 0; n < STREAMS; n++) {
    store.gate = dice.of([
      undefined,
      () => Promise.resolve(),
      () => systemClock.sleep(0),
    ]);
    volume.waits = dice.next(2) === 0;
    store.broken = dice.next(4) === 0 ? () => dice.next(5) === 0 : undefined;
    store.calls.length = 0;
    const before = dice.next(8) === 0;
    const digests = dice.next(5) === 0 ? { HeaderDigest: "CRC32C" } : {};
    const { initiator, served } = connect({
      chunkBytes: dice.of([7, 100, 1 << 20]),
    });
    if (!before) {
      const keys: Record<string, string> = {
        ...digests,
        InitialR2T: dice.of(["Yes", "No"]),
      };
      expect(await initiator.login({ target: FUZZED, keys })).toBe(0);
      await initiator.run({ cdb: new Uint8Array(16) });
    }
    const swallowed = initiator.closed();
    try {
      for (const bytes of stream(dice, initiator.cmdSn)) {
        await initiator.duplex.write(bytes);
        if (dice.next(20) === 0) await bystanderWorks(bystander.initiator, n);
      }
      await initiator.duplex.close();
    } catch {
      // The target has cut the connection, which is its good right.
    }
    const stop = systemClock.after(50, () => initiator.duplex.abort());
    await served;
    stop();
    await swallowed;
    await bystanderWorks(bystander.initiator, n);
  }
  expect(complaints.filter((line) => line.startsWith("A defect"))).toEqual([]);
  expect(targets.sessions().map(({ iqn }) => iqn)).toEqual([IQN]);
});

Deno.test("half a PDU at every length, then the end: the connection ends and nothing happens", async () => {
  const { session, store, complaints } = fixture();
  const whole = 48 + 512;
  for (let length = 1; length < whole; length += 13) {
    const { initiator, served } = await session();
    const { bytes } = initiator.commandPdu({
      cdb: cdb10(0x2a, 0, 1),
      write: 512,
      data: pattern(512),
    });
    await initiator.duplex.write(bytes.subarray(0, length));
    await initiator.duplex.close();
    await served;
  }
  expect(store.calls).toEqual([]);
  expect(complaints).toEqual([]);
});
