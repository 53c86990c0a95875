/** Newline-delimited JSON (one value a line, UTF-8): bytes in, values out. Pure. */

import { concat, fromUtf8, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";

const NEWLINE = 0x0a;

/** One value as a line. JSON escapes the newlines within. */
export function encodeLine(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(value) + "\n");
}

/** Cuts a conversation into lines, however its bytes arrive, and holds no more than one line. */
export class LineReader {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /** @param maxBytes the longest line that is taken, without its newline */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a line has begun and not ended. */
  get midLine(): boolean {
    return this.#heldBytes > 0;
  }

  /** The values of the lines that `bytes` complete. Empty lines are passed over. @throws {PeerError} on an overlong line and on junk */
  receive(bytes: Uint8Array): unknown[] {
    const values: unknown[] = [];
    let at = 0;
    for (
      let end = bytes.indexOf(NEWLINE, at);
      end >= 0;
      end = bytes.indexOf(NEWLINE, at)
    ) {
      this.#hold(bytes.subarray(at, end));
      at = end + 1;
      const line = concat(this.#held);
      this.#held = [];
      this.#heldBytes = 0;
      if (line.length > 0) values.push(parse(line));
    }
    // What was read is lent by the conversation, so what is kept is a copy.
    if (at < bytes.length) this.#hold(bytes.slice(at));
    return values;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#maxBytes) {
      throw new PeerError(`A line is longer than ${this.#maxBytes} bytes`);
    }
    this.#held.push(bytes);
  }
}

function parse(line: Uint8Array): unknown {
  const text = fromUtf8(line);
  if (text === undefined) throw new PeerError("A line is not UTF-8");
  try {
    return JSON.parse(text);
  } catch {
    // The runtime's words for it quote the line, in which a secret may stand, and this is logged.
    throw new PeerError("A line is not JSON");
  }
}
