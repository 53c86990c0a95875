/** A bar that shows how far something long is: on a terminal, where it moves. Elsewhere nothing is said. */

import { systemClock } from "../lib/os/clock.ts";
import { formatRate, formatSize } from "./size.ts";
import { Progress } from "./terminal.ts";

/** How often it is drawn. */
const REDRAW_MS = 100;
const WIDTH = 24;

/** How far it is, in bytes, and how fast it goes. */
export interface Stand {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Undefined until it can be told. */
  readonly bytesPerSecond?: number;
}

export class Bar {
  readonly #what: string;
  readonly #progress = new Progress();
  #drawnAt = -Infinity;
  #first: { readonly atMs: number; readonly bytes: number } | undefined;

  /** @param what a word or two in front of it */
  constructor(what: string) {
    this.#what = what;
  }

  /** Whether there is one: elsewhere nothing is shown. */
  get moves(): boolean {
    return this.#progress.moves;
  }

  /** Shows that so many of so many bytes are done. */
  show(doneBytes: number, totalBytes: number): void {
    if (!this.#progress.moves) return;
    const now = systemClock.monotonic();
    this.#first ??= { atMs: now, bytes: doneBytes };
    if (now - this.#drawnAt < REDRAW_MS && doneBytes < totalBytes) return;
    this.#drawnAt = now;
    const seconds = (now - this.#first.atMs) / 1000;
    const rate = (doneBytes - this.#first.bytes) / seconds;
    const stand = { doneBytes, totalBytes };
    const known = seconds > 1 && rate > 0;
    this.#progress.step(
      renderBar(this.#what, known ? { ...stand, bytesPerSecond: rate } : stand),
    );
  }

  /** Takes it away. */
  clear(): void {
    this.#progress.clear();
  }
}

/** The line that is shown. */
export function renderBar(what: string, stand: Stand): string {
  const { doneBytes, totalBytes, bytesPerSecond } = stand;
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
  const full = Math.floor(share * WIDTH);
  const percent = String(Math.floor(share * 100)).padStart(3);
  const bar = "#".repeat(full).padEnd(WIDTH, ".");
  const line = `${what} [${bar}] ${percent}% of ${formatSize(totalBytes)}`;
  if (bytesPerSecond === undefined) return line;
  const left = Math.ceil((totalBytes - doneBytes) / bytesPerSecond);
  return `${line}, ${formatRate(bytesPerSecond)}, ${formatSeconds(left)} left`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3600)} h`;
}
