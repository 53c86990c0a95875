/**
 * How fast segments are sealed and opened: `deno run -A tests/bench/sealing.ts`. The best of many turns, since others may be at work on
 * the machine.
 */
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { VolumeKeys } from "../../lib/segments/keys.ts";
import { encodeSegment, openSegment } from "../../lib/segments/segment.ts";

const TURNS = 40;
const SEGMENT_BYTES = 8 * 1024 * 1024;

const keys = new VolumeKeys(primitives, primitives.random(32));
const volumeId = primitives.random(16);

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

function best(turn: () => void): string {
  let ms = Infinity;
  for (let i = 0; i < TURNS; i++) {
    const began = performance.now();
    turn();
    ms = Math.min(ms, performance.now() - began);
  }
  return `${(SEGMENT_BYTES / 1000 / ms).toFixed(0)} MB/s`;
}

for (const writeKib of [4, 64]) {
  const count = SEGMENT_BYTES / 1024 / writeKib;
  const extents = Array.from({ length: count }, (_, i) => ({
    kind: "data" as const,
    sector: (i * 7919 % count) * 1000,
    sectors: writeKib * 2,
  }));
  const request = {
    ...{ volumeId, number: 1, epoch: 1, timeMs: 0, extents },
    previous: new Uint8Array(32),
    data: extents.map(() => primitives.random(writeKib * 1024)),
  };
  let { bytes } = encodeSegment(keys, request);
  const seal = best(() => bytes = encodeSegment(keys, request).bytes);
  const open = best(() => openSegment(keys, { volumeId, number: 1, bytes }));
  say(`writes of ${writeKib} KiB: sealed ${seal}, opened ${open}`);
}

const aead = primitives.aead(primitives.random(32));
const [plain, into] = [primitives.random(65_536), new Uint8Array(65_552)];
const [nonce, associated] = [new Uint8Array(12), new Uint8Array(36)];
const bare = best(() => {
  // One nonce for all: nothing of this leaves the bench.
  for (let i = 0; i < SEGMENT_BYTES; i += plain.length) {
    aead.seal(nonce, associated, plain, into);
  }
});
say(`chunks of 64 KiB alone: sealed ${bare}`);
