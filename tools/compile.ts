/**
 * `deno task compile`: `dist/vault`, the program in one file.
 *
 * `deno compile` makes it for Linux, macOS and Windows, where the runtime that it builds upon (`denort`) can be had: downloaded,
 * or named by `DENORT_BIN` for the machine at hand. Where it cannot, one self-extracting file is built for this machine
 * around the very Deno that runs this (npm delivers it), see `self_extracting.ts`.
 */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { V8_FLAGS } from "./run_flags.ts";
import { selfExtracting } from "./self_extracting.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const entry = `${root}cli/main.ts`;
const dist = `${root}dist`;
const host = Deno.build.target;

/** The machines that people run it on. */
const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** A download that takes longer will not come. */
const COMPILE_TIMEOUT_MS = 180_000;

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

Deno.mkdirSync(dist, { recursive: true });
const suffix = Deno.build.os === "windows" ? ".exe" : "";
const ours = `${dist}/vault${suffix}`;

const refused = await compile(host, ours);
if (refused === undefined) {
  say(`${ours}: made by deno compile for ${host}`);
  await compileOthers();
} else {
  say(`deno compile has no runtime to build upon (${refused}).`);
  await pack();
}
await tryOut();

/** Compiles for one machine. Gives the reason where the runtime cannot be had; any other failure ends the task. */
async function compile(
  target: string,
  output: string,
): Promise<string | undefined> {
  // It does not replace a file that it did not make, and nobody should start half a file.
  const folder = Deno.makeTempDirSync({ dir: dist });
  const fresh = `${folder}/${basename(output)}`;
  using _cleanup = {
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "-A", V8_FLAGS],
      ...["--target", target, "--output", fresh, entry],
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(COMPILE_TIMEOUT_MS),
  });
  const { success, stderr } = await command.output();
  if (success) {
    Deno.renameSync(fresh, output);
    return undefined;
  }
  const said = new TextDecoder().decode(stderr);
  const download = /error sending request for url \((.*?)\).*/.exec(said);
  if (download !== null) return `cannot download ${download[1]}`;
  if (/denort|base binary/.test(said)) {
    return said.trim().split("\n").at(-1) ?? "";
  }
  if (said === "") return `nothing came within ${COMPILE_TIMEOUT_MS / 1000} s`;
  fail(`deno compile for ${target} failed:\n${said}`);
}

async function compileOthers(): Promise<void> {
  // DENORT_BIN is one machine's.
  if (Deno.env.get("DENORT_BIN") !== undefined) {
    say("DENORT_BIN is set: for this machine only.");
    return;
  }
  for (const target of TARGETS) {
    if (target === host) continue;
    const output = `${dist}/vault-${target}${
      target.includes("windows") ? ".exe" : ""
    }`;
    const refused = await compile(target, output);
    say(
      refused === undefined
        ? `${output}: made`
        : `${target}: not made (${refused})`,
    );
  }
}

/** Builds the self-extracting file for this machine. */
async function pack(): Promise<void> {
  if (Deno.build.os === "windows") {
    fail(
      "The self-extracting file needs a POSIX shell. Set DENORT_BIN, or compile where there is a network.",
    );
  }
  say(
    `Building a self-extracting file for ${host} around ${Deno.execPath()} instead.`,
  );
  const bundle = Deno.makeTempFileSync({ prefix: "vault-", suffix: ".js" });
  try {
    const bundled = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--minify", "--output", bundle, entry],
      cwd: root,
      stdin: "null",
    }).output();
    if (!bundled.success) {
      fail(`deno bundle failed:\n${new TextDecoder().decode(bundled.stderr)}`);
    }
    const file = await selfExtracting({
      runtime: Deno.readFileSync(Deno.execPath()),
      program: Deno.readFileSync(bundle),
      runFlags: [
        ...[
          "--quiet",
          "-A",
          "--no-config",
          "--no-lock",
          "--no-npm",
          "--no-remote",
        ],
        "--no-code-cache",
        V8_FLAGS,
      ],
    });
    replace(ours, file);
    say(`${ours}: ${(file.length / 1e6).toFixed(1)} MB`);
  } finally {
    Deno.removeSync(bundle);
  }
}

/** Writes an executable whole or not at all, also while the old one runs. */
function replace(path: string, bytes: Uint8Array): void {
  const fresh = `${path}.new`;
  Deno.writeFileSync(fresh, bytes, { mode: 0o755 });
  Deno.chmodSync(fresh, 0o755);
  Deno.renameSync(fresh, path);
}

/** Starts what was built, twice: the first start may unpack. */
async function tryOut(): Promise<void> {
  for (const which of ["first", "next"]) {
    const before = performance.now();
    const { success, stdout } = await new Deno.Command(ours, {
      args: ["--version"],
      stdin: "null",
    }).output();
    if (!success) fail(`${ours} --version failed`);
    const version = new TextDecoder().decode(stdout).trim();
    say(
      `vault --version: ${version}, ${which} start ${
        (performance.now() - before).toFixed(0)
      } ms`,
    );
  }
}

function fail(message: string): never {
  throw new Error(message);
}
