/** The two outputs and the one input of the process. `cli/terminal.ts` is the only file that decides what goes there. */

import fs from "node:fs";
import { concat } from "../base/bytes.ts";

export type Output = "stdout" | "stderr";

const FD = { stdout: 1, stderr: 2 } as const;

/**
 * Writes all of `text` before it returns, so that nothing is lost when the process ends next.
 *
 * @returns false where nobody reads any more (`vault volume list | head -1`)
 */
export function writeOut(output: Output, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  const idle = new Int32Array(new SharedArrayBuffer(4));
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(FD[output], bytes, at);
    } catch (thrown) {
      // A pipe that somebody made non-blocking is full: its reader is slow, not gone.
      if (!isCode(thrown, "EAGAIN")) return false;
      Atomics.wait(idle, 0, 0, 5);
    }
  }
  return true;
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}

/** Whether a person reads there. */
export function isTerminal(stream: Output | "stdin"): boolean {
  return Deno[stream].isTerminal();
}

/** The terminal's width in columns, or 80 where there is none. */
export function columns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** Whether somebody asked for no colours (https://no-color.org) or the terminal has none. */
export function wantsNoColor(): boolean {
  return Boolean(Deno.env.get("NO_COLOR")) || Deno.env.get("TERM") === "dumb";
}

/** All of the standard input up to `maxBytes`, or undefined where it is longer. */
export async function readInput(
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const buffer = new Uint8Array(4096);
  while (true) {
    const got = await Deno.stdin.read(buffer);
    if (got === null) break;
    length += got;
    if (length > maxBytes) return undefined;
    parts.push(buffer.slice(0, got));
  }
  return concat(parts);
}
