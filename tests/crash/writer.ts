/**
 * The writer: keeps several operations under way on one disk until its session is lost, and writes down what it has sent and what was
 * acknowledged. An operation counts as sent when it is handed to the session: it may wait for the command window and never go out.
 */
import { concat } from "../../lib/base/bytes.ts";
import { ConnectionLost } from "../../lib/base/errors.ts";
import type { Command, CommandResult } from "../../lib/initiator/command.ts";
import { ScsiError } from "../../lib/initiator/disk.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import type { Ask, Change, History } from "../../lib/store/testing/history.ts";
import {
  BLOCK_BYTES,
  blocksOf,
  repeatedBlock,
  ZEROS,
} from "../../lib/store/testing/known_content.ts";
import {
  compareAndWrite,
  synchronizeCache,
  unmap,
  write,
  writeAtomic,
  writeSame,
  zeroSame,
} from "./commands.ts";
import { KnownBlocks } from "./known_blocks.ts";
import { type OperationPlan, planOperation, type RoundPlan } from "./plan.ts";

const MISCOMPARE = 0x0e;

export interface WriterOptions {
  readonly session: InitiatorSession;
  readonly history: History;
  readonly seed: number;
  readonly round: number;
  readonly plan: RoundPlan;
  /** What the volume holds, as the history has it. */
  readonly cells: Int32Array;
  /** Numbers of operations that repeat one block: those of former rounds, and more as they are sent. */
  readonly repeated: Set<number>;
}

type Said = Omit<Command, "lun">;

export class Writer {
  /** Operations that were sent, and those of them that were acknowledged, by their kind. */
  sent = 0;
  acknowledged = 0;
  flushes = 0;
  readonly #options: WriterOptions;
  readonly #known: KnownBlocks;
  readonly #blocks: number;
  readonly #open = new Set<Promise<void>>();
  readonly #reached: { readonly count: number; readonly tell: () => void }[] =
    [];
  #over = false;
  #failure: unknown;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#known = new KnownBlocks(options.cells);
    this.#blocks = options.cells[options.cells.length - 1]!;
  }

  /** Resolves once so many operations were acknowledged, or no more will be. */
  reached(count: number): Promise<void> {
    if (this.#over || this.acknowledged >= count) return Promise.resolve();
    return new Promise((tell) => this.#reached.push({ count, tell }));
  }

  /** Resolves when the session is lost and nothing is under way. @throws what no operation may end with */
  async run(): Promise<void> {
    const { session, seed, round, plan } = this.#options;
    void session.closed.then(() => this.#over = true);
    for (let index = 0; !this.#over; index++) {
      const place = { blocks: this.#blocks, hotAt: plan.hotAt };
      const next = planOperation({ seed, round, index }, place);
      const running: Promise<void> = this.#carryOut(next)
        .catch((thrown) => {
          this.#over = true;
          if (!(thrown instanceof ConnectionLost)) this.#failure ??= thrown;
        })
        .finally(() => this.#open.delete(running));
      this.#open.add(running);
      if (this.#open.size >= plan.depth) await Promise.race(this.#open);
    }
    await Promise.all(this.#open);
    for (const { tell } of this.#reached) tell();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #carryOut(plan: OperationPlan): Promise<void> {
    if (plan.kind === "flush") return this.#flush();
    const { history, repeated } = this.#options;
    const { lba, count } = plan;
    const before = plan.kind === "compare"
      ? this.#known.numbers(lba, count)
      : undefined;
    const kind = plan.kind === "compare" && !before ? "write" : plan.kind;
    const zeros = kind === "unmap" || kind === "zero-same";
    const change = history.send(
      {
        what: kind,
        cells: [{ from: lba, to: lba + count }],
        ...(zeros && { value: () => ZEROS }),
        ...(kind === "write-fua" && { stable: true }),
        ...(kind === "atomic" && { stable: true, whole: true }),
      } satisfies Ask,
    );
    if (kind === "write-same") repeated.add(change.number);
    return this.#ask(change, this.#said({ ...plan, kind }, change, before));
  }

  #said(
    { kind, lba, count }: OperationPlan,
    { number }: Change,
    before: readonly number[] | undefined,
  ): Said {
    const { seed } = this.#options;
    const place = { lba, count };
    const content = { seed, number };
    const fresh = () => blocksOf(content, { first: lba, count });
    switch (kind) {
      case "unmap":
        return unmap(place);
      case "zero-same":
        return zeroSame(place);
      case "write-same":
        return writeSame(place, repeatedBlock(content));
      case "atomic":
        return writeAtomic(place, fresh());
      case "compare": {
        const old = before!.map((number, i) => this.#block(number, lba + i));
        return compareAndWrite(place, concat([...old, fresh()]));
      }
      default:
        return write(place, fresh(), { fua: kind === "write-fua" });
    }
  }

  /** What stands in a block that holds that number. */
  #block(number: number, block: number): Uint8Array {
    const { seed, repeated } = this.#options;
    if (number === ZEROS) return new Uint8Array(BLOCK_BYTES);
    return repeated.has(number)
      ? repeatedBlock({ seed, number })
      : blocksOf({ seed, number }, { first: block, count: 1 });
  }

  async #ask(change: Change, said: Said): Promise<void> {
    const { session, history } = this.#options;
    this.sent++;
    this.#known.sent(change);
    const result = await session.command({ lun: 0, ...said });
    const done = this.#isDone(change, result);
    this.#known.over(change, done);
    if (done) history.acknowledge(change);
    else history.refuse(change);
    this.#acknowledged();
  }

  /** @throws {ScsiError} for what the disk must not say */
  #isDone(change: Change, result: CommandResult): boolean {
    if (result.response === 0 && result.status === 0) return true;
    const error = new ScsiError(`${change}`, result);
    // Others that were under way beside it may have come before it.
    const excused = error.sense?.key === MISCOMPARE &&
      this.#known.isTangled(change);
    if (!excused) throw error;
    return false;
  }

  async #flush(): Promise<void> {
    const { session, history } = this.#options;
    this.sent++;
    const flush = history.sendFlush();
    const result = await session.command({ lun: 0, ...synchronizeCache() });
    if (result.response !== 0 || result.status !== 0) {
      throw new ScsiError("SYNCHRONIZE CACHE", result);
    }
    history.acknowledgeFlush(flush);
    this.flushes++;
    this.#acknowledged();
  }

  #acknowledged(): void {
    this.acknowledged++;
    while (this.#reached.length > 0) {
      if (this.#reached[0]!.count > this.acknowledged) return;
      this.#reached.shift()!.tell();
    }
  }
}
