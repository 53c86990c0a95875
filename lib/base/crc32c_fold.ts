/**
 * Long messages made short without changing their CRC32C: sixteen bytes a step, with five exclusive ors and no table.
 *
 * A CRC is what is left of the message, as a polynomial, when it is divided by the generator. The generator divides
 *
 *     x^266 + x^143 + x^121 + x^88 + x^71 + 1
 *
 * and so its eighth power, which has the same terms with every exponent eight times as large: whole bytes. So a byte may be taken out
 * of the message when it is added to the five that lie 123, 145, 178, 195 and 266 bytes behind it, and nothing is left of a message
 * but its last 272 bytes. As none of those lies within sixteen bytes, sixteen are done at once; WebAssembly's vectors do that at some 5 GB/s,
 * the copy into its memory included, where tables reach 1.
 */

/** How far behind a byte those are that it is added to. */
const LAGS = [123, 145, 178, 195, 266] as const;

/** What is done in one step. */
const VECTOR_BYTES = 16;

/** How much is left of what is made short: whole vectors, and all that the last byte taken out was added to. */
export const SHORT_BYTES = 272;

/** The most that is made short at a time. */
export const MAX_LONG_BYTES = 64 * 1024;

/** Where in the module's memory things are: what was taken out, behind zeros in place of what goes before it; the message; what is left. */
const DONE_AT = SHORT_BYTES;
const MESSAGE_AT = DONE_AT + MAX_LONG_BYTES;
const SHORT_AT = MESSAGE_AT + MAX_LONG_BYTES;
const PAGES = 3;

/** The module's only function. */
type Fold = (at: number, end: number, into: number) => void;

/** Makes messages short. */
export class Shortener {
  readonly #fold: Fold;
  readonly #memory: Uint8Array;
  readonly #first: Int32Array;
  readonly #short: Int32Array;

  private constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module);
    const { buffer } = exports["memory"] as WebAssembly.Memory;
    this.#fold = exports["fold"] as Fold;
    this.#memory = new Uint8Array(buffer);
    this.#first = new Int32Array(buffer, MESSAGE_AT, 1);
    this.#short = new Int32Array(buffer, SHORT_AT, SHORT_BYTES / 4);
  }

  /** Undefined where this machine has no vectors. */
  static make(): Shortener | undefined {
    const code = makeModule();
    return typeof WebAssembly === "object" && WebAssembly.validate(code)
      ? new Shortener(new WebAssembly.Module(code))
      : undefined;
  }

  /**
   * The words that leave `bytes`' digest when one begins with zero, where `state` is the digest's before `bytes`. Lent until the next call.
   * `bytes` are whole vectors, more than {@linkcode SHORT_BYTES} and not more than {@linkcode MAX_LONG_BYTES}.
   */
  shorten(bytes: Uint8Array, state: number): Int32Array {
    const memory = this.#memory;
    const fold = this.#fold;
    memory.set(bytes, MESSAGE_AT);
    // What goes before a message is the same as its first four bytes, changed.
    this.#first[0]! ^= state;
    const kept = bytes.length - SHORT_BYTES;
    fold(0, kept, DONE_AT);
    // Nothing is taken out of the rest: it only takes.
    memory.fill(0, DONE_AT + kept, DONE_AT + bytes.length);
    fold(kept, bytes.length, SHORT_AT - kept);
    return this.#short;
  }
}

/**
 * The module, as the WebAssembly core specification lays it out (2.0, chapter 5):
 *
 *     memory: PAGES pages
 *     fold(at, end, into):
 *       do memory[into + at] = memory[MESSAGE_AT + at] ^ memory[DONE_AT - LAGS[0] + at] ^ … ^ memory[DONE_AT - LAGS[4] + at]
 *       while (at += VECTOR_BYTES) < end
 */
function makeModule(): Uint8Array<ArrayBuffer> {
  const [AT, END, INTO] = [0, 1, 2] as const;
  const get = (local: number) => [0x20, local];
  const load = (offset: number) => [0xfd, 0x00, 0, ...number(offset)];
  const store = [0xfd, 0x0b, 0, 0];
  const xor = [0xfd, 0x51];
  const add = 0x6a;
  const step = [
    ...[...get(INTO), ...get(AT), add],
    ...[...get(AT), ...load(MESSAGE_AT)],
    ...LAGS.flatMap((lag) => [...get(AT), ...load(DONE_AT - lag), ...xor]),
    ...store,
  ];
  const next = [...get(AT), 0x41, VECTOR_BYTES, add, 0x22, AT];
  const loop = [0x03, 0x40, ...step, ...next, ...get(END), 0x49, 0x0d, 0, 0x0b];
  const body = [0, ...loop, 0x0b];
  const i32 = 0x7f;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, i32, i32, i32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("fold"), 0, 0]),
    ...section(10, [1, ...number(body.length), ...body]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...number(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** LEB128, unsigned. */
function number(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...number(value >>> 7)];
}
