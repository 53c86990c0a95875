import { expect } from "expect";
import { type Change, History } from "./history.ts";
import { FOREIGN, ZEROS } from "./known_content.ts";
import { type Contract, judge, KILLED, PREFIX, VOLATILE } from "./oracle.ts";

const BLOCKS = 8;

/** A volume of zeros, and words for what happens to it. */
class World {
  readonly history = new History(cellsOf([], BLOCKS));

  send(from: number, to: number, options: { whole?: true } = {}): Change {
    const cells = [{ from, to }];
    return this.history.send({ what: "WRITE", cells, ...options });
  }

  write(from: number, to: number): Change {
    const change = this.send(from, to);
    this.history.acknowledge(change);
    return change;
  }

  unmap(from: number, to: number): Change {
    const change = this.sendUnmap(from, to);
    this.history.acknowledge(change);
    return change;
  }

  sendUnmap(from: number, to: number): Change {
    const cells = [{ from, to }];
    return this.history.send({ what: "UNMAP", cells, value: () => ZEROS });
  }

  sendResize(before: number, after: number): Change {
    const cut = { from: Math.min(before, after), to: Math.max(before, after) };
    return this.history.send({
      what: "resize",
      cells: [cut, { from: BLOCKS, to: BLOCKS + 1 }],
      value: (cell) => cell === BLOCKS ? after : ZEROS,
      stable: true,
    });
  }

  flush(): void {
    this.history.acknowledgeFlush(this.history.sendFlush());
  }

  /** What is said of a volume that holds `blocks` and then zeros. */
  judge(
    contract: Contract,
    blocks: readonly (Change | number)[],
    length = BLOCKS,
  ): string {
    const found = cellsOf(blocks, length);
    return judge(this.history, found, contract) ?? "fine";
  }
}

function cellsOf(blocks: readonly (Change | number)[], length: number) {
  const cells = new Int32Array(BLOCKS + 1);
  blocks.forEach((block, i) =>
    cells[i] = typeof block === "number" ? block : block.number
  );
  cells[BLOCKS] = length;
  return cells;
}

const ALL = [KILLED, VOLATILE, PREFIX];

Deno.test("what was flushed must not be missing", () => {
  const world = new World();
  const write = world.write(0, 2);
  world.flush();
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [write, write])).toBe("fine");
    expect(world.judge(contract, [write])).toMatch(/^Block 1 holds zeros/);
    expect(world.judge(contract, [])).toMatch(/^Block 0 holds zeros/);
  }
});

Deno.test("what was acknowledged survives a kill, and not a power cut", () => {
  const world = new World();
  const first = world.write(0, 2);
  world.flush();
  const second = world.write(1, 3);
  world.history.crash();
  expect(world.judge(KILLED, [first, second, second])).toBe("fine");
  expect(world.judge(KILLED, [first, first, second])).toMatch(/^Block 1 /);
  expect(world.judge(KILLED, [first, first])).toMatch(/^Block 1 /);
  expect(world.judge(PREFIX, [first, first])).toBe("fine");
  // Half of it: a disk with a volatile cache may do that.
  expect(world.judge(VOLATILE, [first, first, second])).toBe("fine");
  expect(world.judge(PREFIX, [first, first, second])).toMatch(/No row/);
});

Deno.test("a flush covers what was acknowledged before it was sent", () => {
  const world = new World();
  const before = world.write(0, 1);
  const beside = world.send(1, 2);
  const flush = world.history.sendFlush();
  world.history.acknowledge(beside);
  const after = world.write(2, 3);
  world.history.acknowledgeFlush(flush);
  world.history.crash();
  for (const contract of [VOLATILE, PREFIX]) {
    expect(world.judge(contract, [before])).toBe("fine");
    expect(world.judge(contract, [before, beside, after])).toBe("fine");
    expect(world.judge(contract, [0, beside, after])).toMatch(/^Block 0 /);
  }
});

Deno.test("a later write without an earlier one is no prefix", () => {
  const world = new World();
  const first = world.write(0, 1);
  const second = world.write(1, 2);
  world.history.crash();
  expect(world.judge(VOLATILE, [0, second])).toBe("fine");
  expect(world.judge(PREFIX, [first])).toBe("fine");
  expect(world.judge(PREFIX, [])).toBe("fine");
  expect(world.judge(PREFIX, [0, second])).toMatch(/No row/);
});

Deno.test("of two beside each other either comes first, and neither twice", () => {
  const world = new World();
  const [a, b] = [world.send(0, 3), world.send(1, 4)];
  world.history.acknowledge(a);
  world.history.acknowledge(b);
  world.history.crash();
  for (const contract of [KILLED, PREFIX]) {
    expect(world.judge(contract, [a, a, a, b])).toBe("fine");
    expect(world.judge(contract, [a, b, b, b])).toBe("fine");
    // Over b in one block, under it in another.
    expect(world.judge(contract, [a, a, b, b])).toMatch(/No row/);
  }
  expect(world.judge(VOLATILE, [a, a, b, b])).toBe("fine");
});

Deno.test("three of which each would have to come before the next are no row", () => {
  const world = new World();
  const [a, b, c] = [
    world.send(0, 2),
    world.send(1, 3),
    world.history.send({
      what: "WRITE",
      cells: [{ from: 2, to: 3 }, { from: 0, to: 1 }],
    }),
  ];
  for (const change of [a, b, c]) world.history.acknowledge(change);
  world.history.crash();
  expect(world.judge(KILLED, [c, b, c])).toBe("fine");
  expect(world.judge(KILLED, [a, b, c])).toMatch(/No row/);
});

