/** The project's source files, as the walls look at them. */

/** One TypeScript file. */
export interface Source {
  /** From the project's root, with `/` between the parts. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file of the project. */
export function readSources(root: URL): Source[] {
  const found: Source[] = [];
  const walk = (folder: string) => {
    for (const entry of Deno.readDirSync(new URL(folder, root))) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) {
        if (!SKIPPED_FOLDERS.has(entry.name)) walk(`${path}/`);
      } else if (entry.name.endsWith(".ts")) {
        found.push({ path, text: Deno.readTextFileSync(new URL(path, root)) });
      }
    }
  };
  walk("");
  return found.toSorted((a, b) => a.path < b.path ? -1 : 1);
}

const SKIPPED_FOLDERS = new Set([".git", "node_modules", "dist", ".cache"]);

/** Tests, and what several test files of a room share: its suites, and the folder `testing` in it. */
export function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.endsWith("/conformance.ts") ||
    path.includes("/testing/");
}

/** `text` with comments blanked out, and with strings and templates too unless `keepStrings`. Offsets and lines stay. */
export function codeOf(
  text: string,
  options: { keepStrings?: boolean } = {},
): string {
  const blank = (part: string) => part.replace(/[^\n]/g, " ");
  return text.replace(TOKENS, (token) => {
    if (token.startsWith("/*") || token.startsWith("//")) return blank(token);
    if (options.keepStrings) return token;
    if (/^["']/.test(token)) return blank(token);
    // What a template computes is code.
    if (token.startsWith("`")) {
      return token.replace(
        /\$\{([^}]*)\}|[^\n]/g,
        (_, code) => code === undefined ? " " : `  ${code} `,
      );
    }
    return token;
  });
}

/** Comments, regular expressions (so that a quote in one opens no string), strings and templates. */
const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|(?<=[=(,:!&|?\n]\s*)\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\n\\])*\]|[^\/\n\\[])+\/[a-z]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

/** Every module that a file names: in `import`, `export … from` and `import()`. */
export function importsOf(source: Source): string[] {
  const code = codeOf(source.text);
  const withStrings = codeOf(source.text, { keepStrings: true });
  return [
    ...withStrings.matchAll(
      /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm,
    ),
    ...withStrings.matchAll(/^\s*import\s*["']([^"']+)["']/gm),
    ...withStrings.matchAll(/\bimport\(\s*["']([^"']+)["']/g),
  ].filter((match) => {
    // What stands in a string is no import.
    const keyword = match.index + match[0].search(/\S/);
    return /^(?:import|export)/.test(code.slice(keyword, keyword + 6));
  }).map((match) => match[1]!);
}

/** The path of a file that `from` names relatively. */
export function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
