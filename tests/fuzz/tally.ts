/** How often what came of it, and how the memory went. */

/** Counts by name. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Most frequent first. */
  lines(): string[] {
    return [...this.counts]
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, count]) => `${String(count).padStart(10)}  ${name}`);
  }
}
