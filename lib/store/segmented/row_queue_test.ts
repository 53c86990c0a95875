/** Whose turn it is to be written. */
import { expect } from "expect";
import { RowQueue, UPLOADS } from "./row_queue.ts";
import { VolumeMap } from "./volume_map.ts";

const SECTORS = 64;

/** A map with one segment, all of which is there. */
function mapOfOne(): VolumeMap {
  const map = new VolumeMap();
  const bytes = new Uint8Array(32);
  map.apply(
    {
      ...{ number: 1, digest: bytes, salt: bytes },
      ...{ dataStart: 200, dataBytes: SECTORS * 512 },
    },
    [{ kind: "data", sector: 0, sectors: SECTORS, at: 0 }],
    SECTORS,
  );
  return map;
}

const moved = (sector: number, sectors = 1) => ({
  extents: [{
    ...{ kind: "moved" as const, sector, sectors },
    from: { segment: 1, sector },
  }],
  data: [new Uint8Array(sectors * 512).fill(sector)],
});

function queueOf(presses: boolean) {
  const map = mapOfOne();
  const queue = new RowQueue(map, () => presses);
  const names = new Map<unknown, string>();
  return {
    ...{ map, queue },
    write(name: string): void {
      const packed = { extents: [], data: [] };
      names.set(packed, name);
      void queue.write(packed);
    },
    async take(): Promise<string> {
      const taken = await queue.take();
      for (const { resolve } of taken) resolve();
      return taken.map(({ packed }) => names.get(packed) ?? "move").join(" ");
    },
  };
}

Deno.test("a move goes when no write waits", async () => {
  const { queue, write, take } = queueOf(false);
  void queue.move(moved(0));
  for (let n = 1; n <= UPLOADS + 1; n++) write(`w${n}`);
  expect(await take()).toBe("w1 w2 w3 w4");
  expect(await take()).toBe("w5");
  expect(await take()).toBe("move");
  expect(await take()).toBe("");
});

Deno.test("where moves press, one write goes for two of them", async () => {
  const { queue, write, take } = queueOf(true);
  for (let n = 1; n <= 3; n++) write(`w${n}`);
  for (let n = 0; n < 5; n++) void queue.move(moved(n));
  const groups = [];
  for (let n = 0; n < 6; n++) groups.push(await take());
  expect(groups).toEqual(["move", "move", "w1 move", "move", "w2 move", "w3"]);
});

Deno.test("a write waits for a move that is coming and presses, until it is there or comes no more", async () => {
  const { queue, write, take } = queueOf(true);
  for (let n = 1; n <= 8; n++) write(`w${n}`);
  const noMore = queue.expectMoves();
  const first = take();
  expect(await Promise.race([first, turns()])).toBe("nothing");
  void queue.move(moved(0));
  expect(await first).toBe("move");
  void queue.move(moved(1));
  expect(await take()).toBe("move");
  expect(await take()).toBe("w1");
  const next = take();
  expect(await Promise.race([next, turns()])).toBe("nothing");
  noMore();
  expect(await next).toBe("w2 w3 w4 w5");
});

Deno.test("of a move goes what is still there when its turn comes, and nothing where nothing is", async () => {
  const { queue, map, take } = queueOf(false);
  const some = queue.move(moved(8, 8));
  map.cut(12);
  expect(await take()).toBe("move");
  expect(await some).toBe(4 * 512);
  const none = queue.move(moved(20, 4));
  expect(await take()).toBe("");
  expect(await none).toBe(0);
});

Deno.test("beside what is under way goes one write after the other, but none where moves press", async () => {
  const other = queueOf(false);
  const coming = other.queue.another();
  expect(await Promise.race([coming, turns()])).toBe("nothing");
  expect(other.queue.takeAnother()).toBeUndefined();
  other.write("w1");
  await coming;
  other.write("w2");
  void other.queue.move(moved(0));
  expect(other.queue.isEmpty).toBe(false);
  other.queue.takeAnother()!.resolve();
  expect(await other.take()).toBe("w2");
  expect(other.queue.takeAnother()).toBeUndefined();
  expect(await other.take()).toBe("move");
  expect(other.queue.isEmpty).toBe(true);
  const { queue, write, take } = queueOf(true);
  write("w1");
  void queue.move(moved(0));
  expect(queue.takeAnother()).toBeUndefined();
  expect(await take()).toBe("move");
  // A move that is coming presses as much.
  const noMore = queue.expectMoves();
  expect(queue.takeAnother()).toBeUndefined();
  noMore();
  expect(queue.takeAnother()).toBeDefined();
});

/** Long enough for whatever waits for nothing. */
async function turns(): Promise<string> {
  for (let n = 0; n < 50; n++) await undefined;
  return "nothing";
}
