/** EXTENDED COPY: the bytes of both disks are read back whole. */

import { expect } from "expect";
import { u16, u32 } from "../base/bytes.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  type CscdFields,
  resultsCdb,
  type SegmentFields,
} from "../scsi/copy/testing.ts";
import { senseOf } from "./testing/cdb.ts";
import {
  BLOCK,
  copy,
  filled,
  FIRST,
  holds,
  LAST,
  MIB_BLOCKS,
  ONE,
  part,
} from "./testing/copies.ts";
import { diskFixturesOf, naaOf } from "./testing/disks.ts";

const fixture = diskFixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

Deno.test("blocks are copied from disk to disk, first and last and many at once, and no others", async () => {
  for (
    const [sourceLba, destinationLba, blocks] of [
      [0, LAST, 1],
      [LAST, 0, 1],
      [5, 9, 3],
      [1, 3, 3 * MIB_BLOCKS + 1],
      [LAST - 4 * MIB_BLOCKS, LAST - 4 * MIB_BLOCKS, 4 * MIB_BLOCKS + 1],
    ] as const
  ) {
    const disks = fixture();
    const { first, second } = await filled(disks);
    const { initiator } = await disks.session();
    const segment = { sourceLba, destinationLba, blocks };
    expect((await copy(initiator, [segment])).status).toBe(0);
    second.set(part(first, sourceLba, blocks), destinationLba * BLOCK);
    await holds(disks, 0, first);
    await holds(disks, 1, second);
  }
});

Deno.test("segments come one after the other, in both directions, through either unit", async () => {
  const disks = fixture();
  const { first, second } = await filled(disks);
  const { initiator } = await disks.session();
  const ended = await copy(initiator, [
    { blocks: 2, sourceLba: 10, destinationLba: 20 },
    { blocks: 2, source: 1, destination: 0, sourceLba: 20, destinationLba: 30 },
    { blocks: 0, sourceLba: LAST + 100, destinationLba: LAST + 100 },
    { blocks: 1, source: 1, destination: 1, sourceLba: 21, destinationLba: 0 },
  ], { lun: ONE });
  expect(ended.status).toBe(0);
  second.set(part(first, 10, 2), 20 * BLOCK);
  first.set(part(first, 10, 2), 30 * BLOCK);
  second.set(part(second, 21, 1), 0);
  await holds(disks, 0, first);
  await holds(disks, 1, second);
  const status = await initiator.run({
    cdb: resultsCdb(0),
    read: 1024,
    lun: ONE,
  });
  expect([status.data[4], u16(status.data, 5), u32(status.data, 8)])
    .toEqual([1, 4, 5 * BLOCK]);
});

Deno.test("a segment that overlaps itself arrives as it was, up and down, by little and by much", async () => {
  const blocks = 2 * MIB_BLOCKS + 3;
  for (
    const shift of [1, 7, MIB_BLOCKS, MIB_BLOCKS + 1, blocks - 1, blocks, 0]
  ) {
    for (
      const [sourceLba, destinationLba] of [[3, 3 + shift], [3 + shift, 3]]
    ) {
      const disks = fixture();
      const { first } = await filled(disks);
      const { initiator } = await disks.session();
      const segment = {
        blocks,
        destination: 0,
        sourceLba: sourceLba!,
        destinationLba: destinationLba!,
      };
      expect((await copy(initiator, [segment])).status).toBe(0);
      first.copyWithin(
        destinationLba! * BLOCK,
        sourceLba! * BLOCK,
        (sourceLba! + blocks) * BLOCK,
      );
      await holds(disks, 0, first);
    }
  }
});

Deno.test("between 512 and 4096 bytes a block: whole blocks, padded, cut, or refused", async () => {
  const small = { naa: naaOf(0) };
  const large = { naa: naaOf(1), blockSizeBytes: 4096 };
  const attempt = async (
    segment: SegmentFields,
    cscds: readonly CscdFields[] = [small, large],
  ) => {
    const disks = fixture([{}, { blockSizeBytes: 4096 }]);
    const { first, second } = await filled(disks);
    const { initiator } = await disks.session();
    const ended = await copy(initiator, [segment], { cscds });
    return { ended, first, second, disks };
  };
  const exact = await attempt({ blocks: 16, sourceLba: 8, destinationLba: 2 });
  expect(exact.ended.status).toBe(0);
  exact.second.set(part(exact.first, 8, 16), 2 * 4096);
  await holds(exact.disks, 1, exact.second);

  const back = { source: 1, destination: 0 };
  const down = await attempt({
    ...back,
    blocks: 1,
    sourceLba: 3,
    destinationLba: LAST - 7,
  });
  expect(down.ended.status).toBe(0);
  const block = down.second.subarray(3 * 4096, 4 * 4096);
  down.first.set(block, (LAST - 7) * BLOCK);
  await holds(down.disks, 0, down.first);

  // DC counts blocks of the destination.
  const counted = await attempt({ blocks: 2, flags: 2 });
  expect(counted.ended.status).toBe(0);
  counted.second.set(part(counted.first, 0, 16));
  await holds(counted.disks, 1, counted.second);

  for (const flags of [0, 1]) {
    const inexact = await attempt({ blocks: 9, flags });
    expect(senseOf(inexact.ended)).toEqual({ key: 0xa, code: 0x260a });
    await holds(inexact.disks, 1, inexact.second);
  }
  const padded = await attempt({ blocks: 9, destinationLba: 1 }, [
    small,
    { ...large, pad: true },
  ]);
  expect(padded.ended.status).toBe(0);
  padded.second.fill(0, 4096, 3 * 4096);
  padded.second.set(part(padded.first, 0, 9), 4096);
  await holds(padded.disks, 1, padded.second);

  // What would have to be kept for the next segment is not padded instead.
  const kept = await attempt({ blocks: 9, flags: 1 }, [
    small,
    { ...large, pad: true },
  ]);
  expect(senseOf(kept.ended)).toEqual({ key: 0xa, code: 0x260a });
  await holds(kept.disks, 1, kept.second);

  const cut = await attempt({ ...back, blocks: 9, flags: 2 }, [
    small,
    { ...large, pad: true },
  ]);
  expect(cut.ended.status).toBe(0);
  cut.first.set(cut.second.subarray(0, 9 * BLOCK));
  await holds(cut.disks, 0, cut.first);
});

Deno.test("padding that fills a piece to its last byte is written, too", async () => {
  const disks = fixture([{}, { blockSizeBytes: 4096 }]);
  const { first, second } = await filled(disks);
  const { initiator } = await disks.session();
  const blocks = 2 * MIB_BLOCKS + 1;
  const ended = await copy(initiator, [{ blocks }], {
    cscds: [FIRST, { naa: naaOf(1), blockSizeBytes: 4096, pad: true }],
  });
  expect(ended.status).toBe(0);
  second.fill(0, 0, blocks * BLOCK + 7 * BLOCK);
  second.set(part(first, 0, blocks));
  await holds(disks, 1, second);
});
