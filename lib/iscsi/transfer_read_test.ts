import { expect } from "expect";
import { ReadTransfer, residualOf } from "./transfer.ts";

Deno.test("read: cut at segments, F at bursts, the last one last", () => {
  const read = new ReadTransfer({
    dataLength: 5000,
    expectedLength: 5500,
    parameters: { maxRecvDataSegmentLength: 1500, maxBurstLength: 2000 },
  });
  const pdus = [];
  while (read.next()) {
    const { bufferOffset, dataSegmentLength, dataSn, final, last } = read;
    pdus.push([bufferOffset, dataSegmentLength, dataSn, final, last]);
  }
  expect(pdus).toEqual([
    [0, 1500, 0, false, false],
    [1500, 500, 1, true, false],
    [2000, 1500, 2, false, false],
    [3500, 500, 3, true, false],
    [4000, 1000, 4, true, true],
  ]);
});

Deno.test("read: never more than expected, and nothing of nothing", () => {
  const parameters = { maxRecvDataSegmentLength: 512, maxBurstLength: 512 };
  const cut = new ReadTransfer({
    dataLength: 600,
    expectedLength: 100,
    parameters,
  });
  expect(cut.next()).toBe(true);
  expect([cut.dataSegmentLength, cut.final, cut.last]).toEqual([
    100,
    true,
    true,
  ]);
  expect(cut.next()).toBe(false);
  const none = new ReadTransfer({
    dataLength: 0,
    expectedLength: 100,
    parameters,
  });
  expect(none.next()).toBe(false);
});

Deno.test("residual: over, under, even", () => {
  expect(residualOf(600, 100)).toEqual({
    overflow: true,
    underflow: false,
    residualCount: 500,
  });
  expect(residualOf(36, 255)).toEqual({
    overflow: false,
    underflow: true,
    residualCount: 219,
  });
  expect(residualOf(5, 5)).toEqual({
    overflow: false,
    underflow: false,
    residualCount: 0,
  });
});
