/** What the demo shows, act by act. Each gives a sentence on what was seen, or throws. */

import { equalBytes } from "../../lib/base/bytes.ts";
import { messageOf, VaultError } from "../../lib/base/errors.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { formatRate, formatSize } from "../size.ts";
import {
  type Deed,
  type Direction,
  drop,
  flipOneBit,
  type Meddling,
  replay,
} from "./proxy.ts";
import { BLOCK_BYTES, type Stage, VOLUME_BYTES } from "./stage.ts";

export interface Act {
  /** What is done, for the progress line and for the table. */
  readonly title: string;
  /** @returns what was seen */
  readonly play: (stage: Stage) => Promise<string>;
}

/** What is written first, and must be there unchanged at the end of every act. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** What is written while somebody meddles, behind it. */
const LOAD_BYTES = 8 * 1024 * 1024;
const LOAD_LBA = KEPT_BYTES / BLOCK_BYTES;
/** Nobody takes longer to notice. */
const CAUGHT_WITHIN_MS = 15_000;

/** All of it, in order. They share what the first of them wrote. */
export function acts(): readonly Act[] {
  const kept = systemPrimitives.random(KEPT_BYTES);
  return [
    {
      title: "a node serves a volume",
      play: async (stage) =>
        `node ${(await stage.serve()).slice(0, 12)}, ${
          formatSize(VOLUME_BYTES)
        }`,
    },
    {
      title: "a device joins it with a code",
      async play(stage) {
        await stage.join();
        return "keys made, certificates exchanged";
      },
    },
    {
      title: "the device attaches the volume",
      play: async (stage) => `portal at ${await stage.attach()}`,
    },
    {
      title: "bytes are written and read back",
      play: (stage) => writeAndReadBack(stage, kept),
    },
    meddlingAct({
      title: "one bit is flipped on the way there",
      direction: "up",
      deed: flipOneBit,
      kept,
    }),
    meddlingAct({
      title: "a record is replayed on the way back",
      direction: "down",
      deed: replay,
      kept,
    }),
    meddlingAct({
      title: "a record is dropped on the way there",
      direction: "up",
      deed: drop,
      kept,
    }),
  ];
}

async function writeAndReadBack(
  stage: Stage,
  bytes: Uint8Array,
): Promise<string> {
  const disk = await stage.disk();
  const began = systemClock.monotonic();
  await disk.write(0, bytes);
  await disk.flush();
  const written = systemClock.monotonic();
  const back = await disk.read(0, bytes.length / BLOCK_BYTES);
  const read = systemClock.monotonic();
  if (!equalBytes(bytes, back)) {
    throw new VaultError("Other bytes were read than were written");
  }
  if (!equalBytes(stage.stored().subarray(0, bytes.length), bytes)) {
    throw new VaultError("Other bytes lie on the node than were written");
  }
  const rate = (from: number, to: number) =>
    formatRate(bytes.length / (to - from) * 1000);
  return `${formatSize(bytes.length)} equal, ${rate(began, written)} and ${
    rate(written, read)
  }`;
}

interface Meddle {
  readonly title: string;
  readonly direction: Direction;
  readonly deed: Deed;
  readonly kept: Uint8Array;
}

/** Somebody on the way meddles with one record while the disk is busy. */
function meddlingAct(meddle: Meddle): Act {
  return { title: meddle.title, play: (stage) => playMeddling(stage, meddle) };
}

async function playMeddling(stage: Stage, meddle: Meddle): Promise<string> {
  const { direction, deed, kept } = meddle;
  const before = stage.stored();
  const connectionsBefore = stage.proxy.taken;
  const disk = await stage.disk();
  const load = systemPrimitives.random(LOAD_BYTES);
  const meddling = stage.proxy.meddle(direction, deed);
  const work = direction === "up"
    ? disk.write(LOAD_LBA, load)
    : disk.read(0, kept.length / BLOCK_BYTES).then((bytes) =>
      expectSame(bytes, kept)
    );
  // It may fail with an error, never succeed with wrong bytes.
  const outcome = work.then(() => undefined, (thrown: unknown) => {
    if (thrown instanceof WrongBytes) throw thrown;
  });
  const caughtMs = await caughtAfter(meddling);
  await outcome;
  const again = await stage.disk();
  expectSame(await again.read(0, kept.length / BLOCK_BYTES), kept);
  expectOldOrNew(stage.stored(), { before, load, isWrite: direction === "up" });
  if (stage.proxy.taken <= connectionsBefore) {
    throw new VaultError("No new connection was made");
  }
  return `caught in ${
    caughtMs.toFixed(0)
  } ms, connection made anew, data intact`;
}

class WrongBytes extends VaultError {}

function expectSame(bytes: Uint8Array, expected: Uint8Array): void {
  if (!equalBytes(bytes, expected)) {
    throw new WrongBytes("Other bytes were read than were written");
  }
}

/** Milliseconds from the deed to the end of the connection that it was done to. */
async function caughtAfter(meddling: Meddling): Promise<number> {
  const late = new AbortController();
  const timeout = systemClock.sleep(CAUGHT_WITHIN_MS, late.signal).then(() => {
    throw new VaultError(`Nobody noticed within ${CAUGHT_WITHIN_MS / 1000} s`);
  });
  try {
    const doneMs = await Promise.race([meddling.done, timeout]);
    return await Promise.race([meddling.ended, timeout]) - doneMs;
  } catch (thrown) {
    throw new VaultError(messageOf(thrown));
  } finally {
    timeout.catch(() => {});
    late.abort(new VaultError("In time"));
  }
}

/** On the node, each block holds what was there, or what was just written: nothing that was changed on the way. */
function expectOldOrNew(
  after: Uint8Array,
  was: { before: Uint8Array; load: Uint8Array; isWrite: boolean },
): void {
  const { before, load, isWrite } = was;
  for (let at = 0; at < after.length; at += BLOCK_BYTES) {
    const now = after.subarray(at, at + BLOCK_BYTES);
    if (equalBytes(now, before.subarray(at, at + BLOCK_BYTES))) continue;
    const inLoad = at - LOAD_LBA * BLOCK_BYTES;
    const isNew = isWrite && inLoad >= 0 && inLoad < load.length &&
      equalBytes(now, load.subarray(inLoad, inLoad + BLOCK_BYTES));
    if (!isNew) {
      throw new WrongBytes(`Wrong bytes lie on the node, from byte ${at} on`);
    }
  }
}
