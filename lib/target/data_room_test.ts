import { expect } from "expect";
import { DataRoom } from "./data_room.ts";

Deno.test("shares are granted in turn, within the budget", () => {
  const room = new DataRoom(100);
  const granted: string[] = [];
  const ask = (name: string, bytes: number) =>
    room.request(bytes, () => granted.push(name));
  ask("a", 60);
  ask("b", 40);
  ask("c", 50);
  ask("d", 10);
  expect([granted, room.usedBytes]).toEqual([["a", "b"], 100]);
  room.release(40);
  // d would fit, but c was first.
  expect(granted).toEqual(["a", "b"]);
  room.release(60);
  expect([granted, room.usedBytes]).toEqual([["a", "b", "c", "d"], 60]);
});

Deno.test("who wants more than there is gets it alone", () => {
  const room = new DataRoom(100);
  const granted: string[] = [];
  room.request(10, () => granted.push("small"));
  room.request(500, () => granted.push("large"));
  room.request(10, () => granted.push("next"));
  room.release(10);
  expect(granted).toEqual(["small", "large"]);
  room.release(500);
  expect(granted).toEqual(["small", "large", "next"]);
});

Deno.test("a request that is withdrawn holds nobody up", () => {
  const room = new DataRoom(100);
  const granted: string[] = [];
  const never = () => granted.push("never");
  room.request(90, () => granted.push("first"));
  room.request(90, never);
  room.request(10, () => granted.push("last"));
  expect(room.withdraw(never)).toBe(true);
  expect(granted).toEqual(["first", "last"]);
  expect(room.withdraw(never)).toBe(false);
});

Deno.test("buffers are used again, and no more than a bound are kept", () => {
  const room = new DataRoom(16 * 1024);
  const buffer = room.take(5000);
  expect(buffer.length).toBe(8192);
  room.give(buffer);
  expect(room.take(8000)).toBe(buffer);
  const size = 4 * 1024 * 1024;
  const more = [room.take(size), room.take(size), room.take(size)];
  for (const each of more) room.give(each);
  const kept = [room.take(size), room.take(size), room.take(size)];
  expect(kept.filter((each) => more.includes(each)).length).toBe(2);
});
