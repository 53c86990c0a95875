/** Where a number is among others, close together and far apart. */
import { expect } from "expect";
import { Dice } from "../../tests/fuzz/dice.ts";
import { NumberIndex } from "./number_index.ts";

Deno.test("each number is found where it is, and no other is", () => {
  for (const stride of [1, 2, 1000]) {
    for (let seed = 1; seed <= 100; seed++) {
      const dice = Dice.forCase(seed, stride);
      const all = new Set(
        Array.from({ length: dice.next(40) }, () => stride * dice.next(60)),
      );
      const numbers = [...all].sort((a, b) => a - b);
      const index = new NumberIndex(numbers);
      for (let n = -1; n <= 61; n++) {
        for (const number of [stride * n, stride * n + 0.5]) {
          expect(index.indexOf(number)).toBe(numbers.indexOf(number));
        }
      }
    }
  }
});
