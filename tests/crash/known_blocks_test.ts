import { expect } from "expect";
import { History } from "../../lib/store/testing/history.ts";
import { KnownBlocks } from "./known_blocks.ts";

function setUp() {
  const cells = Int32Array.of(...[7, 7, 0, 0], 4);
  const history = new History(cells);
  const known = new KnownBlocks(cells);
  const send = (from: number, to: number) => {
    const change = history.send({ what: "write", cells: [{ from, to }] });
    known.sent(change);
    return change;
  };
  return { known, send };
}

Deno.test("a block is known where one operation at a time has touched it", () => {
  const { known, send } = setUp();
  expect(known.numbers(0, 3)).toEqual([7, 7, 0]);
  const change = send(1, 3);
  expect(known.numbers(0, 1)).toEqual([7]);
  expect(known.numbers(0, 2)).toBe(undefined);
  known.over(change, true);
  expect(known.numbers(0, 3)).toEqual([7, change.number, change.number]);
});

Deno.test("a block is not known any more where two were beside each other", () => {
  const { known, send } = setUp();
  const [one, other] = [send(0, 2), send(1, 3)];
  expect([known.isTangled(one), known.isTangled(other)]).toEqual([true, true]);
  known.over(one, true);
  // It was beside the first, although that is over.
  expect(known.isTangled(other)).toBe(true);
  known.over(other, true);
  expect(known.numbers(0, 1)).toEqual([one.number]);
  expect(known.numbers(1, 1)).toBe(undefined);
  expect(known.numbers(2, 1)).toEqual([other.number]);
  const later = send(1, 2);
  expect(known.isTangled(later)).toBe(false);
  known.over(later, true);
  expect(known.numbers(1, 1)).toEqual([later.number]);
});

Deno.test("what has changed nothing leaves what was known", () => {
  const { known, send } = setUp();
  known.over(send(0, 2), false);
  expect(known.numbers(0, 2)).toEqual([7, 7]);
});
