/**
 * The clones that were made of a volume's snapshots, as its row tells of them: what a clone needs of this volume stays because its snapshot does.
 *
 *     note: cloned ──▶ the clone's checkpoint, its superblock ──▶ it is there ──▶ its superblock is deleted ──▶ note: uncloned
 *
 * The note comes before there is anything of the clone, and goes after there is nothing of it any more; in between the superblock says whether
 * there is one. So a clone that a crash kept from being made, or that somebody has deleted elsewhere, is found out by looking, and nobody has
 * to be believed.
 */

import { toHex } from "../../base/bytes.ts";
import { VaultError } from "../../base/errors.ts";
import type { ClonedSnapshot } from "../../segments/checkpoint.ts";
import type { Clone } from "../../segments/clone.ts";
import { DIGEST_BYTES } from "../../segments/preamble.ts";
import type { Elsewhere } from "./ancestry.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { Hand } from "./note_taking.ts";
import type { SegmentRow } from "./segment_row.ts";

/** Clones that a volume may have at a time: each checkpoint names all of them. */
export const MAX_CLONES = 256;

/** What of a snapshot stands in a note. */
interface Noted {
  readonly number: number;
  readonly checkpointDigest: Uint8Array;
}

export interface VolumeClonesOptions {
  readonly row: SegmentRow;
  readonly checkpoints: Checkpoints;
  /** Undefined: it is not known whether there are any, and no snapshot that has one is released. */
  readonly elsewhere: Elsewhere | undefined;
}

export class VolumeClones {
  readonly #options: VolumeClonesOptions;
  /** Those of which nobody may say yet that they are not there. */
  readonly #making = new Set<string>();

  constructor(options: VolumeClonesOptions) {
    this.#options = options;
  }

  /** Those of its snapshots, in the order of these, as far as the row tells. */
  get list(): readonly ClonedSnapshot[] {
    return this.#options.checkpoints.kept.clones;
  }

  /**
   * From now on a snapshot that counts stays for that clone, which `make` makes. Where that rejects it may be there or not.
   *
   * @throws {VaultError} `conflict` where there are as many as there may be; {Fenced} where another has this volume before the clone is there
   */
  async make<T>(
    snapshot: Noted,
    { clone, make, withdraw }: {
      readonly clone: Clone;
      readonly make: () => Promise<T>;
      /** Deletes again what was made. */
      readonly withdraw: () => Promise<void>;
    },
  ): Promise<T> {
    // Before the note is there: whoever wants to release the snapshot has the row next.
    this.#making.add(toHex(clone.volumeId));
    try {
      await this.#enter(snapshot, clone);
      const made = await make();
      // Whoever has taken this volume before it was there may have looked for it, and let its snapshot go.
      await this.#options.row.expectOurs();
      return made;
    } catch (thrown) {
      // What cannot be deleted now is found by whoever looks whether there is a clone.
      await withdraw().catch(() => {});
      throw thrown;
    } finally {
      this.#making.delete(toHex(clone.volumeId));
    }
  }

  async #enter(
    { number: snapshot, checkpointDigest: digest }: Noted,
    clone: Clone,
  ): Promise<void> {
    await this.#options.row.alone(async (hand) => {
      const { kept } = this.#options.checkpoints;
      if (!kept.counts(snapshot)) {
        throw new VaultError(`There is no snapshot ${snapshot}`, {
          kind: "not-found",
        });
      }
      if (kept.clones.length >= MAX_CLONES) await this.#forgetGone(hand);
      if (kept.clones.length >= MAX_CLONES) {
        throw new VaultError(`A volume has at most ${MAX_CLONES} clones`, {
          kind: "conflict",
          hint: "Delete some first: vault volume delete NAME --with-bucket.",
        });
      }
      await hand.note({ kind: "cloned", snapshot, digest, clone });
    });
  }

  /** Looks which of them are there yet; the others are clones no more. Gives those that are. @throws {BucketError} */
  async look(): Promise<readonly ClonedSnapshot[]> {
    if (this.list.length > 0) {
      await this.#options.row.alone((hand) => this.#forgetGone(hand));
    }
    return this.list;
  }

  /** Looks whether a snapshot may be released, for whoever is alone with the row. @throws {VaultError} `conflict` where it has a clone */
  async expectNone(
    { number, name }: { readonly number: number; readonly name: string },
    hand: Hand,
  ): Promise<void> {
    const its = (one: ClonedSnapshot) => one.snapshot === number;
    await this.#forgetGone(hand, its);
    const clones = this.list.filter(its).map(({ clone }) => clone);
    if (clones.length > 0) throw hasClones(`Snapshot "${name}"`, clones);
  }

  async #forgetGone(
    hand: Hand,
    wanted: (one: ClonedSnapshot) => boolean = () => true,
  ): Promise<void> {
    for (const one of this.list.filter(wanted)) {
      if (await this.#isGone(one.clone)) await this.#forget(one, hand);
    }
  }

  async #isGone(clone: Clone): Promise<boolean> {
    const { elsewhere } = this.#options;
    if (!elsewhere || this.#making.has(toHex(clone.volumeId))) return false;
    return !await isThere(clone, elsewhere);
  }

  async #forget(
    { snapshot, clone }: ClonedSnapshot,
    hand: Hand,
  ): Promise<void> {
    const digest = new Uint8Array(DIGEST_BYTES);
    await hand.note({ kind: "uncloned", snapshot, digest, clone });
  }
}

async function isThere(
  { prefix, superblock }: Clone,
  elsewhere: Elsewhere,
): Promise<boolean> {
  const first = { offset: 0, length: 1 };
  return await elsewhere(prefix).get(superblock, first) !== undefined;
}

/** Those that are there, whatever a row tells that nobody writes to now. @throws {BucketError} */
export async function clonesThatAre(
  told: readonly ClonedSnapshot[],
  elsewhere: Elsewhere,
): Promise<readonly Clone[]> {
  const there: Clone[] = [];
  for (const { clone } of told) {
    if (await isThere(clone, elsewhere)) there.push(clone);
  }
  return there;
}

/** Why something stays. */
export function hasClones(
  what: string,
  clones: readonly Clone[],
): VaultError {
  const [first, ...others] = clones;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return new VaultError(
    `${what} has a clone, which reads from it: "${first?.name}"${more}`,
    {
      kind: "conflict",
      hint:
        `Delete the clone first, where it is served: vault volume delete NAME --with-bucket. One whose key is lost goes with all that lies under "${first?.prefix}" in the bucket.`,
    },
  );
}
