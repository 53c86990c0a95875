/** Records for tests: both halves of a direction, keyed as in a link. */

import { concat } from "../../lib/base/bytes.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import {
  DEVICE_TO_NODE,
  type Direction,
  KEY_BYTES,
  LINK_ID_BYTES,
} from "../keys.ts";
import {
  type OpenedRecord,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  type RecordDirection,
  RecordOpener,
  RecordSealer,
  RecordType,
  type RenewalLimits,
} from "../record.ts";

/** A direction of a link that is told from others by `seed`. */
export function testDirection(
  options: { seed?: number; direction?: Direction } = {},
): RecordDirection {
  const seed = options.seed ?? 1;
  return {
    direction: options.direction ?? DEVICE_TO_NODE,
    linkId: new Uint8Array(LINK_ID_BYTES).fill(seed),
    secret: new Uint8Array(KEY_BYTES).fill(seed),
  };
}

export function testSealer(
  direction: RecordDirection = testDirection(),
  renewal?: RenewalLimits,
): (payload: Uint8Array, type?: number) => Uint8Array {
  const sealer = new RecordSealer(primitives, {
    ...direction,
    ...(renewal ? { renewal } : {}),
  });
  return (payload, type = RecordType.FRAMES) => {
    const record = new Uint8Array(payload.length + RECORD_OVERHEAD_BYTES);
    record.set(payload, RECORD_HEADER_BYTES);
    sealer.seal(type, record);
    return record;
  };
}

export function testOpener(
  direction: RecordDirection = testDirection(),
): RecordOpener {
  return new RecordOpener(primitives, direction);
}

/** What came out of `bytes`, and what ended it. */
export function openAll(
  bytes: Uint8Array | readonly Uint8Array[],
  opener: RecordOpener = testOpener(),
): { opened: OpenedRecord[]; thrown: unknown } {
  const opened: OpenedRecord[] = [];
  try {
    const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
    for (const chunk of chunks) {
      opener.receive(
        chunk,
        ({ type, payload }) => opened.push({ type, payload: payload.slice() }),
      );
    }
  } catch (thrown) {
    return { opened, thrown };
  }
  return { opened, thrown: undefined };
}

/** `bytes` cut at `cuts`, which are fractions of its length. */
export function split(
  bytes: Uint8Array,
  cuts: readonly number[],
): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length))]
    .concat(bytes.length)
    .toSorted((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

export { concat };
