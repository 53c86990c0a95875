/**
 * Requests of one session that wait: for the command window to let them out (RFC 7143 section 4.2.2.1), then for their answer.
 *
 *     ask ─► behind the window ─► sent ─► answered, rejected or dropped
 */

import { ConnectionLost, PeerError } from "../base/errors.ts";
import { serialAdd, serialDistance, serialLess } from "../base/serial.ts";
import { RESERVED_TAG } from "../iscsi/pdu/bhs.ts";

/** How a request goes out. */
export interface Ask {
  /** At once, whatever the window says, and without using a CmdSN up. */
  readonly immediate?: boolean;
  /** Goes on under the tag of an earlier request. */
  readonly tag?: number;
  /** Called when its turn has come. */
  readonly send: (tag: number, cmdSn: number) => void;
}

interface Waiting {
  readonly resolve: (reply: never) => void;
  readonly reject: (thrown: unknown) => void;
}

export class Requests {
  readonly #waiting = new Map<number, Waiting>();
  /** Not sent yet, oldest first. */
  readonly #behindWindow: (() => void)[] = [];
  #cmdSn: number;
  #maxCmdSn: number;
  #nextTag = 1;
  #closed: Error | undefined;

  constructor(options: { readonly cmdSn: number; readonly maxCmdSn: number }) {
    this.#cmdSn = options.cmdSn;
    this.#maxCmdSn = options.maxCmdSn;
  }

  /** The next command's number: what immediate requests carry without using it up. */
  get cmdSn(): number {
    return this.#cmdSn;
  }

  /** Resolves with what {@linkcode Requests.reply} is given for its tag. */
  ask<T>({ immediate = false, tag: given, send }: Ask): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closed);
        return;
      }
      const tag = given ?? this.#takeTag();
      this.#waiting.set(tag, { resolve, reject });
      if (immediate) {
        send(tag, this.#cmdSn);
        return;
      }
      this.#behindWindow.push(() => {
        const cmdSn = this.#cmdSn;
        this.#cmdSn = serialAdd(cmdSn, 1);
        send(tag, cmdSn);
      });
      this.#open();
    });
  }

  /** ExpCmdSN and MaxCmdSN of a PDU. */
  window(expCmdSn: number, maxCmdSn: number): void {
    // RFC 7143 section 4.2.2.1: a pair that contradicts itself, or an old one, says nothing.
    if (serialLess(maxCmdSn, serialAdd(expCmdSn, -1))) return;
    if (!serialLess(this.#maxCmdSn, maxCmdSn)) return;
    this.#maxCmdSn = maxCmdSn;
    this.#open();
  }

  /** @throws {PeerError} where nothing waits for an answer under that tag */
  reply(tag: number, answer: unknown): void {
    const waiting = this.#waiting.get(tag);
    if (waiting === undefined) {
      throw new PeerError(`An answer to no request: task tag ${tag}`);
    }
    this.#waiting.delete(tag);
    waiting.resolve(answer as never);
  }

  /** Fails one request; false where there is none under that tag. */
  fail(tag: number, thrown: unknown): boolean {
    const waiting = this.#waiting.get(tag);
    if (waiting === undefined) return false;
    this.#waiting.delete(tag);
    waiting.reject(thrown);
    return true;
  }

  /** From now on nothing new is asked; what was sent still waits for its answer. */
  refuse(): void {
    this.#closed ??= new ConnectionLost("The session was logged out");
  }

  /** Fails everything that waits, and all that is asked later. */
  close(error: Error): void {
    this.#closed = error;
    this.#behindWindow.length = 0;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #open(): void {
    while (
      this.#behindWindow.length > 0 &&
      serialDistance(this.#cmdSn, this.#maxCmdSn) >= 0
    ) this.#behindWindow.shift()!();
  }

  #takeTag(): number {
    let tag = this.#nextTag;
    while (tag === RESERVED_TAG || this.#waiting.has(tag)) {
      tag = serialAdd(tag, 1);
    }
    this.#nextTag = serialAdd(tag, 1);
    return tag;
  }
}