Deno.test("what was lost in the crash is there, or not, or for a kill in part", () => {
  const world = new World();
  const old = world.write(0, 4);
  const lost = world.send(1, 3);
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [old, old, old, old])).toBe("fine");
    expect(world.judge(contract, [old, lost, lost, old])).toBe("fine");
    expect(world.judge(contract, [old, old, lost, lost])).toMatch(/^Block 3 /);
  }
  expect(world.judge(KILLED, [old, lost, old, old])).toBe("fine");
  expect(world.judge(PREFIX, [old, lost, old, old])).toMatch(/No row/);
});

Deno.test("a zero is old, or unmapped, and nothing else", () => {
  const world = new World();
  const old = world.write(0, 4);
  world.flush();
  world.sendUnmap(1, 3);
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [old, 0, 0, old])).toBe("fine");
    expect(world.judge(contract, [old, 0, 0])).toMatch(/^Block 3 holds zeros/);
  }
  expect(world.judge(KILLED, [old, 0, old, old])).toBe("fine");
  expect(world.judge(PREFIX, [old, 0, old, old])).toMatch(/No row/);
});

Deno.test("an unmap that leaves no trace is in the row where the row needs it", () => {
  const world = new World();
  const old = world.write(0, 2);
  world.flush();
  const later = world.write(4, 5);
  world.unmap(0, 1);
  world.unmap(1, 2);
  world.history.crash();
  expect(world.judge(PREFIX, [old, old])).toBe("fine");
  expect(world.judge(PREFIX, [old, old, 0, 0, later])).toBe("fine");
  expect(world.judge(PREFIX, [0, old, 0, 0, later])).toBe("fine");
  expect(world.judge(PREFIX, [0, 0, 0, 0, later])).toBe("fine");
  // The second without the first, and both without the write before them.
  expect(world.judge(PREFIX, [old, 0, 0, 0, later])).toMatch(/No row/);
  expect(world.judge(PREFIX, [0, 0])).toMatch(/No row/);
});

Deno.test("an atomic write is there or not, whatever was under way", () => {
  const world = new World();
  const old = world.write(0, 4);
  world.flush();
  const atomic = world.send(0, 4, { whole: true });
  const beside = world.send(1, 2);
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [old, old, old, old])).toBe("fine");
    expect(world.judge(contract, [atomic, beside, atomic, atomic]))
      .toBe("fine");
    expect(world.judge(contract, [old, beside, old, old])).toBe("fine");
    expect(world.judge(contract, [atomic, atomic, atomic, old]))
      .not.toBe("fine");
    expect(world.judge(contract, [atomic, 0, atomic, atomic])).not.toBe("fine");
  }
});

Deno.test("nothing comes back that was overwritten or never sent", () => {
  const world = new World();
  const [older, newer] = [world.write(0, 1), world.write(0, 1)];
  world.flush();
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [newer])).toBe("fine");
    expect(world.judge(contract, [older])).toMatch(
      /^Block 0 holds \d+, of operation \d+ \(WRITE, stable\), and ought/,
    );
    expect(world.judge(contract, [world.history.nextNumber]))
      .toMatch(/^Block 0 holds \d+, which none of the operations/);
    expect(world.judge(contract, [newer, newer])).toMatch(/^Block 1 /);
    expect(world.judge(contract, [FOREIGN])).toMatch(/^Block 0 holds what no/);
  }
});

Deno.test("what was refused has not happened", () => {
  const world = new World();
  const refused = world.send(0, 1);
  world.history.refuse(refused);
  world.history.crash();
  for (const contract of ALL) {
    expect(world.judge(contract, [])).toBe("fine");
    expect(world.judge(contract, [refused])).not.toBe("fine");
  }
});

Deno.test("what a crash has left stays, and what was lost in it does not come later", () => {
  const world = new World();
  const lost = world.send(0, 1);
  world.history.crash();
  world.history.settle(cellsOf([], BLOCKS));
  const next = world.write(1, 2);
  for (const contract of ALL) {
    expect(world.judge(contract, [0, next])).toBe("fine");
    expect(world.judge(contract, [lost, next])).not.toBe("fine");
  }
});

Deno.test("what a kill has left goes with a power cut, until it is flushed", () => {
  const world = new World();
  const stable = world.write(0, 1);
  world.flush();
  const loose = world.write(0, 2);
  world.history.crash();
  world.history.observe(cellsOf([loose, loose], BLOCKS));
  expect(world.judge(KILLED, [loose, loose])).toBe("fine");
  expect(world.judge(KILLED, [stable])).not.toBe("fine");
  for (const contract of [VOLATILE, PREFIX]) {
    expect(world.judge(contract, [stable])).toBe("fine");
    expect(world.judge(contract, [loose, loose])).toBe("fine");
  }
  world.flush();
  for (const contract of [VOLATILE, PREFIX]) {
    expect(world.judge(contract, [stable])).not.toBe("fine");
    expect(world.judge(contract, [loose, loose])).toBe("fine");
  }
});

Deno.test("a volume has its old length or its new one, and its acknowledged one for good", () => {
  const world = new World();
  const old = world.write(0, 8);
  world.flush();
  const before = new Array(8).fill(old);
  const cut = world.sendResize(8, 4);
  for (const contract of ALL) {
    expect(world.judge(contract, before)).toBe("fine");
    expect(world.judge(contract, before.slice(0, 4), 4)).toBe("fine");
    expect(world.judge(contract, before.slice(0, 5), 5)).not.toBe("fine");
  }
  world.history.acknowledge(cut);
  const grown = world.sendResize(4, 8);
  world.history.acknowledge(grown);
  for (const contract of ALL) {
    expect(world.judge(contract, before.slice(0, 4))).toBe("fine");
    expect(world.judge(contract, before.slice(0, 4), 4)).not.toBe("fine");
    expect(world.judge(contract, before)).not.toBe("fine");
  }
});
