import { expect } from "expect";
import fc from "fast-check";
import { concat, putU24, toHex } from "../base/bytes.ts";
import { InvariantError, PeerError } from "../base/errors.ts";
import { DEFAULT_MAX_AHS_BYTES, Framer, type FramerOptions } from "./framer.ts";
import { type Digests, NO_DIGESTS, pduLength, sealPdu } from "./layout.ts";
import { dataStart } from "./layout.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";

/** A PDU with the given data and AHS, its header filled with `mark`. */
function makePdu(
  data: Uint8Array,
  how: { mark?: number; ahsBytes?: number; digests?: Digests } = {},
): Uint8Array {
  const { mark = 0x3c, ahsBytes = 0, digests = NO_DIGESTS } = how;
  const bytes = new Uint8Array(pduLength(data.length, digests, ahsBytes));
  bytes.fill(mark, 0, BHS_BYTES + ahsBytes);
  bytes[4] = ahsBytes / 4;
  putU24(bytes, 5, data.length);
  bytes.set(data, dataStart(digests, ahsBytes));
  sealPdu(bytes, 0, { dataLength: data.length, digests, ahsBytes });
  return bytes;
}

/** What a framer makes of the stream in chunks that end at the given offsets, as text to compare. */
function frame(
  stream: Uint8Array,
  cuts: readonly number[],
  options: Partial<FramerOptions> = {},
): string[] {
  const framer = new Framer({ maxDataSegmentBytes: 4096, ...options });
  const seen: string[] = [];
  const ends = [...new Set([...cuts, stream.length])]
    .filter((end) => end <= stream.length).sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    // A chunk is only lent: what was there is gone afterwards.
    const chunk = stream.slice(start, end);
    framer.push(chunk);
    for (let pdu = framer.next(); pdu; pdu = framer.next()) {
      seen.push([
        toHex(pdu.bytes),
        toHex(pdu.bhs),
        toHex(pdu.ahs),
        toHex(pdu.data),
        pdu.dataDigestOk,
      ].join(" "));
    }
    chunk.fill(0xdd);
    start = end;
  }
  return seen;
}

const anyDigests = fc.record({ header: fc.boolean(), data: fc.boolean() });

Deno.test("framer: any split of the bytes gives the same PDUs", () => {
  fc.assert(fc.property(
    anyDigests,
    fc.array(
      fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(3), fc.nat(255)),
      { maxLength: 6 },
    ),
    fc.array(fc.nat(3000), { maxLength: 20 }),
    (digests, of, cuts) => {
      const pdus = of.map(([data, ahsWords, mark]) =>
        makePdu(data, { digests, ahsBytes: 4 * ahsWords, mark })
      );
      const seen = frame(concat(pdus), cuts, { digests });
      expect(seen).toEqual(pdus.map((bytes, i) => {
        const [data, ahsWords] = of[i]!;
        const ahs = bytes.subarray(BHS_BYTES, BHS_BYTES + 4 * ahsWords);
        return [
          toHex(bytes),
          toHex(bytes.subarray(0, BHS_BYTES)),
          toHex(ahs),
          toHex(data),
          true,
        ].join(" ");
      }));
    },
  ));
});

Deno.test("framer: byte by byte", () => {
  const pdus = [makePdu(new Uint8Array(5).fill(9)), makePdu(new Uint8Array(0))];
  const stream = concat(pdus);
  const cuts = Array.from(stream, (_, i) => i);
  expect(frame(stream, cuts)).toEqual(frame(stream, []));
  expect(frame(stream, cuts).length).toBe(2);
});

Deno.test("framer: a chunk's whole PDUs are views of it, and runs as well", () => {
  const stream = concat([
    makePdu(new Uint8Array(10)),
    makePdu(new Uint8Array(10)),
    makePdu(new Uint8Array(10)),
  ]);
  const framer = new Framer({ maxDataSegmentBytes: 4096 });
  framer.push(stream);
  const first = framer.next()!;
  expect(first.bytes.buffer).toBe(stream.buffer);
  expect(first.data.byteOffset).toBe(48);
  const run = framer.nextRun(4096)!;
  expect(run.buffer).toBe(stream.buffer);
  expect(run.length).toBe(120);
  expect(framer.nextRun(4096)).toBe(undefined);
  expect(framer.pendingBytes).toBe(0);
});

Deno.test("framer: runs are the stream, cut at PDUs", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }),
    fc.array(fc.nat(2000), { maxLength: 10 }),
    fc.integer({ min: 1, max: 600 }),
    fc.boolean(),
    (of, cuts, maxBytes, verify) => {
      const pdus = of.map((data) => makePdu(data));
      const stream = concat(pdus);
      const framer = new Framer({ maxDataSegmentBytes: 4096, verify });
      const runs: Uint8Array[] = [];
      let start = 0;
      for (const end of [...cuts, stream.length].sort((a, b) => a - b)) {
        if (end > stream.length || end === start) continue;
        framer.push(stream.slice(start, end));
        for (let run; (run = framer.nextRun(maxBytes));) runs.push(run.slice());
        start = end;
      }
      expect(toHex(concat(runs))).toBe(toHex(stream));
      const ends = new Set<number>();
      pdus.reduce((sum, { length }) => {
        ends.add(sum + length);
        return sum + length;
      }, 0);
      let at = 0;
      for (const run of runs) {
        const single = pdus.some(({ length }) => length === run.length);
        expect(run.length <= maxBytes || single).toBe(true);
        at += run.length;
        expect(ends.has(at)).toBe(true);
      }
    },
  ));
});

