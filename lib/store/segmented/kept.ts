/**
 * What is kept beside the newest state of a volume: its snapshots, those that a restore in the row still names, and what open views read.
 *
 *     ──note kept──▶ counts ──note released──▶ counts no more ──nobody reads a restore of it any more──▶ gone
 *
 * Which snapshots there are follows from the row alone: from the list of the checkpoint that it was read from, and the notes behind it. So does
 * which clones these have: none that has one is released.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Checkpoint, ClonedSnapshot } from "../../segments/checkpoint.ts";
import type { Clone } from "../../segments/clone.ts";
import type { SnapshotNote } from "../../segments/note.ts";

/** Numbers of segments, in order: a volume may have very many. */
type Segments = Uint32Array;

interface Entry {
  /** Whether it is a snapshot still. */
  counts: boolean;
  /** What is in its map; undefined while that was not read: then it may be anything. */
  needs: Segments | undefined;
  /** Why it cannot be read. */
  why?: string;
}

export class Kept {
  /** By the number of the snapshot, which is that of its checkpoint. */
  readonly #entries = new Map<number, Entry>();
  /** Restores that somebody may read in the row. */
  #restores: { readonly segment: number; readonly snapshot: number }[] = [];
  readonly #views = new Set<Segments>();
  #clones: ClonedSnapshot[] = [];
  #restored = 0;
  #changes = 0;

  /** Of the checkpoint that the row is read from. */
  begin({ snapshots, clones }: Pick<Checkpoint, "snapshots" | "clones">): void {
    this.#entries.clear();
    this.#restores = [];
    this.#clones = [...clones];
    this.#changes++;
    for (const number of snapshots) this.#add(number);
  }

  /** What a segment tells. */
  note(note: SnapshotNote, segment: number): void {
    const { snapshot } = note;
    switch (note.kind) {
      case "cloned":
      case "uncloned": {
        const { clone } = note;
        this.#clones = this.#clones.filter((one) => !isOf(one, clone));
        if (note.kind === "cloned") this.#clones.push({ snapshot, clone });
        return;
      }
      case "kept":
        return this.#add(snapshot);
      case "released": {
        const entry = this.#entries.get(snapshot);
        if (entry) entry.counts = false;
        return;
      }
      case "restored":
        this.#restored++;
        this.#restores.push({ segment, snapshot });
    }
  }

  /** Those that were made of its snapshots, in the order of these. */
  get clones(): readonly ClonedSnapshot[] {
    return this.#clones.toSorted((a, b) => a.snapshot - b.snapshot);
  }

  /** How many restores were read or written. */
  get restored(): number {
    return this.#restored;
  }

  /** It is another where other segments may be needed. */
  get changes(): number {
    return this.#changes;
  }

  /** The snapshots that count, in order. */
  get snapshots(): number[] {
    return [...this.#entries].filter(([, { counts }]) => counts)
      .map(([number]) => number).sort((a, b) => a - b);
  }

  /** Whether that is a snapshot. */
  counts(snapshot: number): boolean {
    return this.#entries.get(snapshot)?.counts ?? false;
  }

  /** Whether the checkpoint stays. */
  holds(checkpoint: number): boolean {
    return this.#entries.has(checkpoint);
  }

  /** Whether a segment stays. */
  needs(segment: number): boolean {
    for (const { needs } of this.#entries.values()) {
      if (!needs || has(needs, segment)) return true;
    }
    for (const needs of this.#views) if (has(needs, segment)) return true;
    return false;
  }

  /** Those of which nobody has tried yet to read what they need. */
  get unread(): number[] {
    return [...this.#entries].filter(([, { needs, why }]) => !needs && !why)
      .map(([number]) => number);
  }

  /** Why nothing goes any more; undefined where something may. */
  get trouble(): string | undefined {
    return this.#entries.values().find(({ needs, why }) => !needs && why)?.why;
  }

  /** What it needs. */
  learn(snapshot: number, segments: Iterable<number>): void {
    const entry = this.#entries.get(snapshot);
    if (!entry) return;
    entry.needs = inOrder(segments);
    this.#changes++;
  }

  /** Nobody can read what it needs. */
  giveUp(snapshot: number, why: string): void {
    const entry = this.#entries.get(snapshot);
    if (entry) entry.why = why;
  }

  /** Segments stay until the returned function is called. */
  view(segments: Iterable<number>): () => void {
    const needs = inOrder(segments);
    this.#views.add(needs);
    this.#changes++;
    return () => {
      this.#views.delete(needs);
      this.#changes++;
    };
  }

  /** Nobody begins to read the row before that segment any more. Gives the checkpoints that may go. */
  forget(before: number): number[] {
    this.#restores = this.#restores.filter(({ segment }) => segment >= before);
    const gone = [...this.#entries].filter(([number, { counts }]) =>
      !counts && !this.#restores.some(({ snapshot }) => snapshot === number)
    ).map(([number]) => number);
    for (const number of gone) this.#entries.delete(number);
    if (gone.length > 0) this.#changes++;
    return gone;
  }

  #add(snapshot: number): void {
    if (this.#entries.has(snapshot)) return;
    this.#entries.set(snapshot, { counts: true, needs: undefined });
    this.#changes++;
  }
}

function isOf({ clone }: ClonedSnapshot, { volumeId }: Clone): boolean {
  return equalBytes(clone.volumeId, volumeId);
}

function inOrder(segments: Iterable<number>): Segments {
  return Uint32Array.from(segments).sort();
}

function has(segments: Segments, segment: number): boolean {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]! < segment) low = middle + 1;
    else high = middle;
  }
  return segments[low] === segment;
}
