/**
 * Every command that changes blocks, at the edges of a disk of more than 2^32 of them, by the project's own initiator: what it was to change
 * is changed, what lies beside it is not, and what is refused has changed nothing.
 */
import { expect } from "expect";
import { equalBytes } from "../../lib/base/bytes.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { type Mutation, MUTATIONS, unmapList } from "./mutations.ts";
import { type Client, served, sparseStore } from "./served_disk.ts";

const BLOCK = 512;
const BOUNDARY = 2 ** 32;
const BLOCKS = BOUNDARY + 4096;
const SIZE_BYTES = BLOCKS * BLOCK;

/** Parts of the disk that are looked at whole: first LBA and blocks. */
const WINDOWS = [
  [0, 64],
  [BOUNDARY - 64, 128],
  [BLOCKS - 64, 64],
] as const;

/** What is changed: first LBA and blocks. */
const PLACES = [
  [0, 1],
  [0, 8],
  [3, 5],
  [BOUNDARY - 1, 1],
  [BOUNDARY - 5, 16],
  [BOUNDARY, 1],
  [BOUNDARY + 3, 7],
  [BLOCKS - 9, 5],
  [BLOCKS - 8, 8],
  [BLOCKS - 1, 1],
] as const;

/** Every byte tells of its place and of `seed`; none is zero. */
function pattern(lba: number, blocks: number, seed: number): Uint8Array {
  return Uint8Array.from(
    { length: blocks * BLOCK },
    (_, i) => (lba * 7 + (i >>> 9) * 13 + i * 31 + seed) % 251 + 1,
  );
}

/** What the windows ought to hold. */
class Expected {
  readonly #windows = WINDOWS.map(([lba, blocks]) => ({
    lba,
    bytes: pattern(lba, blocks, 0),
  }));

  async prepare(disk: RemoteDisk): Promise<void> {
    for (const { lba, bytes } of this.#windows) await disk.write(lba, bytes);
  }

  at(lba: number, blocks: number): Uint8Array {
    const window = this.#windows.find((window) =>
      lba >= window.lba &&
      lba + blocks <= window.lba + window.bytes.length / BLOCK
    )!;
    const from = (lba - window.lba) * BLOCK;
    return window.bytes.subarray(from, from + blocks * BLOCK);
  }

  async check(disk: RemoteDisk, what: string): Promise<void> {
    for (const { lba, bytes } of this.#windows) {
      const found = await disk.read(lba, bytes.length / BLOCK);
      const wrong = found.findIndex((byte, i) => byte !== bytes[i]);
      expect([what, wrong]).toEqual([what, -1]);
    }
  }
}

interface Scene {
  readonly client: Client;
  readonly disk: RemoteDisk;
  readonly expected: Expected;
}

async function onBigDisk(play: (scene: Scene) => Promise<void>): Promise<void> {
  await using place = served(await sparseStore(SIZE_BYTES));
  const client = await place.connect();
  const disk = await openDisk(client.session);
  expect(disk.capacity.blocks).toBe(BLOCKS);
  const expected = new Expected();
  await expected.prepare(disk);
  await play({ client, disk, expected });
}

function reaches({ maxLba }: Mutation, lba: number): boolean {
  return lba <= maxLba;
}

