/** The walls of the house (design: "The house"), as data and as checks. Each check gives one sentence for each breach. */
import { codeOf, importsOf, isTest, resolve, type Source } from "./source.ts";

/** Who may import whom, beside itself. A room that is not listed here may not exist. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "lib/base": [],
  "lib/os": ["lib/base"],
  "lib/iscsi": ["lib/base"],
  "lib/scsi": ["lib/base"],
  "lib/journal": ["lib/base"],
  "lib/bucket": ["lib/base"],
  "lib/segments": ["lib/base"],
  "lib/console": ["lib/base"],
  "lib/control": ["lib/base"],
  "lib/pki": ["lib/base"],
  "lib/lease": ["lib/base"],
  "lib/store": ["lib/journal", "lib/segments", "lib/bucket", "lib/base"],
  "lib/target": ["lib/iscsi", "lib/scsi", "lib/store", "lib/lease", "lib/base"],
  "lib/portal": ["lib/iscsi", "lib/base"],
  "lib/initiator": ["lib/iscsi", "lib/base"],
  "tunnel": ["lib/pki", "lib/base"],
  "lib/daemon": ["lib/*", "tunnel"],
  "mod.ts": ["lib/*", "tunnel"],
  "cli": ["lib/*", "tunnel", "mod.ts"],
  "tools": ["tests"],
  "tests": ["lib/*", "tunnel", "mod.ts", "cli", "tools"],
};

/** Who may use which package. A package that is not listed is nobody's. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "@aws-sdk/client-s3": ["lib/bucket"],
  "@clack/prompts": ["cli"],
  "@commander-js/extra-typings": ["cli"],
  "commander": ["cli"],
  "cli-table3": ["cli"],
  "picocolors": ["cli"],
  "prom-client": ["lib/control"],
  "@peculiar/x509": ["lib/pki"],
  "reflect-metadata": ["lib/pki"],
  "valibot": ["cli", "lib/control", "lib/daemon", "lib/pki"],
};

/** Who may use the world outside: files, sockets, processes, timers, the terminal. */
const WORLDLY = ["cli/", "lib/os/", "tunnel/tls.ts", "tests/", "tools/"];

/** What names the world. Code that is handed a Clock, a File or a Duplex needs none of it. */
const WORLD: readonly (readonly [RegExp, string])[] = [
  [/\bDeno\b/, "Deno"],
  [/\bfetch\s*\(/, "fetch"],
  [/\bset(?:Timeout|Interval)\b/, "a timer"],
  [/\bAbortSignal\.timeout\b/, "a timer"],
  [/\bconsole\b/, "console"],
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, "a clock"],
  [/\bMath\.random\b/, "Math.random"],
];

const MAX_LINES = 350;

/** Where reading begins: what people and tasks start. Tests are roots too, but not of the file that they test. */
const ROOTS = [
  /^mod\.ts$/,
  /^cli\/main\.ts$/,
  /^tools\/compile\.ts$/,
  /^tests\/run\.ts$/,
  /^tests\/bench\/(main|bare_target|bucket|extent_map|journal|memory|opening|sealing)\.ts$/,
  /^tests\/harness\/scribbler\.ts$/,
  /^tests\/(conformance|crash|fuzz)\/main\.ts$/,
];

/** The room that a file belongs to. */
export function roomOf(path: string): string {
  const parts = path.split("/");
  if (parts.length === 1) return path;
  return parts[0] === "lib" ? `lib/${parts[1]}` : parts[0]!;
}

function allows(allowed: readonly string[], room: string): boolean {
  return allowed.includes(room) ||
    (allowed.includes("lib/*") && room.startsWith("lib/"));
}

/** Imports across a wall. Tests may also use `lib/os`, and other rooms' public words to build what they test. */
export function importBreaches(sources: readonly Source[]): string[] {
  const breaches: string[] = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined) {
      breaches.push(`${source.path}: there is no room "${room}"`);
      continue;
    }
    for (const specifier of importsOf(source)) {
      if (!specifier.startsWith(".") || specifier.endsWith("/deno.json")) {
        continue;
      }
      const other = roomOf(resolve(source.path, specifier));
      const test = isTest(source.path) &&
        (other === "lib/os" || other === "tests" || other === "lib/base");
      if (other === room || test || allows(allowed, other)) continue;
      breaches.push(
        `${source.path}: ${room} may not import ${other} (${specifier})`,
      );
    }
  }
  return breaches;
}

