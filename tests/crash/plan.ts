/**
 * What the seed decides: for each round who is killed and when, and for each operation of it what is done where. What comes of it depends on
 * how far the processes have got by then, and that no seed decides.
 */
import { Dice } from "../fuzz/dice.ts";

/** The numbers of rounds are spread apart from those of the operations in them. */
const ROUND_STRIDE = 0x10000;

const MAX_BLOCKS_A_COMMAND = 64;
/** COMPARE AND WRITE takes no more. */
const MAX_COMPARED_BLOCKS = 32;
/** Half of all operations go to so few blocks, where they get at each other. */
const HOT_BLOCKS = 192;
const MAX_DEPTH = 24;
/** A command does nothing before. */
const COMMAND_STARTS_MS = 150;

export type Victims = "serve" | "attach" | "both";

/** What the operator does before the writer writes: not in every round. */
export type Chore = "snapshot" | "restore" | "resize";

export interface RoundPlan {
  readonly victims: Victims;
  /** How many operations are under way side by side at the most. */
  readonly depth: number;
  /** The kill comes after so many acknowledged operations, and then so many ms. */
  readonly afterOperations: number;
  readonly thenMs: number;
  /** `serve` is killed once more, so many ms after it was started again: in the midst of its recovery, or soon after it. */
  readonly stumbleMs?: number;
  readonly chore?: Chore;
  /** `serve` is killed so many ms after the chore has begun. */
  readonly choreKillMs?: number;
  /** Chooses the snapshot or the size. */
  readonly choreDice: Dice;
  readonly hotAt: number;
}

export function planRound(
  { seed, round, victims }: {
    readonly seed: number;
    readonly round: number;
    readonly victims: readonly Victims[];
  },
): RoundPlan {
  const dice = Dice.forCase(seed, round * ROUND_STRIDE);
  const chore = dice.once(5)
    ? dice.of<Chore>(["snapshot", "restore", "resize"])
    : undefined;
  return {
    victims: dice.of(victims),
    depth: 1 + dice.next(MAX_DEPTH),
    afterOperations: dice.next(dice.once(4) ? 20 : 400),
    thenMs: dice.once(2) ? 0 : dice.next(20),
    ...(dice.once(6) && { stumbleMs: dice.next(350) }),
    ...(chore && { chore }),
    ...(chore && dice.once(2) && {
      choreKillMs: COMMAND_STARTS_MS + dice.next(500),
    }),
    choreDice: dice,
    hotAt: dice.next(2 ** 20),
  };
}

export type Kind =
  | "write"
  | "write-fua"
  | "unmap"
  | "write-same"
  | "zero-same"
  | "atomic"
  | "compare"
  | "flush";

const KINDS: readonly Kind[] = [
  ...["write", "write", "write", "write", "write", "write"] as const,
  ...["write-fua", "unmap", "unmap", "write-same", "zero-same"] as const,
  ...["atomic", "compare", "flush", "flush"] as const,
];

export interface OperationPlan {
  readonly kind: Kind;
  readonly lba: number;
  readonly count: number;
}

/** The operation of that index in its round, on a volume of `blocks` blocks. */
export function planOperation(
  { seed, round, index }: {
    readonly seed: number;
    readonly round: number;
    readonly index: number;
  },
  { blocks, hotAt }: { readonly blocks: number; readonly hotAt: number },
): OperationPlan {
  const dice = Dice.forCase(seed, round * ROUND_STRIDE + 1 + index);
  const kind = dice.of(KINDS);
  const most = kind === "compare" ? MAX_COMPARED_BLOCKS : MAX_BLOCKS_A_COMMAND;
  const count = 1 + dice.next(dice.once(2) ? 8 : most);
  if (dice.once(2)) return { kind, count, lba: dice.next(blocks - count + 1) };
  const hot = hotAt % (blocks - HOT_BLOCKS + 1);
  return { kind, count, lba: hot + dice.next(HOT_BLOCKS - count + 1) };
}
