/** CHAP secrets: from a file, from the standard input or from a prompt, never from the command line, which others can list. */

import fs from "node:fs";
import { messageOf, VaultError } from "../lib/base/errors.ts";
import { askSecret, readStdin, warn } from "./terminal.ts";

/** RFC 7143 section 9.2.1 asks for 96 bits at least; more than 16 bytes is more than Windows takes. */
const MIN_BYTES = 12;
const MAX_BYTES = 16;
/** No file with a secret is longer; a wrong file is not read to its end. */
const MAX_FILE_BYTES = 4096;

/**
 * The secret from `file` (`-` is the standard input), or typed twice where no file is given.
 *
 * @throws {VaultError} where it has not 12 to 16 bytes
 */
export async function readSecret(
  ask: { readonly file: string | undefined; readonly what: string },
): Promise<string> {
  const { file, what } = ask;
  if (file === undefined) return await typeTwice(what);
  const text = file === "-"
    ? await readStdin(MAX_FILE_BYTES)
    : readSecretFile(file);
  return checkSecret(text.replace(/\r?\n$/, ""));
}

/** The secret, typed once, for where a mistyped one only has to be typed again. */
export async function readKnownSecret(
  ask: { readonly file: string | undefined; readonly what: string },
): Promise<string> {
  if (ask.file !== undefined) return await readSecret(ask);
  return checkSecret(await type(ask.what));
}

/** Gives the next line of the standard input with every call. */
export function inputLines(): () => Promise<string> {
  let lines: string[] | undefined;
  return async () => {
    lines ??= (await readStdin(MAX_FILE_BYTES)).split(/\r?\n/);
    return lines.shift() ?? "";
  };
}

async function typeTwice(what: string): Promise<string> {
  const first = checkSecret(await type(what));
  const second = await type(`${what} again`);
  if (first === second) return first;
  throw new VaultError("The two secrets are not the same", {
    hint: "Try again.",
    kind: "usage",
  });
}

function type(what: string): Promise<string> {
  return askSecret(what, {
    what: "No secret was given",
    hint:
      "Nobody is there to be asked: name a file that holds it, or - for the standard input.",
  });
}

/** @throws {VaultError} unless it is one line of 12 to 16 bytes */
export function checkSecret(secret: string): string {
  const length = new TextEncoder().encode(secret).length;
  if (secret.includes("\n")) {
    throw new VaultError("A CHAP secret is one line", { kind: "usage" });
  }
  if (length >= MIN_BYTES && length <= MAX_BYTES) return secret;
  throw new VaultError(
    `A CHAP secret has ${MIN_BYTES} to ${MAX_BYTES} bytes, not ${length}`,
    {
      hint: "A good one: head -c 12 /dev/urandom | base64",
      kind: "usage",
    },
  );
}

function readSecretFile(path: string): string {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(path);
  } catch (cause) {
    throw new VaultError(`Cannot read the secret: ${messageOf(cause)}`, {
      kind: "not-found",
      cause,
    });
  }
  if (Deno.build.os !== "windows" && (stat.mode & 0o077) !== 0) {
    warn(`Others can read ${path}`, `chmod 600 ${path}`);
  }
  if (stat.size > MAX_FILE_BYTES) {
    throw new VaultError(`${path} is too long to hold a CHAP secret`, {
      kind: "usage",
    });
  }
  try {
    return fs.readFileSync(path, "utf8");
  } catch (cause) {
    throw new VaultError(`Cannot read the secret: ${messageOf(cause)}`, {
      cause,
    });
  }
}
