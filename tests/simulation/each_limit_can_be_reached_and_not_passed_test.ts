/** The limits and the provisioning that a disk tells of: each limit can be reached and not be passed, and what is given back is so. */
import { expect } from "expect";
import { putU16, putU32, u32, u64 } from "../../lib/base/bytes.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import { unmapList } from "./mutations.ts";
import { type Client, fetch, served, sparseStore, vpd } from "./served_disk.ts";

const BLOCK = 512;
const SMALL_BYTES = 4096 * BLOCK;
const BIG_BYTES = 4 * 1024 * 1024 * 1024;

Deno.test("each limit can be reached and not be passed", async () => {
  await using disk = served(await sparseStore(BIG_BYTES));
  const client = await disk.connect();
  const page = await vpd(client, 0xb0);
  const verdict = async (cdb: Uint8Array, dataOut?: Uint8Array) =>
    (await client.run({ cdb, ...(dataOut && { dataOut }) })).verdict.slice(
      0,
      7,
    );
  const cdb16 = (opcode: number, count: number, flags = 0) => {
    const cdb = new Uint8Array(16);
    cdb[0] = opcode;
    cdb[1] = flags;
    putU32(cdb, 10, count);
    return cdb;
  };
  const tooMuch = "5 24/00";

  const transfer = u32(page, 8);
  const long = new Uint8Array(transfer * BLOCK);
  expect(await verdict(cdb16(0x8a, transfer), long)).toBe("GOOD");
  expect(await verdict(cdb16(0x8a, transfer + 1), long)).toBe(tooMuch);
  const into = new Uint8Array(long.length);
  expect((await client.run({ cdb: cdb16(0x88, transfer), into })).verdict).toBe(
    "GOOD",
  );
  expect(await verdict(cdb16(0x88, transfer + 1))).toBe(tooMuch);
  // VERIFY without data has no limit.
  expect(await verdict(cdb16(0x8f, transfer + 1))).toBe("GOOD");

  const compared = page[5]!;
  for (
    const [count, expected] of [[compared, "GOOD"], [
      compared + 1,
      tooMuch,
    ]] as const
  ) {
    const cdb = cdb16(0x89, 0);
    cdb[13] = count;
    expect(await verdict(cdb, new Uint8Array(2 * count * BLOCK))).toBe(
      expected,
    );
  }
  const prefetched = u32(page, 16);
  expect(await verdict(cdb16(0x90, prefetched))).toBe("GOOD");
  expect(await verdict(cdb16(0x90, prefetched + 1))).toBe(tooMuch);

  const same = u64(page, 36);
  const block = new Uint8Array(BLOCK).fill(7);
  expect(await verdict(cdb16(0x93, same), block)).toBe("GOOD");
  expect(await verdict(cdb16(0x93, same + 1), block)).toBe(tooMuch);
  // WSNZ.
  expect(page[4]! & 1).toBe(1);
  expect(await verdict(cdb16(0x93, 0), block)).toBe(tooMuch);

  const [unmapped, descriptors] = [u32(page, 20), u32(page, 24)];
  const unmap = (ranges: (readonly [number, number])[]) => {
    const list = unmapList(ranges);
    const cdb = new Uint8Array(10);
    cdb[0] = 0x42;
    putU16(cdb, 7, list.length);
    return verdict(cdb, list);
  };
  expect(await unmap([[0, unmapped]])).toBe("GOOD");
  expect(await unmap([[0, unmapped], [unmapped, 1]])).toBe("5 26/00");
  const many = (count: number) =>
    unmap(Array.from({ length: count }, (_, i) => [i, 1] as const));
  expect(await many(descriptors)).toBe("GOOD");
  expect(await many(descriptors + 1)).toBe("5 26/00");

  const atomic = u32(page, 44);
  for (
    const [count, expected] of [[atomic, "GOOD"], [
      atomic + 1,
      tooMuch,
    ]] as const
  ) {
    const cdb = new Uint8Array(16);
    cdb[0] = 0x9c;
    putU16(cdb, 12, count);
    expect(await verdict(cdb, new Uint8Array(count * BLOCK))).toBe(expected);
  }
  // No boundary, and none may be asked for.
  expect([u32(page, 56), u32(page, 60)]).toEqual([0, 0]);
  const bounded = new Uint8Array(16);
  bounded.set([0x9c], 0);
  bounded.set([0, 1, 0, 1], 10);
  expect(await verdict(bounded, block)).toBe(tooMuch);
});

Deno.test("a disk without atomic writes has no limits for them", async () => {
  await using disk = served(new MemoryStore(SMALL_BYTES));
  const client = await disk.connect();
  const page = await vpd(client, 0xb0);
  expect([...page.subarray(44, 64)]).toEqual(new Array<number>(20).fill(0));
});

Deno.test("what is told of giving back is so: LBPME, LBPRZ, LBPU, LBPWS, LBPWS10", async () => {
  await using disk = served(await sparseStore(SMALL_BYTES));
  const client = await disk.connect();
  const page = await vpd(client, 0xb2);
  expect(page[5]).toBe(0xe4);
  const capacity = await fetch(client, [
    0x9e,
    0x10,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    32,
    0,
    0,
  ], 32);
  expect(capacity[14]! & 0xc0).toBe(0xc0);
  const granularity = u32(await vpd(client, 0xb0), 28);
  const written = new Uint8Array(granularity * BLOCK).fill(9);
  const zeros = new Uint8Array(BLOCK);
  const write10 = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, granularity, 0);
  for (
    const { cdb, dataOut } of [
      {
        cdb: Uint8Array.of(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0),
        dataOut: unmapList([[0, granularity]]),
      },
      {
        cdb: Uint8Array.of(0x41, 8, 0, 0, 0, 0, 0, 0, granularity, 0),
        dataOut: zeros,
      },
      {
        cdb: Uint8Array.of(
          0x93,
          8,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          granularity,
          0,
          0,
        ),
        dataOut: zeros,
      },
    ]
  ) {
    expect((await client.run({ cdb: write10, dataOut: written })).verdict).toBe(
      "GOOD",
    );
    expect(await statusOfFirst(client)).toBe(0);
    expect((await client.run({ cdb, dataOut })).verdict).toBe("GOOD");
    const read10 = Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, granularity, 0);
    const { data } = await client.run({
      cdb: read10,
      dataInLength: written.length,
    });
    expect(data.every((byte) => byte === 0)).toBe(true);
    expect(await statusOfFirst(client)).toBe(1);
  }
});

/** PROVISIONING STATUS of LBA 0: 0 mapped, 1 deallocated. */
async function statusOfFirst(client: Client): Promise<number> {
  const data = await fetch(client, [
    0x9e,
    0x12,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    24,
    0,
    0,
  ], 24);
  return data[20]! & 0x0f;
}
