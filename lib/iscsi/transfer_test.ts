import { expect } from "expect";
import fc from "fast-check";
import { RESERVED_TAG } from "./pdu/bhs.ts";
import {
  type DataOutHeader,
  INCORRECT_AMOUNT_OF_DATA,
  PROTOCOL_SERVICE_CRC_ERROR,
  TransferError,
  UNEXPECTED_UNSOLICITED_DATA,
  WriteTransfer,
  type WriteTransferOptions,
} from "./transfer.ts";

const PARAMETERS = {
  initialR2T: false,
  immediateData: true,
  firstBurstLength: 1000,
  maxBurstLength: 2000,
  maxOutstandingR2T: 1,
};

function write(
  options: Partial<WriteTransferOptions> = {},
  parameters: Partial<typeof PARAMETERS> = {},
): WriteTransfer {
  return new WriteTransfer({
    expectedLength: 5000,
    neededLength: 5000,
    final: true,
    immediateLength: 0,
    ...options,
    parameters: { ...PARAMETERS, ...parameters },
  });
}

function data(
  [bufferOffset, dataSegmentLength]: [number, number],
  rest: Partial<DataOutHeader> = {},
): DataOutHeader {
  return {
    bufferOffset,
    dataSegmentLength,
    final: false,
    dataSn: 0,
    targetTransferTag: RESERVED_TAG,
    ...rest,
  };
}

function codeOf(act: () => unknown): number {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof TransferError) return thrown.code;
    throw thrown;
  }
  throw new Error("Nothing was thrown");
}

Deno.test("write: immediate data alone is all there is", () => {
  const t = write({
    expectedLength: 512,
    neededLength: 512,
    immediateLength: 512,
  });
  expect(t.done).toBe(true);
  expect(t.nextR2t(1)).toBe(undefined);
});

Deno.test("write: immediate, unsolicited, then one R2T after the other", () => {
  const t = write({ final: false, immediateLength: 300 });
  expect(t.done).toBe(false);
  // No R2T while unsolicited data is on its way.
  expect(t.nextR2t(1)).toBe(undefined);
  expect(t.receive(data([300, 400]))).toBe(400);
  expect(t.receive(data([700, 300], { dataSn: 1, final: true }))).toBe(300);
  const first = t.nextR2t(7)!;
  expect(first).toEqual({
    r2tSn: 0,
    targetTransferTag: 7,
    bufferOffset: 1000,
    desiredDataTransferLength: 2000,
  });
  expect(t.nextR2t(8)).toBe(undefined);
  expect(t.receive(data([1000, 1500], { targetTransferTag: 7 }))).toBe(1500);
  expect(
    t.receive(
      data([2500, 500], { targetTransferTag: 7, dataSn: 1, final: true }),
    ),
  ).toBe(500);
  expect(t.done).toBe(false);
  expect(t.nextR2t(8)).toEqual({
    r2tSn: 1,
    targetTransferTag: 8,
    bufferOffset: 3000,
    desiredDataTransferLength: 2000,
  });
  t.receive(data([3000, 2000], { targetTransferTag: 8, final: true }));
  expect(t.done).toBe(true);
  expect(t.nextR2t(9)).toBe(undefined);
  expect(t.receivedLength).toBe(5000);
});

Deno.test("write: several R2Ts at once, answered in their order", () => {
  const t = write({}, { maxOutstandingR2T: 2 });
  expect(t.nextR2t(1)?.bufferOffset).toBe(0);
  expect(t.nextR2t(2)?.bufferOffset).toBe(2000);
  expect(t.nextR2t(3)).toBe(undefined);
  expect(
    codeOf(() =>
      t.receive(data([2000, 2000], { targetTransferTag: 2, final: true }))
    ),
  ).toBe(PROTOCOL_SERVICE_CRC_ERROR);
  t.receive(data([0, 2000], { targetTransferTag: 1, final: true }));
  expect(t.nextR2t(3)?.desiredDataTransferLength).toBe(1000);
});

Deno.test("write: what goes beyond what is needed is dropped and not asked for", () => {
  const t = write({ neededLength: 600, final: false, immediateLength: 500 });
  expect(t.length).toBe(600);
  expect(t.receive(data([500, 300]))).toBe(100);
  expect(t.receive(data([800, 200], { dataSn: 1, final: true }))).toBe(0);
  expect(t.done).toBe(true);
  expect(t.nextR2t(1)).toBe(undefined);
  // And a refused command's data is waited for and dropped.
  const refused = write({ neededLength: 0, final: false });
  expect(refused.done).toBe(false);
  expect(refused.receive(data([0, 1000], { final: true }))).toBe(0);
  expect(refused.done).toBe(true);
});

Deno.test("write: no more than expected is asked for, whatever is needed", () => {
  const t = write({ expectedLength: 700, neededLength: 5000 });
  expect(t.nextR2t(1)?.desiredDataTransferLength).toBe(700);
});

Deno.test("write: an unsolicited sequence may end early", () => {
  const t = write({ final: false });
  t.receive(data([0, 100], { final: true }));
  expect(t.nextR2t(1)?.bufferOffset).toBe(100);
});

