/** The oracle's search and its slow twin, which carries out every row that there is, say the same of small histories. */
import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { type Change, History } from "./history.ts";
import { ZEROS } from "./known_content.ts";
import { type Contract, judge, KILLED, PREFIX } from "./oracle.ts";

const BLOCKS = 3;
const MOST_CHANGES = 5;
const HISTORIES = 400;

/** Every state that a row of the operations leaves. */
function statesOf(history: History, contract: Contract): Set<string> {
  const changes = history.changes.flatMap((change) =>
    contract.torn && !change.acknowledged && !change.whole
      ? change.torn()
      : [change]
  );
  const certain = (change: Change) =>
    contract.certain === "stable" ? change.stable : change.acknowledged;
  const states = new Set<string>();
  const walk = (done: readonly Change[], cells: Int32Array) => {
    if (changes.every((one) => !certain(one) || done.includes(one))) {
      states.add(cells.join());
    }
    for (const next of changes) {
      if (done.includes(next)) continue;
      const missing = changes.some((one) =>
        one.acknowledged && !done.includes(one) && one.ended < next.sent
      );
      if (missing || done.some(({ sent }) => next.ended < sent)) continue;
      const after = cells.slice();
      next.every((cell) => {
        after[cell] = next.valueAt(cell);
        return true;
      });
      walk([...done, next], after);
    }
  };
  walk([], Int32Array.of(...[0, 0, 0], BLOCKS));
  return states;
}

function anyHistory(dice: Dice): History {
  const history = new History(Int32Array.of(...[0, 0, 0], BLOCKS));
  const open: Change[] = [];
  for (let n = 2 + dice.next(MOST_CHANGES - 1); n > 0; n--) {
    const from = dice.next(BLOCKS);
    const to = from + 1 + dice.next(BLOCKS - from);
    open.push(history.send({
      what: "any",
      cells: [{ from, to }],
      whole: dice.once(4),
      ...(dice.once(3) && { value: () => ZEROS }),
    }));
    while (open.length > 0 && dice.once(2)) {
      history.acknowledge(open.splice(dice.next(open.length), 1)[0]!);
    }
    if (dice.once(4)) history.acknowledgeFlush(history.sendFlush());
    if (dice.once(8)) {
      history.crash();
      open.length = 0;
      if (dice.once(2)) history.observe(anyCells(dice, history));
    }
  }
  history.crash();
  return history;
}

/** Made of what the operations leave, each cell for itself: rarely a state that there is. */
function anyCells(dice: Dice, history: History): Int32Array {
  const cells = Int32Array.of(...[0, 0, 0], BLOCKS);
  for (let cell = 0; cell < BLOCKS; cell++) {
    const changes = history.changes.filter((change) => change.covers(cell));
    cells[cell] = dice.of(changes).valueAt(cell);
  }
  return cells;
}

for (const [name, contract] of Object.entries({ KILLED, PREFIX })) {
  Deno.test(`${name}: the search and its twin agree`, () => {
    let [fine, wrong] = [0, 0];
    for (let seed = 0; seed < HISTORIES; seed++) {
      const dice = new Dice(seed);
      const history = anyHistory(dice);
      const states = statesOf(history, contract);
      const tried = [
        ...[...states].map((state) => state.split(",").map(Number)),
        ...Array.from({ length: 30 }, () => [...anyCells(dice, history)]),
      ];
      for (const cells of tried) {
        const expected = states.has(cells.join());
        const verdict = judge(history, Int32Array.from(cells), contract);
        if ((verdict === undefined) !== expected) {
          const all = history.changes.map(String).join(", ");
          throw new Error(`seed ${seed}: ${cells}: ${verdict}, of ${all}`);
        }
        if (expected) fine++;
        else wrong++;
      }
    }
    expect(fine).toBeGreaterThan(1000);
    expect(wrong).toBeGreaterThan(1000);
  });
}
