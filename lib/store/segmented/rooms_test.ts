/** Memory for segments that is used again. */
import { expect } from "expect";
import { Rooms } from "./rooms.ts";

const MIB = 1024 * 1024;

Deno.test("what was given back is taken again where it is long enough", () => {
  const rooms = new Rooms();
  const one = rooms.take(2 * MIB - 5);
  const other = rooms.take(10);
  expect(other.buffer).not.toBe(one.buffer);
  rooms.giveBack(one);
  const again = rooms.take(MIB + 1);
  expect(again.buffer).toBe(one.buffer);
  expect(again.length).toBe(MIB + 1);
});

Deno.test("what is too short makes way, and is not kept beside what is longer", () => {
  const rooms = new Rooms();
  const short = rooms.take(MIB);
  rooms.giveBack(short);
  const long = rooms.take(3 * MIB);
  const another = rooms.take(MIB);
  expect(another.buffer).not.toBe(short.buffer);
  rooms.giveBack(long);
  expect(rooms.take(MIB).buffer).toBe(long.buffer);
  rooms.clear();
});
