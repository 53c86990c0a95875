/**
 * The command window of a session with one connection (RFC 7143 section 4.2.2.1), the target's side.
 *
 *     ExpCmdSN ≤ CmdSN ≤ MaxCmdSN     numbers that a non-immediate command may carry
 *     MaxCmdSN = ExpCmdSN + size − active − 1
 *
 * Delivering a command raises ExpCmdSN and `active` by one each, completing it lowers `active`: MaxCmdSN never falls, and no
 * more than `size` non-immediate commands are ever under way.
 */

import { InvariantError } from "../base/errors.ts";
import { serialAdd, serialDistance } from "../base/serial.ts";

/**
 * `deliver`: it is this command's turn. `hold`: it is inside the window but comes after a gap; hand a copy to
 * {@linkcode CommandWindow.hold}. `ignore`: outside of the window or a duplicate, to be dropped without an answer.
 */
export type Verdict = "deliver" | "hold" | "ignore";

/** `T` is what the owner keeps of a command that must wait for its turn. */
export class CommandWindow<T> {
  #expCmdSn: number;
  #active = 0;
  readonly #size: number;
  /** Commands after a gap, by CmdSN; all inside the window, hence at most `size − active − 1` of them. */
  readonly #held = new Map<number, T>();

  constructor(options: { expCmdSn: number; sizeCommands: number }) {
    this.#expCmdSn = options.expCmdSn >>> 0;
    this.#size = options.sizeCommands;
  }

  /** To put into every PDU to the initiator. */
  get expCmdSn(): number {
    return this.#expCmdSn;
  }

  /** To put into every PDU to the initiator. */
  get maxCmdSn(): number {
    return serialAdd(this.#expCmdSn, this.#size - this.#active - 1);
  }

  /** Non-immediate commands delivered and not yet completed. */
  get active(): number {
    return this.#active;
  }

  /**
   * What to do with a command that has come in. Immediate commands are delivered whatever their number, take no place in the
   * window, and are not to be completed; delivering any other one counts it as active.
   */
  arrive(cmdSn: number, immediate: boolean): Verdict {
    if (immediate) return "deliver";
    const ahead = serialDistance(this.#expCmdSn, cmdSn);
    if (ahead < 0 || ahead >= this.#size - this.#active) return "ignore";
    if (ahead > 0) return this.#held.has(cmdSn) ? "ignore" : "hold";
    this.#deliver();
    return "deliver";
  }

  /** Keeps a command whose verdict was `hold` until its turn. The PDU's views do not last: keep copies. */
  hold(cmdSn: number, command: T): void {
    this.#held.set(cmdSn >>> 0, command);
  }

  /** All that is held, with its CmdSN, as it is now. To take another's place it is held again. */
  held(): readonly (readonly [cmdSn: number, command: T])[] {
    return [...this.#held];
  }

  /** The held command whose turn has come, delivered by this call. To be asked until undefined after every delivery. */
  next(): T | undefined {
    if (this.#held.size === 0) return undefined;
    const command = this.#held.get(this.#expCmdSn);
    if (command === undefined) return undefined;
    this.#held.delete(this.#expCmdSn);
    this.#deliver();
    return command;
  }

  /** A non-immediate command is over (its response is on its way, or it was aborted): room for one more. */
  complete(): void {
    if (this.#active === 0) {
      throw new InvariantError("A command was completed that was not active");
    }
    this.#active--;
  }

  #deliver(): void {
    this.#expCmdSn = serialAdd(this.#expCmdSn, 1);
    this.#active++;
  }
}
