import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { PowerSupply, type Process } from "./power_supply.ts";

const CUTS = 300;
const SECTOR = 512;

/** What `live` and then a power cut may leave of the file "data", of 8 sectors: each sector's first byte, and how often. */
async function leftBy(
  live: (process: Process, supply: PowerSupply) => unknown,
): Promise<Map<string, number>> {
  const left = new Map<string, number>();
  for (let seed = 0; seed < CUTS; seed++) {
    const supply = new PowerSupply(new Dice(seed));
    await live(supply.process(), supply);
    supply.cut();
    const file = supply.process().open("data", 8 * SECTOR);
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes);
    const firsts = [];
    for (let at = 0; at < bytes.length; at += SECTOR) {
      const sector = bytes.subarray(at, at + SECTOR);
      expect(sector.every((byte) => byte === sector[0])).toBe(true);
      firsts.push(sector[0]);
    }
    const key = firsts.join(" ");
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  return left;
}

function sectors(count: number, byte: number): Uint8Array {
  return new Uint8Array(count * SECTOR).fill(byte);
}

Deno.test("what was not synced survives a cut in any order, in parts, or not at all", async () => {
  const left = await leftBy((process) => {
    const file = process.open("data", 8 * SECTOR);
    file.write(0, sectors(2, 1));
    file.write(SECTOR, sectors(2, 2));
  });
  expect([...left.keys()].sort()).toEqual([
    "0 0 0 0 0 0 0 0",
    "0 0 2 0 0 0 0 0",
    "0 1 0 0 0 0 0 0",
    "0 1 2 0 0 0 0 0",
    "0 2 0 0 0 0 0 0",
    "0 2 2 0 0 0 0 0",
    "1 0 0 0 0 0 0 0",
    "1 0 2 0 0 0 0 0",
    "1 1 0 0 0 0 0 0",
    "1 1 2 0 0 0 0 0",
    "1 2 0 0 0 0 0 0",
    "1 2 2 0 0 0 0 0",
  ]);
});

Deno.test("a sync that is over keeps what came before it, and one under way promises nothing", async () => {
  const over = await leftBy(async (process, supply) => {
    const file = process.open("data", 8 * SECTOR);
    file.write(0, sectors(1, 1));
    const sync = file.sync();
    file.write(0, sectors(1, 2));
    supply.endSync();
    await sync;
  });
  expect([...over.keys()].sort()).toEqual([
    "1 0 0 0 0 0 0 0",
    "2 0 0 0 0 0 0 0",
  ]);
  const underWay = await leftBy((process) => {
    const file = process.open("data", 8 * SECTOR);
    file.write(0, sectors(1, 1));
    void file.sync();
  });
  expect(underWay.size).toBe(2);
  const atOnce = await leftBy((process) => {
    const file = process.open("data", 8 * SECTOR);
    file.write(0, sectors(1, 1));
    file.syncNow();
  });
  expect([...atOnce.keys()]).toEqual(["1 0 0 0 0 0 0 0"]);
});

Deno.test("lengths survive in their order, and what was written behind one that did not is gone", async () => {
  const left = await leftBy((process) => {
    const file = process.open("data", 8 * SECTOR);
    file.write(0, sectors(8, 1));
    file.syncNow();
    file.truncate(2 * SECTOR);
    file.truncate(3 * SECTOR);
    file.write(2 * SECTOR, sectors(1, 2));
  });
  expect([...left.keys()].sort()).toEqual([
    "1 1",
    "1 1 0",
    "1 1 1 1 1 1 1 1",
    "1 1 2",
    "1 1 2 1 1 1 1 1",
  ]);
});

Deno.test("a kill loses nothing, and the dead can do nothing", () => {
  const supply = new PowerSupply(new Dice(1));
  const process = supply.process();
  const file = process.open("data");
  file.write(0, sectors(1, 1));
  void file.sync();
  supply.kill();
  expect(supply.syncs).toBe(0);
  const acts = [
    () => file.size(),
    () => file.write(0, sectors(1, 2)),
    // It may still have been starting.
    () => process.open("data"),
    () => process.open("other"),
    () => process.folder("f").list(),
    () => process.folder("f").create("new"),
  ];
  for (const act of acts) {
    expect(act).toThrow(/^There was a crash/);
  }
  const next = supply.process();
  expect(next.open("data").size()).toBe(SECTOR);
  expect(next.open("other").size()).toBe(0);
  expect(next.folder("f").list()).toEqual([]);
});

Deno.test("names that a folder has not synced are there or not", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < CUTS; seed++) {
    const supply = new PowerSupply(new Dice(seed));
    const folder = supply.process().folder("f");
    folder.create("stable").write(0, sectors(1, 1));
    const sync = folder.sync();
    supply.endSync();
    await sync;
    folder.create("loose");
    folder.remove("stable");
    expect(folder.list()).toEqual(["loose"]);
    supply.cut();
    seen.add(supply.process().folder("f").list().join());
    expect(() => folder.list()).toThrow(/^There was a crash/);
  }
  expect([...seen].sort()).toEqual(["", "loose", "loose,stable", "stable"]);
});