Deno.test("framer: a PDU that straddled lives until the next push, with another behind it", () => {
  const first = makePdu(new Uint8Array(100).fill(1));
  const second = makePdu(new Uint8Array(100).fill(2));
  const stream = concat([first, second]);
  const framer = new Framer({ maxDataSegmentBytes: 4096 });
  framer.push(stream.slice(0, 60));
  expect(framer.next()).toBe(undefined);
  framer.push(stream.slice(60, 200));
  const pdu = framer.next()!;
  expect(framer.next()).toBe(undefined);
  expect(toHex(pdu.bytes)).toBe(toHex(first));
  expect(framer.pendingBytes).toBe(200 - first.length);
});

Deno.test("framer: the longest data segment passes, one byte more does not", () => {
  const framer = () => new Framer({ maxDataSegmentBytes: 512 });
  const longest = framer();
  longest.push(makePdu(new Uint8Array(512)));
  expect(longest.next()?.dataLength).toBe(512);
  // Its header alone is enough, and in pieces too.
  const header = makePdu(new Uint8Array(513)).subarray(0, BHS_BYTES);
  const whole = framer();
  whole.push(header);
  expect(() => whole.next()).toThrow(PeerError);
  const pieces = framer();
  pieces.push(header.slice(0, 47));
  expect(pieces.next()).toBe(undefined);
  pieces.push(header.slice(47));
  expect(() => pieces.next()).toThrow(PeerError);
  const run = framer();
  run.push(header);
  expect(() => run.nextRun(1)).toThrow(PeerError);
  // A limit that was raised holds from the next PDU on.
  const raised = framer();
  raised.push(
    concat([makePdu(new Uint8Array(4)), makePdu(new Uint8Array(513))]),
  );
  expect(raised.next()?.dataLength).toBe(4);
  raised.set({ maxDataSegmentBytes: 1024 });
  expect(raised.next()?.dataLength).toBe(513);
});

Deno.test("framer: the longest AHS passes, one word more does not", () => {
  const framer = new Framer({ maxDataSegmentBytes: 512 });
  framer.push(makePdu(new Uint8Array(0), { ahsBytes: DEFAULT_MAX_AHS_BYTES }));
  expect(framer.next()?.ahs.length).toBe(DEFAULT_MAX_AHS_BYTES);
  framer.push(
    makePdu(new Uint8Array(0), { ahsBytes: DEFAULT_MAX_AHS_BYTES + 4 }),
  );
  expect(() => framer.next()).toThrow(PeerError);
});

Deno.test("framer: an announced length alone takes no memory", () => {
  const stream = makePdu(new Uint8Array(2 ** 20)).slice(0, 100);
  const before = Deno.memoryUsage().external;
  const framers = Array.from({ length: 100 }, () => {
    const framer = new Framer({ maxDataSegmentBytes: 2 ** 24 - 1 });
    framer.push(stream);
    expect(framer.next()).toBe(undefined);
    expect(framer.pendingBytes).toBe(100);
    return framer;
  });
  expect(Deno.memoryUsage().external - before).toBeLessThan(2 ** 20);
  expect(framers.length).toBe(100);
});

Deno.test("framer: every flipped bit of a header is caught, and of data is told", () => {
  const digests = { header: true, data: true };
  const good = makePdu(new Uint8Array(9).fill(7), { digests, ahsBytes: 4 });
  const headerBytes = BHS_BYTES + 4 + 4;
  for (let bit = 0; bit < 8 * good.length; bit++) {
    const bad = good.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    const lengthField = bit >> 3 >= 4 && bit >> 3 < 8;
    // A flipped length moves the digests: it is caught, or the PDU never ends.
    if (lengthField) continue;
    const framer = new Framer({ maxDataSegmentBytes: 4096, digests });
    framer.push(bad);
    if (bit >> 3 < headerBytes) expect(() => framer.next()).toThrow(PeerError);
    else expect(framer.next()?.dataDigestOk).toBe(false);
  }
});

Deno.test("framer: without verifying, digests are passed over", () => {
  const digests = { header: true, data: true };
  const bad = makePdu(new Uint8Array(9).fill(7), { digests });
  bad[20]! ^= 1;
  bad[60]! ^= 1;
  const framer = new Framer({
    maxDataSegmentBytes: 4096,
    digests,
    verify: false,
  });
  framer.push(concat([bad, bad]));
  const pdu = framer.next()!;
  expect(pdu.dataDigestOk).toBe(true);
  expect(pdu.data.length).toBe(9);
  expect(framer.nextRun(4096)?.length).toBe(bad.length);
});

Deno.test("framer: digests are switched on between two PDUs of one chunk", () => {
  const digests = { header: true, data: true };
  const data = new Uint8Array(3).fill(4);
  const framer = new Framer({ maxDataSegmentBytes: 4096 });
  framer.push(concat([makePdu(data), makePdu(data, { digests })]));
  expect(framer.next()?.bytes.length).toBe(52);
  framer.set({ digests });
  const pdu = framer.next()!;
  expect(pdu.bytes.length).toBe(60);
  expect(pdu.dataDigestOk).toBe(true);
  expect(toHex(pdu.data)).toBe("040404");
});

Deno.test("framer: pushing over an unread chunk is the caller's defect", () => {
  const framer = new Framer({ maxDataSegmentBytes: 4096 });
  framer.push(new Uint8Array(1));
  expect(() => framer.push(new Uint8Array(1))).toThrow(InvariantError);
});

Deno.test("framer: any bytes in any pieces give PDUs or the peer's fault", () => {
  fc.assert(
    fc.property(
      anyDigests,
      fc.uint8Array({ maxLength: 2000, size: "max" }),
      fc.array(fc.nat(2000), { maxLength: 10 }),
      (digests, stream, cuts) => {
        try {
          frame(stream, cuts, { digests });
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(PeerError);
        }
      },
    ),
    { numRuns: 500 },
  );
});
