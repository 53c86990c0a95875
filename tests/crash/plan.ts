/**
 * What the seed decides: for each round who is killed and when, and for each operation of it what is done where. What comes of it depends on
 * how far the processes have got by then, and that no seed decides.
 */
import { Dice } from "../fuzz/dice.ts";

/** Between the numbers of rounds there is room for those of their operations. A prime: neighbours differ in every digit. */
const ROUND_STRIDE = 100_003;

const MAX_BLOCKS_A_COMMAND = 64;
/** COMPARE AND WRITE takes no more. */
const MAX_COMPARED_BLOCKS = 32;
/** Half of all operations go to so few blocks, where they get at each other. */
const HOT_BLOCKS = 192;
const MAX_DEPTH = 24;
/** What was written is uploaded after 5 s at the latest, and when there are 8 MiB of it. */
const MAX_LINGER_MS = 1500;
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
  /** Of a volume in a bucket. */
  readonly bucket: {
    /** The writer goes on for so long before the kill: some of what it has written is being uploaded then. */
    readonly lingerMs: number;
    /** With the kill all of the node's state is lost. */
    readonly loses: boolean;
  };
}

export function planRound(
  { seed, round, victims }: {
    readonly seed: number;
    readonly round: number;
    readonly victims: readonly Victims[];
  },
): RoundPlan {
  const dice = Dice.forCase(seed, round * ROUND_STRIDE);
  const chore = dice.once(7)
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
    bucket: planBucket(seed, round),
  };
}

/** With dice of its own: what a seed plans for other volumes stays as it is. */
function planBucket(seed: number, round: number): RoundPlan["bucket"] {
  const dice = Dice.forCase(seed, round * ROUND_STRIDE + ROUND_STRIDE - 1);
  const lingerMs = dice.once(2) ? 0 : dice.next(MAX_LINGER_MS);
  return { lingerMs, loses: dice.once(4) };
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
