/**
 * What the commands ask for that make, find or fill a volume in a bucket: the store, what of it is kept here, and the volume's key. Each group
 * of options stands here once; a command takes those that mean something to it.
 */

import fs from "node:fs";
import { resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { messageOf, VaultError } from "../lib/base/errors.ts";
import type { BucketSpec, KeySpec } from "../lib/control/operations.ts";
import { systemPrimitives } from "../lib/os/primitives.ts";
import { VOLUME_KEY_BYTES } from "../lib/segments/keys.ts";
import {
  isLocked,
  lockKey,
  MAX_KEY_TEXT_LENGTH,
  parseKey,
  parseRecovery,
  recoveryLines,
  renderKey,
  unlockKey,
} from "../lib/segments/volume_key.ts";
import { parseSize } from "./size.ts";
import { askLine, askSecret, readStdin } from "./terminal.ts";

/** What the parser gives of them. */
export interface BucketOptions {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly cache: string;
  readonly journal: string;
  readonly prefetch?: true | undefined;
  readonly unsafeNoConditionalPut?: true | undefined;
  readonly uploadLimit?: string | undefined;
  readonly downloadLimit?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly passphrase?: true | undefined;
  readonly passphraseFile?: string | undefined;
}

/** A key, and what of it has to be told to the person: it is nowhere else but on this machine. */
export interface ChosenKey {
  readonly key: KeySpec;
  readonly recovery?: readonly string[];
}

const primitives = systemPrimitives;
/** Stores other than Amazon's want one, and most do not look at it. */
const ANY_REGION = "us-east-1";

/**
 * A command. That it takes these options too is not in its type, which a chain of them makes too much of for the compiler: what was given of
 * them, {@linkcode bucketOptionsOf} says.
 */
interface Taker {
  addOption(option: Option): unknown;
}

const STORE: readonly Flag[] = [
  ["--endpoint <url>", "the store, where it is not Amazon's"],
  ["--region <region>", "the bucket's region"],
  [
    "--unsafe-no-conditional-put",
    "in a store without If-None-Match; README: limits",
  ],
];
const LOCAL: readonly Flag[] = [
  ["--cache <size>", "how much is kept on the local disk", "10GiB"],
  ["--prefetch", "bring all of it into the cache, as far as it fits"],
  ["--journal <size>", "how much may wait for its upload", "1GiB"],
  ["--upload-limit <rates>", "20Mbit/s, or 08:00,1M 19:00,off"],
  ["--download-limit <rates>", "the same for what is fetched"],
];
const NEW_KEY: readonly Flag[] = [
  ["--key-file <file>", "keep its key there"],
  ["--passphrase", "ask for a passphrase, which locks the key file"],
  ["--passphrase-file <file>", "the file that holds the passphrase"],
];
const URL: readonly Flag[] = [
  ["--store <url>", "keep it in a bucket: s3://BUCKET/PREFIX"],
];

type Flag = readonly [flags: string, what: string, otherwise?: string];

/** Where the store is that is not Amazon's. */
export function takeStore<C extends Taker>(to: C): C {
  return take(to, STORE);
}

/** What of the volume is on this machine, and how fast it is exchanged with the store. */
export function takeLocal<C extends Taker>(to: C): C {
  return take(to, LOCAL);
}

/** Where the key of a new volume is to be. */
export function takeNewKey<C extends Taker>(to: C): C {
  return take(to, NEW_KEY);
}

/** All of them, for a command that makes a volume in a bucket or in a file. */
export function takeOptionalStore<C extends Taker>(to: C): C {
  return take(to, [...URL, ...STORE, ...LOCAL, ...NEW_KEY]);
}

function take<C extends Taker>(to: C, flags: readonly Flag[]): C {
  for (const [name, what, otherwise] of flags) {
    to.addOption(new Option(name, what).default(otherwise));
  }
  return to;
}

/** What was given of them. */
export function bucketOptionsOf(
  command: { opts(): object },
): BucketOptions & { readonly store?: string | undefined } {
  return command.opts() as BucketOptions;
}

/** The bucket that was asked for; undefined where none was. @throws {VaultError} `usage` where an option of one was given all the same */
export function chosenStore(
  command: {
    opts(): object;
    getOptionValueSource(name: string): string | undefined;
  },
): BucketSpec | undefined {
  const options = bucketOptionsOf(command);
  if (options.store !== undefined) return bucketSpecOf(options.store, options);
  const ofStores = [...STORE, ...LOCAL, ...NEW_KEY]
    .map(([flags, what]) => new Option(flags, what));
  const given = ofStores.find((option) =>
    command.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (!given) return undefined;
  throw new VaultError(`${given.long} goes with --store`, { kind: "usage" });
}

export function bucketSpecOf(url: string, options: BucketOptions): BucketSpec {
  const { endpoint, uploadLimit, downloadLimit } = options;
  const region = options.region ??
    (endpoint !== undefined && !Deno.env.get("AWS_REGION")
      ? ANY_REGION
      : undefined);
  return {
    url,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    cacheBytes: parseSize(options.cache),
    journalBytes: parseSize(options.journal),
    ...(options.prefetch && { prefetch: true }),
    ...(options.unsafeNoConditionalPut && { unconditional: true }),
    ...(uploadLimit === undefined ? {} : { upload: uploadLimit }),
    ...(downloadLimit === undefined ? {} : { download: downloadLimit }),
  };
}

/** The key of a new volume: that of `--key-file`, which is made where it is missing, or a fresh one. @throws {VaultError} */
export async function keyForNew(options: BucketOptions): Promise<ChosenKey> {
  expectLockIsOfFile(options);
  const { keyFile } = options;
  if (keyFile !== undefined && fs.existsSync(keyFile)) {
    return { key: await keyOfFile(keyFile, options) };
  }
  const key = primitives.random(VOLUME_KEY_BYTES);
  const line = renderKey(primitives, key);
  if (keyFile === undefined) {
    return { key: { line }, recovery: recoveryLines(primitives, key) };
  }
  if (!wantsLock(options)) {
    writeKeyFile(keyFile, line);
    return { key: { file: resolve(keyFile) } };
  }
  const passphrase = await newPassphrase(options);
  writeKeyFile(keyFile, await lockKey(primitives, { key, passphrase }));
  // `vault serve` starts while nobody is there to be asked.
  return { key: { line } };
}

/** The key of an import into a bucket, which may have been begun before: it is asked for once that is known. */
export function keysForImport(options: BucketOptions) {
  expectLockIsOfFile(options);
  const { keyFile } = options;
  return {
    namesKey: keyFile !== undefined,
    newKey: async () => (await keyForNew(options)).key,
    knownKey: () => keyOfFile(keyFile ?? "", options),
  };
}

/** The recovery sheet of a key that is nowhere but on this machine; undefined where `--key-file` has it. */
export function recoveryOf(
  key: KeySpec,
  { keyFile }: BucketOptions,
): readonly string[] | undefined {
  if (keyFile !== undefined || "file" in key) return undefined;
  return recoveryLines(primitives, parseKey(primitives, key.line));
}

/** The key of a volume that there is: from a file, or from its recovery sheet. @throws {VaultError} */
export async function knownKey(
  options: BucketOptions & { readonly recoverySheet?: true | undefined },
): Promise<KeySpec> {
  expectLockIsOfFile(options);
  const { keyFile, recoverySheet } = options;
  if (keyFile !== undefined && !recoverySheet) {
    return await keyOfFile(keyFile, options);
  }
  if (recoverySheet && keyFile === undefined) {
    const key = parseRecovery(primitives, await readSheet());
    return { line: renderKey(primitives, key) };
  }
  throw new VaultError("Which key does the volume have?", {
    kind: "usage",
    hint: "Give --key-file FILE or --recovery-sheet.",
  });
}

async function keyOfFile(
  path: string,
  options: BucketOptions,
): Promise<KeySpec> {
  const text = readText(path);
  if (!isLocked(text)) {
    parseKey(primitives, text);
    return { file: resolve(path) };
  }
  const passphrase = await passphraseFrom(options, "Its passphrase");
  const key = await unlockKey(primitives, { text, passphrase });
  return { line: renderKey(primitives, key) };
}

async function readSheet(): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await readStdin(MAX_KEY_TEXT_LENGTH);
  const lines: string[] = [];
  for (let line = 1; line <= 4; line++) {
    const off = { what: "No recovery sheet was given", hint: "" };
    lines.push(await askLine(`Line ${line} of the recovery sheet`, off));
  }
  return lines.join("\n");
}

function wantsLock(options: BucketOptions): boolean {
  return options.passphrase === true || options.passphraseFile !== undefined;
}

function expectLockIsOfFile(options: BucketOptions): void {
  if (!wantsLock(options) || options.keyFile !== undefined) return;
  throw new VaultError("--passphrase goes with --key-file", {
    kind: "usage",
    hint: "A passphrase locks the file that holds the volume's key.",
  });
}

async function newPassphrase(options: BucketOptions): Promise<string> {
  const first = await passphraseFrom(options, "The key file's passphrase");
  if (options.passphraseFile !== undefined) return first;
  const second = await passphraseFrom(options, "The passphrase again");
  if (first === second) return first;
  throw new VaultError("The two passphrases are not the same", {
    kind: "usage",
  });
}

async function passphraseFrom(
  { passphraseFile }: BucketOptions,
  question: string,
): Promise<string> {
  if (passphraseFile !== undefined) {
    return readText(passphraseFile).replace(/\r?\n$/, "");
  }
  return await askSecret(question, {
    what: "No passphrase was given",
    hint: "Nobody is there to be asked: give --passphrase-file FILE.",
  });
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (cause) {
    throw new VaultError(`Cannot read ${path}: ${messageOf(cause)}`, {
      kind: "not-found",
      cause,
    });
  }
}

function writeKeyFile(path: string, line: string): void {
  try {
    const fd = fs.openSync(path, "wx", 0o600);
    try {
      fs.writeSync(fd, `${line}\n`);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    throw new VaultError(`Cannot write ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