for (const mutation of MUTATIONS) {
  Deno.test(`${mutation.name} is read back at the edges`, () =>
    onBigDisk(async ({ client, disk, expected }) => {
      let seed = 1;
      for (const [lba, count] of PLACES) {
        if (!reaches(mutation, lba)) continue;
        const what = `${mutation.name} at ${lba}, ${count} blocks`;
        const old = expected.at(lba, count).slice();
        const fresh = pattern(lba, count, seed++);
        const dataOut = mutation.dataOut({ lba, old, fresh });
        const { verdict } = await client.run({
          cdb: mutation.cdb(lba, count),
          dataOut,
        });
        expect([what, verdict]).toEqual([what, "GOOD"]);
        expected.at(lba, count).set(mutation.result(old, fresh));
        await expected.check(disk, what);
      }
    }));

  Deno.test(`${mutation.name} that is refused changes nothing`, () =>
    onBigDisk(async ({ client, disk, expected }) => {
      const ask = async (lba: number, count: number, dataOut: Uint8Array) => {
        const cdb = mutation.cdb(lba, count);
        return (await client.run({ cdb, dataOut })).verdict;
      };
      const dataFor = (count: number) => {
        const length = count * BLOCK;
        const old = new Uint8Array(length);
        return mutation.dataOut({ lba: 0, old, fresh: pattern(0, count, 9) });
      };
      // Past the end: by one block, wholly, and as far as the CDB can say.
      for (
        const [lba, count] of [[BLOCKS - 1, 2], [BLOCKS - 7, 8], [
          BLOCKS,
          1,
        ]] as const
      ) {
        if (!reaches(mutation, lba)) continue;
        expect([lba, await ask(lba, count, dataFor(count))])
          .toEqual([lba, "5 21/00"]);
      }
      if (mutation.maxLba > BLOCKS) {
        const far = mutation.cdb(0, 1);
        far.fill(0xff, 2, 10);
        const { verdict } = await client.run({ cdb: far, dataOut: dataFor(1) });
        expect(verdict).toBe("5 21/00");
      }
      // No blocks, and more than one command may have.
      if (mutation.zero !== "256 blocks") {
        const nothing = new Uint8Array(0);
        expect(await ask(5, 0, nothing)).toBe(mutation.zero);
      }
      const { count, verdict } = mutation.overlong;
      if (count > 0) expect(await ask(5, count, dataFor(1))).toBe(verdict);
      await expected.check(disk, "what was refused");
    }));

  Deno.test(`${mutation.name} with less or more data than it needs`, () =>
    onBigDisk(async ({ client, disk, expected }) => {
      const [lba, count] = [4, 6];
      const old = expected.at(lba, count).slice();
      const fresh = pattern(lba, count, 77);
      const whole = mutation.dataOut({ lba, old, fresh });
      if (whole.length === 0) return;
      const cdb = mutation.cdb(lba, count);
      // All but a block and a bit.
      const cut = whole.length - Math.min(whole.length - 1, BLOCK + 100);
      const less = await client.run({ cdb, dataOut: whole.subarray(0, cut) });
      if (mutation.short === "writes") {
        expect(less.verdict).toBe(`GOOD +${whole.length - cut}`);
        // Whole blocks alone.
        const written = cut - cut % BLOCK;
        expected.at(lba, count).set(fresh.subarray(0, written));
      } else expect(less.verdict).toBe("5 24/00");
      await expected.check(disk, `${mutation.name} with less data`);
      const more = new Uint8Array(whole.length + 2 * BLOCK).fill(0xee);
      more.set(whole);
      const { verdict } = await client.run({ cdb, dataOut: more });
      if (mutation.short === "writes") {
        expect(verdict).toBe(`GOOD -${2 * BLOCK}`);
        expected.at(lba, count).set(fresh);
      } else expect(verdict).toBe("5 24/00");
      await expected.check(disk, `${mutation.name} with more data`);
    }));
}

Deno.test("WRITE(6) of no blocks is one of 256", () =>
  onBigDisk(async ({ client, disk, expected }) => {
    const fresh = pattern(0, 256, 5);
    const cdb = Uint8Array.of(0x0a, 0, 0, 0, 0, 0);
    const { verdict } = await client.run({ cdb, dataOut: fresh });
    expect(verdict).toBe("GOOD");
    expect(equalBytes(await disk.read(0, 256), fresh)).toBe(true);
    expected.at(0, 64).set(fresh.subarray(0, 64 * BLOCK));
    await expected.check(disk, "256 blocks");
  }));

Deno.test("UNMAP is read back at the edges, aligned or not, and all of a list or nothing", () =>
  onBigDisk(async ({ client, disk, expected }) => {
    const unmap = async (list: Uint8Array, announced = list.length) => {
      const cdb = Uint8Array.of(
        0x42,
        0,
        0,
        0,
        0,
        0,
        0,
        announced >> 8,
        announced,
        0,
      );
      return (await client.run({ cdb, dataOut: list })).verdict;
    };
    for (const [lba, count] of PLACES) {
      expect(await unmap(unmapList([[lba, count]]))).toBe("GOOD");
      expected.at(lba, count).fill(0);
      await expected.check(disk, `UNMAP of ${count} at ${lba}`);
    }
    // Three at once: a part of an allocation unit, one across the boundary, nothing at the very end.
    expect(
      await unmap(unmapList([[33, 3], [BOUNDARY - 30, 61], [BLOCKS, 0]])),
    ).toBe("GOOD");
    expected.at(33, 3).fill(0);
    expected.at(BOUNDARY - 30, 61).fill(0);
    await expected.check(disk, "UNMAP of three");
    // One descriptor past the end, or too much altogether: nothing is done.
    const bad = [[40, 8], [BLOCKS - 1, 2]] as const;
    expect(await unmap(unmapList(bad))).toBe("5 21/00");
    expect(await unmap(unmapList([[40, 8], [0, 2 ** 20]]))).toBe("5 26/00");
    // A list that is cut, and one that is shorter than announced.
    expect(await unmap(unmapList([[40, 8]]).subarray(0, 23))).toBe("GOOD");
    expect(await unmap(unmapList([[40, 8]]).subarray(0, 16), 24)).toBe(
      "5 1a/00",
    );
    expect(await unmap(new Uint8Array(0))).toBe("GOOD");
    await expected.check(disk, "UNMAP that does nothing");
  }));