Deno.test("write: the command itself breaks what was agreed", () => {
  expect(codeOf(() => write({ immediateLength: 1 }, { immediateData: false })))
    .toBe(UNEXPECTED_UNSOLICITED_DATA);
  expect(codeOf(() => write({ immediateLength: 1001 })))
    .toBe(UNEXPECTED_UNSOLICITED_DATA);
  expect(codeOf(() => write({ immediateLength: 11, expectedLength: 10 })))
    .toBe(INCORRECT_AMOUNT_OF_DATA);
  expect(codeOf(() => write({ final: false }, { initialR2T: true })))
    .toBe(UNEXPECTED_UNSOLICITED_DATA);
  // The limits themselves are allowed.
  expect(write({ immediateLength: 1000 }).receivedLength).toBe(1000);
});

Deno.test("write: faults of Data-Out", () => {
  const unsolicited = () => write({ final: false });
  const solicited = () => {
    const t = write();
    t.nextR2t(7);
    return t;
  };
  const ttt = { targetTransferTag: 7 };
  const table: [() => WriteTransfer, DataOutHeader, number][] = [
    [unsolicited, data([0, 1001]), UNEXPECTED_UNSOLICITED_DATA],
    [unsolicited, data([0, 1000]), INCORRECT_AMOUNT_OF_DATA],
    [unsolicited, data([0, 10], { dataSn: 1 }), PROTOCOL_SERVICE_CRC_ERROR],
    [unsolicited, data([10, 10]), PROTOCOL_SERVICE_CRC_ERROR],
    [unsolicited, data([0, 10], ttt), PROTOCOL_SERVICE_CRC_ERROR],
    [solicited, data([0, 10]), UNEXPECTED_UNSOLICITED_DATA],
    [
      solicited,
      data([0, 10], { targetTransferTag: 8 }),
      PROTOCOL_SERVICE_CRC_ERROR,
    ],
    [solicited, data([0, 2001], ttt), INCORRECT_AMOUNT_OF_DATA],
    [solicited, data([0, 2000], ttt), INCORRECT_AMOUNT_OF_DATA],
    [
      solicited,
      data([0, 1999], { ...ttt, final: true }),
      INCORRECT_AMOUNT_OF_DATA,
    ],
    [solicited, data([4, 10], ttt), PROTOCOL_SERVICE_CRC_ERROR],
    [
      solicited,
      data([0, 10], { ...ttt, dataSn: 1 }),
      PROTOCOL_SERVICE_CRC_ERROR,
    ],
  ];
  for (const [make, pdu, code] of table) {
    expect(codeOf(() => make().receive(pdu))).toBe(code);
  }
});

Deno.test("write: an honest initiator of any habits gets every byte in, once", () => {
  const length = fc.integer({ min: 0, max: 9000 });
  const limit = fc.integer({ min: 1, max: 3000 });
  fc.assert(fc.property(
    fc.record({
      expectedLength: length,
      neededLength: length,
      immediate: fc.boolean(),
      unsolicited: fc.boolean(),
      firstBurstLength: limit,
      maxBurstLength: limit,
      segment: limit,
      maxOutstandingR2T: fc.integer({ min: 1, max: 4 }),
    }),
    (how) => {
      const { expectedLength, segment } = how;
      const first = Math.min(how.firstBurstLength, expectedLength);
      const immediateLength = how.immediate ? Math.min(first, segment) : 0;
      const final = !how.unsolicited || immediateLength === first;
      const t = new WriteTransfer({
        expectedLength,
        neededLength: how.neededLength,
        final,
        immediateLength,
        parameters: {
          initialR2T: false,
          immediateData: how.immediate,
          firstBurstLength: how.firstBurstLength,
          maxBurstLength: how.maxBurstLength,
          maxOutstandingR2T: how.maxOutstandingR2T,
        },
      });
      let kept = Math.min(immediateLength, t.length);
      const send = (start: number, end: number, targetTransferTag: number) => {
        let dataSn = 0;
        for (let at = start; at < end;) {
          const dataSegmentLength = Math.min(segment, end - at);
          kept += t.receive({
            bufferOffset: at,
            dataSegmentLength,
            final: at + dataSegmentLength === end,
            dataSn: dataSn++,
            targetTransferTag,
          });
          at += dataSegmentLength;
        }
      };
      if (!final) send(immediateLength, first, RESERVED_TAG);
      let tag = 0;
      const asked = [];
      for (;;) {
        for (let ask; (ask = t.nextR2t(tag)); tag++) asked.push(ask);
        const ask = asked.shift();
        if (ask === undefined) break;
        expect(ask.desiredDataTransferLength).toBeLessThanOrEqual(
          how.maxBurstLength,
        );
        send(
          ask.bufferOffset,
          ask.bufferOffset + ask.desiredDataTransferLength,
          ask.targetTransferTag,
        );
      }
      expect(t.done).toBe(true);
      expect(kept).toBe(t.length);
    },
  ));
});

Deno.test("write: any Data-Out is taken within bounds or the initiator's fault", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({
        final: fc.boolean(),
        dataSegmentLength: fc.nat(1200),
        targetTransferTag: fc.constantFrom(RESERVED_TAG, 0, 1, 2),
        dataSn: fc.nat(2),
        bufferOffset: fc.constantFrom(0, 100, 500, 1000, 3000),
      }),
      { maxLength: 10 },
    ),
    (pdus) => {
      const t = write({ final: false });
      let tag = 0;
      try {
        for (const pdu of pdus) {
          const keep = t.receive(pdu);
          expect(pdu.bufferOffset + keep).toBeLessThanOrEqual(t.length);
          while (t.nextR2t(tag)) tag++;
        }
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(TransferError);
      }
    },
  ));
});
