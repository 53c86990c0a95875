/**
 * Volumes in buckets that are read back and proved, while they are served and while they are not: one work for each volume, which outlives the
 * call that began it, and holds up nobody.
 *
 *     begun ──▶ under way, kept in the volume's folder now and then ──▶ over: kept no more
 *                   └ cut off: by an error, by the node's end, by a kill ──▶ the next goes on there
 */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import { AbortableBucket } from "../bucket/abortable_bucket.ts";
import type { OpenBucket } from "../bucket/open_bucket.ts";
import type { VerifyResult, VerifyWork } from "../control/operations.ts";
import {
  type Verification,
  type Verified,
  verifyVolume,
} from "../store/segmented/verify.ts";
import { reachOf } from "./bucket_address.ts";
import { reachBucket } from "./bucket_disk.ts";
import type { BucketFolder } from "./bucket_folder.ts";
import type { Catalog } from "./catalog.ts";
import type { BucketDocument } from "./documents.ts";
import type { Live } from "./node_status.ts";

/** How often it is kept how far it is: what a kill makes to be read again. */
const KEEP_MS = 2000;
/** Damaged objects that are told. */
const MAX_TOLD_DAMAGES = 500;

export interface BucketVerifyingOptions {
  readonly state: {
    readonly catalog: Catalog;
    readonly audit: { readonly tell: Audit };
  };
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly live?: Live;
}

interface Work {
  now: VerifyWork;
  readonly ending: AbortController;
  /** Resolves when it has ended, however it has. */
  over: Promise<void>;
  /** What has ended it. */
  failed?: { readonly why: unknown };
}

export class BucketVerifying {
  readonly #options: BucketVerifyingOptions;
  /** The last of each volume. */
  readonly #works = new Map<string, Work>();

  constructor(options: BucketVerifyingOptions) {
    this.#options = options;
  }

  /** Begins, or tells of the one that is under way. @throws {VaultError} where there is no such volume, or it is in no bucket */
  begin(volume: string): VerifyWork {
    const { catalog } = this.#options.state;
    const { bucket } = catalog.get(volume);
    if (!bucket) {
      throw new VaultError(`Volume "${volume}" is not in a bucket`, {
        kind: "usage",
        hint:
          "What is in a file on this machine has nothing to be compared with.",
      });
    }
    const before = this.#works.get(volume);
    if (before && !before.failed && !before.now.result) return before.now;
    const folder = catalog.bucketFolder(volume);
    const from = folder.verified.read();
    const work: Work = {
      now: {
        volume,
        resumed: from !== undefined,
        ...{ doneBytes: 0, totalBytes: 0 },
      },
      ending: new AbortController(),
      over: Promise.resolve(),
    };
    work.over = this.#run(work, { bucket, folder, from })
      .catch((why) => {
        work.failed = { why };
      });
    this.#works.set(volume, work);
    return work.now;
  }

  /** How far it is. @throws what has ended it */
  work(volume: string): VerifyWork {
    const work = this.#works.get(volume);
    if (!work) {
      throw new VaultError(`Volume "${volume}" is not being read back`, {
        kind: "not-found",
        hint: `vault volume verify ${volume}`,
      });
    }
    if (work.failed) throw work.failed.why;
    return work.now;
  }

  /** Resolves when nothing of it is under way any more. It goes on there when it is begun again. */
  async stop(volume: string, why: string): Promise<void> {
    const work = this.#works.get(volume);
    work?.ending.abort(new VaultError(why, { kind: "conflict" }));
    await work?.over;
  }

  /** The same for all volumes. */
  async stopAll(why: string): Promise<void> {
    const volumes = [...this.#works.keys()];
    await Promise.all(volumes.map((volume) => this.stop(volume, why)));
  }

  async #run(
    work: Work,
    { bucket: spec, folder, from }: {
      readonly bucket: BucketDocument;
      readonly folder: BucketFolder;
      readonly from: Verified | undefined;
    },
  ): Promise<void> {
    const { clock, live } = this.#options;
    const { signal } = work.ending;
    const { verified } = folder;
    const keys = folder.keys();
    // From before the bucket is asked: whoever serves the volume goes on.
    const pin = folder.pin();
    const open = live?.volumes.bucketDisk(work.now.volume)?.reach;
    const own = open ? undefined : await this.#reach(spec);
    const reach = open ?? own!;
    const giveUp = () => void own?.bucket.close();
    signal.addEventListener("abort", giveUp);
    let kept = clock.monotonic();
    let latest: Verified | undefined;
    try {
      // A read that is held to a slow rate keeps nobody from ending the node.
      const bucket = new AbortableBucket(reach.bucket, { signal });
      const found = await verifyVolume({
        ...{ bucket, keys, clock, pin, from, signal },
        elsewhere: (prefix) =>
          new AbortableBucket(reach.elsewhere(prefix), { signal }),
        progress: (how) => work.now = { ...work.now, ...how },
        keep: (now) => {
          latest = now;
          if (clock.monotonic() - kept < KEEP_MS) return;
          kept = clock.monotonic();
          verified.write(now);
        },
      });
      verified.remove();
      this.#tellOf(work.now.volume, found.damages);
      work.now = { ...work.now, result: resultOf(found) };
    } catch (thrown) {
      if (latest) verified.write(latest);
      signal.throwIfAborted();
      throw thrown;
    } finally {
      signal.removeEventListener("abort", giveUp);
      await own?.bucket.close();
    }
  }

  #tellOf(volume: string, damages: Verification["damages"]): void {
    const [first] = damages;
    if (!first) return;
    const { kind, number, why } = first;
    const more = damages.length === 1 ? "" : `, and ${damages.length - 1} more`;
    const reason = `${kind} ${number}: ${why}${more}`;
    this.#options.state.audit.tell({ kind: "damage found", volume, reason });
  }

  #reach(spec: BucketDocument): Promise<OpenBucket> {
    return reachBucket({ ...this.#options, reach: reachOf(spec) });
  }
}

function resultOf(found: Verification): VerifyResult {
  const { segments, others, bytes, timeMs, damages, unclaimed } = found;
  const { inherited } = found;
  return {
    ...{ segments, others, bytes, missingClaims: unclaimed },
    ...(inherited > 0 && { inherited }),
    ...(timeMs > 0 && { stateOf: new Date(timeMs).toISOString() }),
    damages: damages.slice(0, MAX_TOLD_DAMAGES).map((damage) => {
      const { kind, number, name, why, extents, moreExtents } = damage;
      const { snapshots, prefix } = damage;
      const closes = extents === "all";
      return {
        ...{ kind, number, name, why, closes, moreExtents, snapshots },
        extents: closes ? [] : extents,
        ...(prefix !== undefined && { prefix }),
      };
    }),
    moreDamages: Math.max(0, damages.length - MAX_TOLD_DAMAGES),
  };
}
