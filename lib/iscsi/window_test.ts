import { expect } from "expect";
import fc from "fast-check";
import { InvariantError } from "../base/errors.ts";
import { serialAdd, serialDistance, serialLess } from "../base/serial.ts";
import { CommandWindow } from "./window.ts";

const window = (expCmdSn = 10, sizeCommands = 4) =>
  new CommandWindow<string>({ expCmdSn, sizeCommands });

Deno.test("window: commands in order are delivered, and close it one by one", () => {
  const w = window();
  expect([w.expCmdSn, w.maxCmdSn]).toEqual([10, 13]);
  for (let cmdSn = 10; cmdSn < 14; cmdSn++) {
    expect(w.arrive(cmdSn, false)).toBe("deliver");
  }
  expect([w.expCmdSn, w.maxCmdSn, w.active]).toEqual([14, 13, 4]);
  expect(w.arrive(14, false)).toBe("ignore");
  w.complete();
  expect(w.maxCmdSn).toBe(14);
  expect(w.arrive(14, false)).toBe("deliver");
});

Deno.test("window: outside of it and twice is ignored", () => {
  const w = window();
  expect(w.arrive(9, false)).toBe("ignore");
  expect(w.arrive(14, false)).toBe("ignore");
  expect(w.arrive(0x8000000a, false)).toBe("ignore");
  expect(w.arrive(12, false)).toBe("hold");
  w.hold(12, "12");
  expect(w.arrive(12, false)).toBe("ignore");
  expect(w.arrive(10, false)).toBe("deliver");
  expect(w.arrive(10, false)).toBe("ignore");
});

Deno.test("window: after a gap commands wait for their turn", () => {
  const w = window();
  for (const cmdSn of [12, 11]) {
    expect(w.arrive(cmdSn, false)).toBe("hold");
    w.hold(cmdSn, String(cmdSn));
    expect(w.next()).toBe(undefined);
  }
  expect(w.arrive(10, false)).toBe("deliver");
  expect([w.next(), w.next(), w.next()]).toEqual(["11", "12", undefined]);
  expect([w.expCmdSn, w.maxCmdSn, w.active]).toEqual([13, 13, 3]);
});

Deno.test("window: immediate commands take no place, whatever their number", () => {
  const w = window();
  for (const cmdSn of [10, 9, 500]) {
    expect(w.arrive(cmdSn, true)).toBe("deliver");
  }
  expect([w.expCmdSn, w.maxCmdSn, w.active]).toEqual([10, 13, 0]);
});

Deno.test("window: numbers wrap around", () => {
  const w = window(0xfffffffe);
  expect(w.maxCmdSn).toBe(1);
  for (const cmdSn of [0xfffffffe, 0xffffffff, 0, 1]) {
    expect(w.arrive(cmdSn, false)).toBe("deliver");
  }
  expect([w.expCmdSn, w.maxCmdSn]).toEqual([2, 1]);
});

Deno.test("window: completing what is not active is a defect", () => {
  expect(() => window().complete()).toThrow(InvariantError);
});

Deno.test("window: in any order, each command once, in order, MaxCmdSN never falls", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.array(fc.tuple(fc.integer({ min: -3, max: 40 }), fc.boolean()), {
      maxLength: 80,
    }),
    (first, arrivals) => {
      const w = new CommandWindow<number>({ expCmdSn: first, sizeCommands: 8 });
      const delivered: number[] = [];
      let max = w.maxCmdSn;
      for (const [ahead, completes] of arrivals) {
        const cmdSn = serialAdd(first, ahead);
        const verdict = w.arrive(cmdSn, false);
        if (verdict === "hold") w.hold(cmdSn, ahead);
        if (verdict === "deliver") {
          delivered.push(ahead);
          for (let held; (held = w.next()) !== undefined;) delivered.push(held);
        }
        if (completes && w.active > 0) w.complete();
        expect(serialLess(w.maxCmdSn, max)).toBe(false);
        max = w.maxCmdSn;
        expect(w.active).toBeLessThanOrEqual(8);
        expect(serialDistance(w.expCmdSn, w.maxCmdSn)).toBe(7 - w.active);
      }
      expect(delivered).toEqual(delivered.map((_, i) => i));
    },
  ));
});
