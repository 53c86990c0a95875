import { expect } from "expect";
import { renderBar } from "./bar.ts";

Deno.test("a bar tells how far it is, how fast, and how long it will take", () => {
  const totalBytes = 100 * 2 ** 30;
  const at = (doneBytes: number, bytesPerSecond?: number) =>
    renderBar("copying", {
      doneBytes,
      totalBytes,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    });
  expect(at(0)).toBe("copying [........................]   0% of 100 GiB");
  expect(at(totalBytes / 2, 2 ** 30)).toBe(
    "copying [############............]  50% of 100 GiB, 1 GiB/s, 50 s left",
  );
  expect(at(totalBytes / 4, 2 ** 28)).toMatch(/ 25% .* 256 MiB\/s, 5 min left/);
  expect(at(0, 2 ** 20)).toMatch(/29 h left/);
  // Never full before it is.
  expect(at(totalBytes - 1)).toMatch(/#\.\] {2}99%/);
  expect(at(totalBytes, 5)).toMatch(/\[#{24}\] 100% .* 0 s left/);
  expect(renderBar("x", { doneBytes: 0, totalBytes: 0 })).toMatch(/100%/);
});
