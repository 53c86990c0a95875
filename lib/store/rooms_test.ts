/** Memory of some MiB that is used again. */
import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { Rooms } from "./rooms.ts";
import { noTime } from "./testing/journaled.ts";

const MIB = 1024 * 1024;

Deno.test("what was given back is taken again where it is long enough", () => {
  const rooms = new Rooms(noTime);
  const one = rooms.take(2 * MIB - 5);
  const other = rooms.take(10);
  expect(other.buffer).not.toBe(one.buffer);
  rooms.giveBack(one);
  const again = rooms.take(MIB + 1);
  expect(again.buffer).toBe(one.buffer);
  expect(again.length).toBe(MIB + 1);
});

Deno.test("what is too short makes way, and is not kept beside what is longer", () => {
  const rooms = new Rooms(noTime);
  const short = rooms.take(MIB);
  rooms.giveBack(short);
  const long = rooms.take(3 * MIB);
  const another = rooms.take(MIB);
  expect(another.buffer).not.toBe(short.buffer);
  rooms.giveBack(long);
  expect(rooms.take(MIB).buffer).toBe(long.buffer);
  rooms.clear();
});

/** Time that passes when it is told to. */
class Waiting {
  readonly #timers = new Set<() => void>();
  readonly clock: Clock = {
    ...noTime,
    after: (_ms, then) => {
      this.#timers.add(then);
      return () => this.#timers.delete(then);
    },
  };

  get timers(): number {
    return this.#timers.size;
  }

  pass(): void {
    const due = [...this.#timers];
    this.#timers.clear();
    for (const then of due) then();
  }
}

Deno.test("what nobody has wanted for a while is let go, and no more than that", () => {
  const time = new Waiting();
  const rooms = new Rooms(time.clock);
  const some = [rooms.take(MIB), rooms.take(MIB), rooms.take(MIB)];
  for (const room of some) rooms.giveBack(room);
  const buffers = new Set(some.map(({ buffer }) => buffer));
  // Two at a time are wanted from now on.
  const two = [rooms.take(MIB), rooms.take(MIB)];
  for (const room of two) rooms.giveBack(room);
  time.pass();
  const known = [rooms.take(MIB), rooms.take(MIB), rooms.take(MIB)]
    .filter(({ buffer }) => buffers.has(buffer));
  expect(known.length).toBe(2);
  for (const room of known) rooms.giveBack(room);
  time.pass();
  time.pass();
  expect(buffers.has(rooms.take(MIB).buffer)).toBe(false);
  // Nothing is there, and nobody looks any more.
  expect(time.timers).toBe(0);
});

Deno.test("where all is let go nobody looks any more", () => {
  const time = new Waiting();
  const rooms = new Rooms(time.clock);
  const [room, taken] = [rooms.take(MIB), rooms.take(MIB)];
  rooms.giveBack(room);
  expect(time.timers).toBe(1);
  rooms.clear();
  expect(time.timers).toBe(0);
  expect([room.length, taken.length]).toEqual([0, MIB]);
});
