/**
 * A volume whose bucket shows another history than that which was written here, taken as it is shown, because a person says so: older, for
 * it was put back; gone on with by another node; or whole only up to something that is missing or damaged.
 *
 *     not open ──▶ compared ──▶ let go by who held it ──▶ claimed, and from then on what was known here is given up ──▶ open
 *
 * What waits in the journal belongs to the other history: it is set aside, and nothing of it is ever written to this one.
 */

import { invariant, VaultError } from "../base/errors.ts";
import type { Rollback } from "../control/operations.ts";
import {
  type Shown,
  takeBucketVolume,
  whyRefused,
} from "../store/segmented/bucket_volume.ts";
import type { Pin } from "../store/segmented/segment_row.ts";
import type { TakenVolume } from "../store/segmented/taken_volume.ts";
import { type Here, withBucket } from "./bucket_operations.ts";
import {
  type BucketDocument,
  restoreOver,
  type VolumeDocument,
} from "./documents.ts";
import { releaseVolume } from "./volume_holders.ts";

type InBucket = VolumeDocument & { readonly bucket: BucketDocument };

/** @throws {VaultError} `conflict` where it is in use, or there is nothing to accept; then nothing has happened */
export async function acceptRollback(
  world: Here,
  { name, stop, tell }: {
    readonly name: string;
    /** Ends what is being made of the volume. */
    readonly stop: (why: string) => Promise<void>;
    /** Told when the history is given up, whatever comes then. */
    readonly tell: (how: string) => void;
  },
): Promise<Rollback> {
  const { live, state: { catalog } } = world;
  const { bucket, ...rest } = catalog.get(name);
  if (!bucket) {
    throw new VaultError(`Volume "${name}" is not in a bucket`, {
      kind: "usage",
      hint: "One in a file is what the file holds.",
    });
  }
  const document = { ...rest, bucket };
  const disk = live?.volumes.bucketDisk(name);
  if (disk && !disk.isFenced) throw nothingToAccept(name);
  if (live?.volumes.isServed(name)) live.volumes.expectUnused(name);
  await stop(`Volume "${name}" is taken as its bucket shows it`);
  let accepted: Accepted | undefined;
  try {
    await live?.volumes.discard(name);
    accepted = await accept(world, { document, tell });
    const { taken, rollback } = accepted;
    catalog.update(restoreOver(catalog.get(name), taken.sizeBytes));
    await live?.volumes.openBucket(catalog.get(name), taken);
    return rollback;
  } finally {
    accepted?.taken.letGo();
    // Where that failed, it is opened as it was, or says why not.
    await live?.volumes.openAll();
  }
}

interface Accepted {
  readonly taken: TakenVolume;
  readonly rollback: Rollback;
}

async function accept(
  world: Here,
  { document, tell }: {
    readonly document: InBucket;
    readonly tell: (how: string) => void;
  },
): Promise<Accepted> {
  const { state: { catalog }, clock } = world;
  const { name, bucket: spec } = document;
  const folder = catalog.bucketFolder(name);
  folder.settle();
  const keys = folder.keys();
  const pin = folder.pin();
  const taking = { ...world, claiming: "take" } as const;
  return await withBucket(spec, taking, async (bucket, { elsewhere }) => {
    const common = { bucket, elsewhere, keys, clock };
    const journal = await folder.openJournal(spec.journalBytes);
    const { undrainedBytes: givenUpBytes } = journal;
    let why: VaultError | undefined;
    try {
      why = await whyRefused({ ...common, pin, journal });
    } finally {
      await journal.close();
    }
    if (!why) throw nothingToAccept(name);
    await release(world, name);
    const aside = asideAt(clock.now());
    const keptIn = givenUpBytes > 0 ? folder.pathOf(aside) : undefined;
    let shown: Shown | undefined;
    let isGivenUp = false;
    const taken = await takeBucketVolume({
      ...common,
      acceptance: {
        pin,
        about: (past) => {
          shown = past;
          // Whatever is in the way from here on, the volume is opened with the size that it has then.
          catalog.update({ ...document, restoring: past.sizeBytes });
        },
      },
      keepPin: (other) => {
        if (isGivenUp) return folder.keepPin(other);
        invariant(shown, "A volume that is taken and was not shown");
        folder.goOnWith(other, aside);
        isGivenUp = true;
        // Whatever fails from here on, it has happened.
        tell(sentence({ why, pin, shown, givenUpBytes, keptIn }));
        folder.settle();
      },
    });
    if (keptIn === undefined) folder.removeAside(aside);
    const { liveBytes, timeMs } = taken;
    const rollback = {
      ...{ liveBytes, givenUpBytes },
      ...(shown?.cut !== undefined && { cut: shown.cut }),
      ...(timeMs > 0 && { stateOf: timeOf(timeMs) }),
      ...(keptIn !== undefined && { keptIn }),
    };
    return { taken, rollback };
  });
}

/** What its journal is called from then on. */
function asideAt(ms: number): string {
  return `journal-given-up-${timeOf(ms).replace(/[^0-9TZ]/g, "")}`;
}

/** Whoever holds it has read another history, and writes on to that. */
async function release({ live, state, clock }: Here, name: string) {
  const { catalog } = state;
  if (catalog.get(name).behind) return;
  if (await live?.leases.releaseKnown(name)) return;
  const nowMs = clock.now();
  await releaseVolume(name, { catalog, leases: undefined, nowMs });
}

function nothingToAccept(name: string): VaultError {
  return new VaultError(
    `The bucket of volume "${name}" shows what was written here`,
    { kind: "conflict", hint: "There is no rollback to accept." },
  );
}

/** For the audit log. */
function sentence(
  { why, pin, shown, givenUpBytes, keptIn }: {
    readonly why: VaultError;
    readonly pin: Pin;
    readonly shown: Shown;
    readonly givenUpBytes: number;
    readonly keptIn: string | undefined;
  },
): string {
  const { cut, end: { timeMs } } = shown;
  const state = timeMs > 0 ? timeOf(timeMs) : "its beginning";
  return [
    why.message,
    `it was known up to segment ${
      pin.next - 1
    } of epoch ${pin.epoch}, and is taken as of ${state}`,
    ...(cut === undefined ? [] : [`what comes then is cut off: ${cut}`]),
    keptIn === undefined
      ? "nothing waited to be uploaded"
      : `${givenUpBytes} bytes that waited to be uploaded are given up, and kept in ${keptIn}`,
  ].join("; ");
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
