import { expect } from "expect";
import fc from "fast-check";
import { concat } from "../lib/base/bytes.ts";
import { duplexPair } from "../lib/base/duplex_pair.ts";
import { ConnectionLost, PeerError } from "../lib/base/errors.ts";
import { decodeGoodbye, encodeGoodbye } from "./goodbye.ts";
import {
  eachFrame,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_REASON_BYTES,
  putFrameHeader,
} from "./frame.ts";
import type { LinkEndKind } from "./link.ts";
import { RecordType } from "./record.ts";
import { linkOverWire } from "./testing/links.ts";
import { testDirection, testSealer } from "./testing/records.ts";
import { DEVICE_TO_NODE } from "./keys.ts";

type PlainFrame = readonly [number, number, Uint8Array];

function encode(frames: readonly PlainFrame[]): Uint8Array {
  return concat(frames.map(([type, channel, body]) => {
    const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
    putFrameHeader(frame, 0, { type, channel, length: body.length });
    frame.set(body, FRAME_HEADER_BYTES);
    return frame;
  }));
}

const frames = fc.array(fc.tuple(
  fc.nat(255),
  fc.nat(0xffff_ffff),
  fc.uint8Array({ maxLength: 60 }),
));

Deno.test("frames are read as they were written", () => {
  fc.assert(fc.property(frames, (written) => {
    const read: PlainFrame[] = [];
    eachFrame(
      encode(written),
      (type, channel, body) => read.push([type, channel, body.slice()]),
    );
    expect(read).toEqual(written.map((frame) => [...frame]));
  }));
});

Deno.test("a frame is drawn as in the comment", () => {
  expect(encode([[FrameType.DATA, 0x01020304, Uint8Array.of(9, 8)]])).toEqual(
    Uint8Array.of(4, 0, 0, 2, 1, 2, 3, 4, 9, 8),
  );
});

Deno.test("every truncated record of frames is refused", () => {
  const whole = encode([[4, 1, new Uint8Array(20)]]);
  for (let length = 1; length < whole.length; length++) {
    expect(() => eachFrame(whole.subarray(0, length), () => {})).toThrow(
      PeerError,
    );
  }
});

Deno.test("a goodbye goes both ways, and nothing else is one", () => {
  const kinds: LinkEndKind[] = [
    "goodbye",
    "refused",
    "tampered",
    "violation",
    "aborted",
  ];
  for (const kind of kinds) {
    const end = { kind, reason: 'device "laptop" was revoked' };
    expect(decodeGoodbye(encodeGoodbye(end)!)).toEqual(end);
  }
  for (const kind of ["cut", "silent"] as const) {
    expect(encodeGoodbye({ kind, reason: "" })).toBeUndefined();
  }
  const long = encodeGoodbye({ kind: "aborted", reason: "é".repeat(5000) })!;
  expect(long.length).toBeLessThanOrEqual(1 + MAX_REASON_BYTES);
  expect(decodeGoodbye(long).reason).toMatch(/^é+$/);
  for (
    const junk of [[], [9], [0, 0xff], [0, ...new Array(MAX_REASON_BYTES + 1)]]
  ) {
    expect(() => decodeGoodbye(Uint8Array.from(junk))).toThrow(PeerError);
  }
});

Deno.test("authentic junk ends a link as the peer's fault, and nothing worse", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.oneof(
            fc.constant<number>(RecordType.FRAMES),
            fc.nat(255),
          ),
          fc.oneof(
            fc.uint8Array({ maxLength: 100 }),
            fc.array(fc.tuple(
              fc.oneof(fc.integer({ min: 1, max: 9 }), fc.nat(255)),
              fc.nat(6),
              fc.oneof(
                fc.uint8Array({ maxLength: 9 }),
                fc.constant(new TextEncoder().encode('{"kind":"x"}')),
              ),
            )).map(encode),
          ),
        ),
        { minLength: 1, maxLength: 8 },
      ),
      async (records) => {
        const [far, near] = duplexPair();
        const node = linkOverWire(near);
        const accepting = (async () => {
          for (
            let incoming = await node.accept();
            incoming;
            incoming = await node.accept()
          ) void incoming.accept().read().catch(() => {});
        })();
        const seal = testSealer(
          testDirection({ seed: 1, direction: DEVICE_TO_NODE }),
        );
        for (const [type, payload] of records) {
          // After a key update, this direction's sealer goes on by itself; one with a payload is refused anyhow.
          // The link may have ended by then.
          await far.write(seal(payload, type)).catch((thrown) =>
            expect(thrown).toBeInstanceOf(ConnectionLost)
          );
        }
        await far.close();
        const { kind, reason } = await node.closed;
        expect([
          "cut",
          "violation",
          "goodbye",
          "refused",
          "tampered",
          "aborted",
        ])
          .toContain(kind);
        expect(reason).not.toContain("defect");
        expect(node.stats.macFailures).toBe(0);
        await accepting;
      },
    ),
    { numRuns: 500 },
  );
});