/** Packages where they do not belong. Tests have their own. */
export function packageBreaches(sources: readonly Source[]): string[] {
  const breaches: string[] = [];
  for (const source of sources) {
    for (const specifier of importsOf(source)) {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      const test = isTest(source.path) || source.path.startsWith("tests/");
      if (test && (specifier === "expect" || specifier === "fast-check")) {
        continue;
      }
      if (test && PACKAGES[specifier] !== undefined) continue;
      if (PACKAGES[specifier]?.includes(roomOf(source.path))) continue;
      breaches.push(
        `${source.path}: ${roomOf(source.path)} may not use "${specifier}"`,
      );
    }
  }
  return breaches;
}

/** The world, named where it should have been handed in. */
export function worldBreaches(sources: readonly Source[]): string[] {
  const breaches: string[] = [];
  for (const source of sources) {
    if (isTest(source.path)) continue;
    if (WORLDLY.some((prefix) => source.path.startsWith(prefix))) continue;
    const code = codeOf(source.text);
    for (const [pattern, what] of WORLD) {
      if (pattern.test(code)) breaches.push(`${source.path}: names ${what}`);
    }
    for (const specifier of importsOf(source)) {
      if (specifier.startsWith("node:")) {
        breaches.push(`${source.path}: names ${specifier}`);
      }
    }
  }
  return breaches;
}

/** What may change a store without a proof of a lease: an erasure, which outlives whoever began it, and the node itself, which resizes. */
const WITHOUT_PROOF = ["lib/target/erasing.ts", "lib/target/target.ts"];

/** Changes of a store in the room where initiators' commands reach one, that no lease is proved for. */
export function unprovenChanges(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith("lib/target/") && !isTest(path))
    .filter(({ path }) =>
      !path.startsWith("lib/target/testing/") && !WITHOUT_PROOF.includes(path)
    )
    .filter(({ text }) =>
      /\bstore\s*\??\.\s*(write|unmap|atomic\s*\??\.\s*write|resize)\b/.test(
        codeOf(text),
      ) ||
      /\{[^{}]*\b(atomic|write|unmap)\b[^{}]*\}\s*=\s*[\w.#]*\bstore\b/.test(
        codeOf(text),
      )
    )
    .map(({ path }) => `${path}: changes a store past Volume.change`);
}

/** Files that nothing imports but their own test. */
export function orphans(sources: readonly Source[]): string[] {
  const imported = new Set<string>();
  for (const source of sources) {
    for (const specifier of importsOf(source)) {
      if (!specifier.startsWith(".")) continue;
      const path = resolve(source.path, specifier);
      if (source.path !== path.replace(/\.ts$/, "_test.ts")) imported.add(path);
    }
  }
  return sources
    .filter(({ path }) => !isTest(path) && !imported.has(path))
    .filter(({ path }) => !ROOTS.some((root) => root.test(path)))
    .map(({ path }) => `${path}: nobody imports it`);
}

export function overlong(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({
      path,
      lines: text.trimEnd().split("\n").length,
    }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines; where is the seam?`);
}

/** Names that are not snake_case, or that say nothing. */
export function badNames(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path }) => {
    const breaches = path.split("/")
      .filter((part) => !/^[a-z][a-z0-9_]*(\.ts)?$/.test(part))
      .map((part) => `${path}: "${part}" is not snake_case`);
    if (
      /(^|[_/])(utils?|helpers?|managers?|misc|common)(_|\.ts$|\/)/.test(path)
    ) {
      breaches.push(`${path}: the name says nothing`);
    }
    return breaches;
  });
}

/** Files of the product that do not begin by saying what they are. `deno doc --lint` looks at their exports. */
export function undocumented(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) =>
      !isTest(path) && /^(lib\/|tunnel\/|cli\/|mod\.ts)/.test(path)
    )
    .filter(({ text }) => !/^(#![^\n]*\n)?\/\*\*/.test(text))
    .map(({ path }) => `${path}: does not begin with a doc comment`);
}

/** Checks that somebody has switched off, and tests that do not run. */
export function silencedChecks(sources: readonly Source[]): string[] {
  const marks = [
    ["deno-lint", "ignore"].join("-"),
    ["deno-fmt", "ignore"].join("-"),
    ["@ts", "ignore"].join("-"),
    ["@ts", "expect-error"].join("-"),
    ["@ts", "nocheck"].join("-"),
  ];
  return sources.flatMap(({ path, text }) => [
    ...marks.filter((mark) => text.includes(mark)).map((mark) =>
      `${path}: ${mark}`
    ),
    ...(isTest(path) && /\bDeno\.test\.only\b|\bonly: true/.test(codeOf(text))
      ? [`${path}: runs only one of its tests`]
      : []),
  ]);
}
