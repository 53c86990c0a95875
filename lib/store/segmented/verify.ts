/**
 * Reads all of a volume back from its bucket, and proves it: every object to its last byte, that the segments follow each other as far as they
 * are there, and that nothing is missing which somebody needs.
 *
 *     survey ──▶ every segment, in the order of their numbers ──▶ anything suspect? ──no──▶ over
 *                                                                     │
 *                                   a second survey, and a second look at each suspect ──▶ damaged, where the same checkpoints are there
 *
 * Others may write meanwhile. What came after the first survey is left to the next time; what was deleted since and is missed by nobody is no
 * damage. It can be cut off anywhere, and goes on behind the last segment that was looked at.
 */

import { equalBytes } from "../../base/bytes.ts";
import { VaultError } from "../../base/errors.ts";
import { BucketError, listAll } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  openSuperblock,
  type Superblock,
  SUPERBLOCK_NUMBER,
} from "../../segments/superblock.ts";
import { ancestryOf, type Elsewhere, ownerOf } from "./ancestry.ts";
import { ChainCheck, type ChainState } from "./chain_check.ts";
import { type Damage, damagesOf } from "./damage.ts";
import { objectBytes } from "./ledger.ts";
import { type CheckedObject, checkObject, whyOf } from "./object_check.ts";
import type { Pin } from "./segment_row.ts";
import {
  listCheckpoints,
  type Survey,
  survey,
  type SurveyOptions,
} from "./survey.ts";
import { missing, notPassed, type Suspect, suspectOf } from "./suspects.ts";

/** How often one looks anew where checkpoints come and go meanwhile. */
const MAX_LOOKS = 8;
const SUPERBLOCK_READ_BYTES = 64 * 1024;

/** How far it is. */
export interface Verified {
  readonly volumeId: Uint8Array;
  /** The segments up to this one have been looked at. */
  readonly upTo: number;
  readonly chain: ChainState;
  /** Segments that were not what they should be. */
  readonly suspects: readonly Suspect[];
}

export interface VerifyProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Verification {
  readonly segments: number;
  /** Those of them that are ancestors'. */
  readonly inherited: number;
  /** Superblock, checkpoints and their marks, snapshots. */
  readonly others: number;
  /** What all of these take in the bucket. */
  readonly bytes: number;
  /** When the last segment was written, by its writer's clock. */
  readonly timeMs: number;
  /** Nothing, where all is what was written. */
  readonly damages: readonly Damage[];
  /** Epochs whose claims are missing: a writer that has slept since would not find out that it has lost the volume. */
  readonly unclaimed: readonly number[];
}

export interface VerifyOptions
  extends Pick<SurveyOptions, "bucket" | "keys" | "clock"> {
  /** Where its ancestors lie, if it is a clone. */
  readonly elsewhere?: Elsewhere;
  /** What is remembered of the row, from before the bucket is asked. */
  readonly pin?: Pin;
  /** What an earlier one has done that was cut off. */
  readonly from?: Verified | undefined;
  /** Told after each segment. */
  readonly keep?: (verified: Verified) => void;
  readonly progress?: (progress: VerifyProgress) => void;
  /** Gives up where it is aborted. */
  readonly signal?: AbortSignal;
}

/** @throws {VaultError} `not-found` where there is nothing of this key; {BucketError} where the bucket does not answer */
export async function verifyVolume(
  options: VerifyOptions,
): Promise<Verification> {
  const superblock = await superblockOf(options);
  if ("why" in superblock) return lost(options, superblock);
  return await new Verify(options, superblock).run();
}

