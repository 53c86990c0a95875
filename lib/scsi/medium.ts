/**
 * Whether the medium can be reached: in or out, started or stopped (SBC-3 sections 4.3 and 4.20), and whether it is being erased or was left
 * half erased.
 *
 *     ready ──START STOP UNIT, START 0──> stopped ──START 1, reset──> ready
 *       └──────────── LOEJ 1, START 0 ───────────> out ──LOEJ 1, START 1──> ready
 *
 * Beside that, and looked at first, goes the erasure (`erasure.ts`): none, running, failed.
 */

import type { Needs } from "./command.ts";
import { type ErasureAsk, type ErasureNotes, passesOf } from "./erasure.ts";
import type { Nexus } from "./nexus.ts";
import type { Erasure, Outcome } from "./plan.ts";
import type { Sense } from "./sense.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";

export interface MediumOptions {
  readonly blockSizeBytes: number;
  readonly notes?: ErasureNotes;
  /** An erasure that the end of the process interrupted: it runs from the beginning on. */
  readonly interrupted?: ErasureAsk;
}

export class Medium {
  readonly #blockSizeBytes: number;
  readonly #notes: ErasureNotes | undefined;
  /** Those that have done PREVENT, by nexus. */
  readonly #preventers = new Set<number>();
  #presence: "ready" | "stopped" | "out" = "ready";
  #erasure:
    | { readonly ask: ErasureAsk; readonly failed: boolean }
    | undefined;
  #progress = 0;
  #free = true;

  constructor(options: MediumOptions) {
    this.#blockSizeBytes = options.blockSizeBytes;
    this.#notes = options.notes;
    if (options.interrupted) this.#set({ ask: options.interrupted });
  }

  /** Every command may have the medium: looked at with each. */
  get free(): boolean {
    return this.#free;
  }

  get isIn(): boolean {
    return this.#presence !== "out";
  }

  /** Somebody has locked it in. */
  get isLocked(): boolean {
    return this.#preventers.size > 0;
  }

  /** Why a command cannot be carried out just now. */
  obstacle(needs: Needs): Sense | undefined {
    if (this.#free || needs === "nothing") return undefined;
    if (this.#erasure && !this.#erasure.failed) return this.#running();
    if (needs === "unit") return undefined;
    if (this.#presence !== "ready") return ABSENCE[this.#presence];
    return this.#erasure && needs === "medium"
      ? failureOf(this.#erasure.ask)
      : undefined;
  }

  /** LOEJ and START: it is in, and started. False where it was in already. */
  load(): boolean {
    const wasOut = !this.isIn;
    this.#move("ready");
    return wasOut;
  }

  /** LOEJ without START. */
  eject(): void {
    this.#move("out");
  }

  start(): void {
    if (this.isIn) this.#move("ready");
  }

  stop(): void {
    if (this.isIn) this.#move("stopped");
  }

  prevent(nexus: Nexus): void {
    this.#preventers.add(nexus.id);
  }

  /** What this nexus has locked is locked by it no more; others may have, too. */
  allow(nexus: Nexus): void {
    this.#preventers.delete(nexus.id);
  }

  /** Nobody locks it in any more (SPC-4 section 6.17), and it is started. What is out stays out; erasing goes on. */
  reset(): void {
    this.#preventers.clear();
    this.start();
  }

  /** An erasure to be carried out; `failure` is the outcome for whoever waits for it. */
  erasure(ask: ErasureAsk, failure: () => Outcome): Erasure {
    return {
      passes: passesOf(ask.method, this.#blockSizeBytes),
      failure,
      begin: () => {
        this.#notes?.write(ask);
        this.#set({ ask });
      },
      progressed: (fraction) => this.#progress = fraction,
      finished: () => {
        this.#notes?.clear();
        this.#set(undefined);
      },
      failed: () => this.#set({ ask, failed: true }),
    };
  }

  /** The erasure that the end of the process interrupted. */
  interrupted(failure: () => Outcome): Erasure | undefined {
    return this.#erasure && this.erasure(this.#erasure.ask, failure);
  }

  /**
   * EXIT FAILURE MODE: the medium may be used as the failed sanitizing left it. False where that was not allowed. @throws what the notes throw
   */
  exitFailureMode(): boolean {
    if (!this.#erasure) return true;
    const { ask } = this.#erasure;
    if (ask.method.kind === "format" || !ask.unrestrictedExit) return false;
    this.#notes?.clear();
    this.#set(undefined);
    return true;
  }

  #running(): Sense {
    const isFormat = this.#erasure?.ask.method.kind === "format";
    return {
      key: SenseKey.NOT_READY,
      code: isFormat
        ? SenseCode.LOGICAL_UNIT_NOT_READY_FORMAT_IN_PROGRESS
        : SenseCode.LOGICAL_UNIT_NOT_READY_SANITIZE_IN_PROGRESS,
      progress: this.#progress,
    };
  }

  #move(presence: "ready" | "stopped" | "out"): void {
    this.#presence = presence;
    this.#look();
  }

  #set(erasure: { ask: ErasureAsk; failed?: true } | undefined): void {
    this.#erasure = erasure &&
      { ask: erasure.ask, failed: erasure.failed ?? false };
    this.#progress = 0;
    this.#look();
  }

  #look(): void {
    this.#free = this.#presence === "ready" && !this.#erasure;
  }
}

const ABSENCE = {
  stopped: {
    key: SenseKey.NOT_READY,
    code: SenseCode.LOGICAL_UNIT_NOT_READY_INITIALIZING_COMMAND_REQUIRED,
  },
  out: { key: SenseKey.NOT_READY, code: SenseCode.MEDIUM_NOT_PRESENT },
} as const;

function failureOf({ method }: ErasureAsk): Sense {
  return {
    key: SenseKey.MEDIUM_ERROR,
    code: method.kind === "format"
      ? SenseCode.MEDIUM_FORMAT_CORRUPTED
      : SenseCode.SANITIZE_COMMAND_FAILED,
  };
}
