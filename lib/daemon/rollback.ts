/**
 * A volume whose bucket shows another history than that which was written here, taken as it is shown, because a person says so: older, for
 * it was put back, or gone on with by another node.
 *
 *     not open ──▶ compared ──▶ let go by who held it ──▶ claimed, and from then on what was known here is given up ──▶ open
 *
 * What waits in the journal belongs to the other history: it is set aside, and nothing of it is ever written to this one.
 */

import { VaultError } from "../base/errors.ts";
import type { Rollback } from "../control/operations.ts";
import { otherHistory, type Shown } from "../store/segmented/bucket_volume.ts";
import { takeBucketVolume } from "../store/segmented/bucket_volume.ts";
import type { Pin } from "../store/segmented/segment_row.ts";
import type { TakenVolume } from "../store/segmented/taken_volume.ts";
import type { BucketFolder } from "./bucket_folder.ts";
import { type Here, withBucket } from "./bucket_operations.ts";
import {
  type BucketDocument,
  restoreOver,
  type VolumeDocument,
} from "./documents.ts";
import { releaseVolume } from "./volume_holders.ts";

/** What was done, for who asked, and for the audit log. */
export interface AcceptedRollback {
  readonly rollback: Rollback;
  readonly how: string;
}

type InBucket = VolumeDocument & { readonly bucket: BucketDocument };

/** @throws {VaultError} `conflict` where it is in use, or there is nothing to accept; then nothing has happened */
export async function acceptRollback(
  world: Here,
  { name, stop }: {
    readonly name: string;
    /** Ends what is being made of the volume. */
    readonly stop: (why: string) => Promise<void>;
  },
): Promise<AcceptedRollback> {
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
    accepted = await accept(world, document);
    const { taken, shown, pin, rollback } = accepted;
    catalog.update(restoreOver(catalog.get(name), taken.sizeBytes));
    await live?.volumes.openBucket(catalog.get(name), taken);
    return { rollback, how: told(shown, { pin, rollback }) };
  } finally {
    accepted?.taken.letGo();
    // Where that failed, it is opened as it was, or says why not.
    await live?.volumes.openAll();
  }
}

interface Accepted {
  readonly taken: TakenVolume;
  readonly shown: Shown;
  /** What was known before. */
  readonly pin: Pin;
  readonly rollback: Rollback;
}

async function accept(world: Here, document: InBucket): Promise<Accepted> {
  const { state: { catalog }, clock } = world;
  const { name, bucket: spec } = document;
  const folder = catalog.bucketFolder(name);
  folder.settle();
  const keys = folder.keys();
  const pin = folder.pin();
  return await withBucket(spec, world, async (bucket, elsewhere) => {
    const common = { bucket, elsewhere, keys, clock };
    const journal = await folder.openJournal(spec.journalBytes);
    const { undrainedBytes } = journal;
    let shown: Shown | undefined;
    try {
      shown = await otherHistory({ ...common, pin, journal });
    } finally {
      await journal.close();
    }
    if (!shown) throw nothingToAccept(name);
    await release(world, name);
    // A kill from here on leaves a volume that is opened with the size that it has then.
    catalog.update({ ...document, restoring: shown.sizeBytes });
    const forgotten = new Forgotten(folder, clock.now());
    let taken: TakenVolume;
    try {
      taken = await takeBucketVolume({
        ...common,
        keepPin: (pin) => forgotten.keepPin(pin),
      });
    } catch (thrown) {
      if (!forgotten.isIt) catalog.update(document);
      throw thrown;
    }
    const { liveBytes, timeMs } = taken;
    const journalKept = undrainedBytes > 0;
    if (!journalKept) folder.removeAside(forgotten.aside);
    const rollback = {
      liveBytes,
      ...(timeMs > 0 && { stateOf: new Date(timeMs).toISOString() }),
      givenUpBytes: undrainedBytes,
      ...(journalKept && { keptIn: folder.pathOf(forgotten.aside) }),
    };
    return { taken, shown, pin, rollback };
  });
}

/** What was known of the volume, until a pin of the other history is kept. */
class Forgotten {
  readonly aside: string;
  isIt = false;
  readonly #folder: BucketFolder;

  constructor(folder: BucketFolder, nowMs: number) {
    this.#folder = folder;
    const time = new Date(nowMs).toISOString().replace(/[^0-9TZ]/g, "");
    this.aside = `journal-given-up-${time}`;
  }

  keepPin(pin: Pin): void {
    if (this.isIt) return this.#folder.keepPin(pin);
    this.#folder.goOnWith(pin, this.aside);
    this.isIt = true;
  }
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

function told(
  { why, end }: Shown,
  { pin, rollback }: {
    readonly pin: Pin;
    readonly rollback: Rollback;
  },
): string {
  const { givenUpBytes, keptIn } = rollback;
  return [
    why.message,
    `known here up to segment ${pin.next - 1} of epoch ${pin.epoch}`,
    `taken up to segment ${end.next - 1} of epoch ${end.epoch}`,
    keptIn === undefined
      ? "nothing waited to be uploaded"
      : `${givenUpBytes} bytes that waited to be uploaded are given up, and kept in ${keptIn}`,
  ].join("; ");
}