class Verify {
  readonly #options: VerifyOptions;
  readonly #survey: SurveyOptions;
  readonly #chain: ChainCheck;
  /** That of the row where it begins: the claims of those before are an ancestor's. */
  readonly #firstEpoch: number;
  #suspects: Suspect[];
  #upTo: number;
  #inherited = 0;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(
    options: VerifyOptions,
    superblock: Superblock & { readonly epoch: number },
  ) {
    const { volumeId, volumeBytes, epoch } = superblock;
    const { bucket, keys, clock, elsewhere } = options;
    this.#options = options;
    this.#firstEpoch = epoch;
    const ancestry = ancestryOf(superblock, { elsewhere, keys });
    this.#survey = { bucket, keys, clock, volumeId, volumeBytes, ancestry };
    const from = options.from && equalBytes(options.from.volumeId, volumeId)
      ? options.from
      : undefined;
    this.#chain = new ChainCheck(from?.chain);
    this.#suspects = [...from?.suspects ?? []];
    this.#upTo = from?.upTo ?? 0;
  }

  async run(): Promise<Verification> {
    const found = await survey(this.#survey);
    await this.#segments(found);
    const unclaimed = this.#chain
      .unclaimed(found.end.epoch, this.#firstEpoch);
    const damages = await this.#settle(found);
    return {
      ...{ damages, unclaimed, bytes: this.#totalBytes },
      segments: found.listed.size + this.#inherited,
      inherited: this.#inherited,
      // The superblock was read before.
      others: found.smallObjects,
      timeMs: found.end.timeMs,
    };
  }

  async #segments({ listed, needed, smallBytes }: Survey): Promise<void> {
    const { signal, keep, progress } = this.#options;
    const numbers = [...new Set([...listed.keys(), ...needed.keys()])]
      .sort((a, b) => a - b);
    const base = this.#survey.ancestry?.base ?? 0;
    const sizeOf = (number: number) => {
      const record = number < base ? needed.get(number) : undefined;
      return record ? objectBytes(record) : listed.get(number) ?? 0;
    };
    this.#inherited = numbers.filter((number) => number < base).length;
    const sum = (some: readonly number[]) =>
      some.reduce((sum, number) => sum + sizeOf(number), smallBytes);
    this.#totalBytes = sum(numbers);
    const left = numbers.filter((number) => number > this.#upTo);
    this.#doneBytes = sum(numbers.filter((number) => number <= this.#upTo));
    for (const number of left) {
      signal?.throwIfAborted();
      this.#tell(0);
      let bytes = 0;
      const size = sizeOf(number);
      const checked = await this.#check(number, (more) => {
        bytes = Math.min(size, bytes + more);
        this.#tell(bytes);
      });
      this.#take({ number, checked, needed });
      this.#doneBytes += size;
      this.#upTo = number;
      keep?.(this.#state);
    }
    progress?.({ doneBytes: this.#totalBytes, totalBytes: this.#totalBytes });
  }

  get #state(): Verified {
    const { volumeId } = this.#survey;
    const [upTo, suspects] = [this.#upTo, [...this.#suspects]];
    return { volumeId, upTo, suspects, chain: this.#chain.state };
  }

  #tell(more: number): void {
    const totalBytes = this.#totalBytes;
    const doneBytes = this.#doneBytes + more;
    this.#options.progress?.({ doneBytes, totalBytes });
  }

  #check(
    number: number,
    read: (bytes: number) => void = () => {},
  ): Promise<CheckedObject | undefined> {
    const owner = ownerOf(this.#survey, number);
    const { volumeId } = owner;
    const identity = { kind: "segment", volumeId, number } as const;
    return checkObject({ ...this.#survey, ...owner }, { identity, read });
  }

  #take(
    { number, checked, needed }: {
      readonly number: number;
      readonly checked: CheckedObject | undefined;
      readonly needed: Survey["needed"];
    },
  ): void {
    const suspect = checked
      ? suspectOf({ number, checked, record: needed.get(number) })
      : needed.has(number)
      ? missing(number)
      : undefined;
    if (suspect) this.#suspects.push(suspect);
    if (!checked?.head) return;
    const { head } = checked;
    const { epoch, digest, previous, dataBytes, table } = head;
    const empty = dataBytes === 0 && table.length === 1;
    const link = { number, epoch, digest, empty };
    const broken = this.#chain.next(link, previous);
    if (broken === undefined || suspect) return;
    const why = `it does not follow segment ${broken}, which lies before it`;
    this.#suspects.push({ kind: "segment", number, why });
  }

  /** What is suspect still when one looks again, and the same checkpoints are there. */
  async #settle(first: Survey): Promise<readonly Damage[]> {
    let found = first;
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const { pin } = this.#options;
      if (this.#all(found, pin).length === 0) return [];
      const again = await survey(this.#survey);
      const still: Suspect[] = [];
      for (const suspect of this.#suspects) {
        const { number } = suspect;
        if (await this.#check(number) || again.needed.has(number)) {
          still.push(suspect);
        }
      }
      this.#suspects = still;
      // What the second look misses may have gone while it looked, with checkpoints that it had listed.
      const settled = sameCheckpoints(found, again) &&
        sameNumbers(
          again.listedCheckpoints,
          await listCheckpoints(this.#options),
        );
      found = again;
      if (!settled) continue;
      const suspects = this.#all(found, pin);
      const options = this.#survey;
      const damages = await damagesOf(suspects, { found, options });
      if (damages) return damages;
    }
    throw new BucketError(
      "uncertain",
      "Checkpoints come and go while they are looked at",
      { hint: "Try again: it goes on where it was." },
    );
  }

  /** One of each object. */
  #all(found: Survey, pin: Pin | undefined): readonly Suspect[] {
    const all = new Map<string, Suspect>();
    const rolledBack = pin && notPassed(found, pin);
    for (
      const suspect of [
        ...this.#suspects,
        ...found.suspects,
        ...(rolledBack ? [rolledBack] : []),
      ]
    ) {
      const key = `${suspect.kind}/${suspect.number}`;
      const known = all.get(key);
      const closes = suspect.closes ?? known?.closes;
      all.set(key, { ...known ?? suspect, ...(closes && { closes }) });
    }
    return [...all.values()];
  }
}

function sameCheckpoints(a: Survey, b: Survey): boolean {
  return sameNumbers(a.listedCheckpoints, b.listedCheckpoints);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

/** The superblock, or what is wrong with it. */
async function superblockOf(
  { bucket, keys }: VerifyOptions,
): Promise<
  Superblock & { readonly epoch: number } | { readonly why: string }
> {
  const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  const range = { offset: 0, length: SUPERBLOCK_READ_BYTES };
  const bytes = await bucket.get(name, range);
  if (bytes) {
    try {
      return openSuperblock(keys, bytes);
    } catch (thrown) {
      if (!(thrown instanceof SealError)) throw thrown;
      return { why: whyOf(thrown) };
    }
  }
  for await (const { name } of listAll(bucket, "")) {
    if (keys.parseName(name)) return { why: "it is missing" };
  }
  throw new VaultError("There is no volume of this key in the bucket", {
    kind: "not-found",
    hint: "Look at the address of the store, and at the key.",
  });
}

/** Without the superblock nothing else proves itself. */
function lost(
  { keys }: VerifyOptions,
  { why }: { readonly why: string },
): Verification {
  const [kind, number] = ["superblock", SUPERBLOCK_NUMBER] as const;
  const name = keys.nameOf(kind, number);
  const damage = { kind, number, name, why, closes: true } as const;
  return {
    ...{
      segments: 0,
      inherited: 0,
      others: 1,
      bytes: 0,
      timeMs: 0,
      unclaimed: [],
    },
    damages: [{ ...damage, extents: "all", moreExtents: 0, snapshots: [] }],
  };
}
