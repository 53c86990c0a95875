/**
 * What is written to a volume by devices that take it over from each other, and what of that must never be seen.
 *
 * Every block that a device writes says under which generation it was written and which of that generation's writes it is. The oracle sits
 * between the target and the store, so it sees each change at the moment at which it is made:
 *
 * - none is made under a generation that may not write any more: once a lease was granted for writing, only its own generation's are, and
 *   once one was granted for sharing, only those of leases that are shared now;
 * - none is made twice, and one that was acknowledged has been made;
 * - a read gives what a block held at some moment between its beginning and its end.
 */

import { putU32, u32 } from "../../lib/base/bytes.ts";
import type { Extent } from "../../lib/base/extent.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import type { Maybe } from "../../lib/store/store.ts";

export const BLOCK_BYTES = 512;
export const BLOCKS = 16;

/** What a block says. */
interface Mark {
  readonly generation: number;
  readonly number: number;
}

/** The block that says so, in each of its words. */
export function blockOf({ generation, number }: Mark): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < BLOCK_BYTES; at += 8) {
    putU32(block, at, generation);
    putU32(block, at + 4, number);
  }
  return block;
}

/** @throws where it is no such block, but a mixture */
function markOf(block: Uint8Array): Mark {
  const mark = { generation: u32(block, 0), number: u32(block, 4) };
  const wanted = blockOf(mark);
  if (block.some((byte, at) => byte !== wanted[at])) {
    throw new Error("A block that was torn");
  }
  return mark;
}

const nameOf = ({ generation, number }: Mark) => `${generation}/${number}`;

export class LeaseOracle extends MemoryStore {
  /** What went wrong. */
  readonly faults: string[] = [];
  readonly #made = new Set<string>();
  /** What each block has held, oldest first. */
  readonly #histories: string[][] = Array.from(
    { length: BLOCKS },
    () => ["0/0"],
  );
  #mayWrite = new Set<number>();
  /** How many changes were made. */
  changes = 0;

  constructor() {
    super(BLOCKS * BLOCK_BYTES);
  }

  /** From now on only these generations may change anything. */
  grant(mayWrite: Iterable<number>): void {
    this.#mayWrite = new Set(mayWrite);
  }

  /** All that was under way under that generation is over. */
  over(generation: number): void {
    this.#mayWrite.delete(generation);
  }

  override write(offset: number, from: Uint8Array): Maybe {
    for (let at = 0; at < from.length; at += BLOCK_BYTES) {
      const mark = markOf(from.subarray(at, at + BLOCK_BYTES));
      const name = nameOf(mark);
      if (!this.#mayWrite.has(mark.generation)) {
        const may = [...this.#mayWrite].join(", ");
        this.faults.push(`Write ${name} was made, and only ${may} may write`);
      }
      if (this.#made.has(name)) this.faults.push(`Write ${name} came twice`);
      this.#made.add(name);
      this.#histories[(offset + at) / BLOCK_BYTES]!.push(name);
      this.changes++;
    }
    return super.write(offset, from);
  }

  override unmap(_extent: Extent): Maybe {
    this.faults.push("Something was unmapped, and nobody asked for it");
  }

  /** GOOD has come for it. */
  acknowledged(mark: Mark): void {
    if (this.#made.has(nameOf(mark))) return;
    this.faults.push(`Write ${nameOf(mark)} was acknowledged and not made`);
  }

  /** How often the block was written: a read that begins now may see no older one. */
  age(block: number): number {
    return this.#histories[block]!.length;
  }

  /** A read that began at that age has ended with these bytes. */
  seen(block: number, began: number, bytes: Uint8Array): void {
    const name = nameOf(markOf(bytes));
    const at = this.#histories[block]!.lastIndexOf(name);
    if (at >= began - 1) return;
    this.faults.push(
      `Block ${block} was read as ${name}, which is ${
        at < 0 ? "nothing that it ever held" : "older than the read"
      }`,
    );
  }
}
