import { expect } from "expect";
import fc from "fast-check";
import { run } from "../tests/harness/process.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { Machine, vaultCommand } from "../tests/harness/vault.ts";
import { initNode, openNode } from "../lib/daemon/stopped_node.ts";
import { candidates } from "./complete.ts";
import { program } from "./program.ts";

async function wordsAfter(...words: string[]): Promise<readonly string[]> {
  return (await candidates(program(), words)).map(({ word }) => word);
}

Deno.test("commands, options, choices and files are offered where they may stand", async () => {
  const top = await wordsAfter("");
  for (const command of ["serve", "volume", "attach", "completions"]) {
    expect(top).toContain(command);
  }
  expect(top).not.toContain("__complete");
  expect(await wordsAfter("vol")).toEqual(["volume"]);
  expect(await wordsAfter("volume", "")).toEqual([
    "create",
    "clone",
    "list",
    "show",
    "resize",
    "set",
    "recover",
    "verify",
    "release",
    "delete",
    "import",
    "export",
  ]);
  const files = await wordsAfter("volume", "import", "");
  expect(files).toEqual(await wordsAfter("volume", "export", "x", ""));
  expect(files.length).toBe(1);
  expect(await wordsAfter("volume", "create", "--")).toEqual([
    "--size",
    "--block-size",
    "--read-only",
    "--removable",
    "--target",
    "--lun",
    "--store",
    "--endpoint",
    "--region",
    "--unsafe-no-conditional-put",
    "--cache",
    "--prefetch",
    "--journal",
    "--upload-limit",
    "--download-limit",
    "--key-file",
    "--passphrase",
    "--passphrase-file",
    "--json",
    "--help",
    "--version",
    "--state",
  ]);
  const sizes = await wordsAfter("volume", "create", "x", "--block-size", "");
  expect(sizes).toEqual(["512", "4096"]);
  expect(await wordsAfter("completions", "")).toEqual(["bash", "zsh", "fish"]);
  expect(await wordsAfter("completions", "z")).toEqual(["zsh"]);
  expect(await wordsAfter("--state", "")).toEqual([":folders"]);
  expect(await wordsAfter("chap", "set", "x", "y", "--secret-file", ""))
    .toEqual(
      [":files"],
    );
  expect(await wordsAfter("serve", "--listen", "")).toEqual([]);
  expect(await wordsAfter("serve", "--listen", "x", "--fo")).toEqual([
    "--forward",
  ]);
  expect(await wordsAfter("serve", "--met")).toEqual(["--metrics"]);
  expect(await wordsAfter("serve", "--metrics", "")).toEqual([]);
  expect(await wordsAfter("nonsense", "more", "")).toEqual([]);
});

Deno.test("whatever stands on the line so far, completing it never fails", async () => {
  const root = program();
  const words = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...["volume", "create", "chap", "set", "serve", "--state", "--json"],
      ...["--secret-file", "--", "-", "-y", "__proto__", "constructor"],
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 8 }), async (line) => {
      const found = await candidates(root, [
        "--state",
        "/nonexistent",
        ...line,
      ]);
      for (const { word } of found) expect(word).not.toContain("\n");
    }),
    { numRuns: 300 },
  );
});

/** A folder with a node of two volumes, and `vault` on the PATH. */
async function withShell(
  name: string,
  test: (
    shell: (program: string, args: string[]) => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  using dir = new TempDir();
  const machine = new Machine(dir.at("state"));
  await initNode({ stateDir: machine.state });
  const node = await openNode({ stateDir: machine.state });
  for (const name of ["photos", "phone"]) {
    await node.operations.createVolume({
      name,
      sizeBytes: 1 << 20,
      blockSizeBytes: 512,
      readOnly: false,
    });
  }
  node.release();
  const { command, args } = vaultCommand([]);
  const words = [command, ...args].map((word) => `'${word}'`).join(" ");
  Deno.mkdirSync(dir.at("bin"));
  dir.write("bin/vault", `#!/bin/sh\nexec ${words} "$@"\n`);
  Deno.chmodSync(dir.at("bin/vault"), 0o755);
  dir.write("secret.txt", "0123456789abc");
  dir.write(`vault.${name}`, await machine.ok("completions", name));
  await test(async (program, args) => {
    const { code, stdout, stderr } = await run({
      command: program,
      args,
      cwd: dir.path,
      env: {
        ...machine.env,
        PATH: `${dir.at("bin")}:${Deno.env.get("PATH")}`,
        HOME: dir.path,
        TERM: "dumb",
      },
    });
    if (code !== 0) throw new Error(`${program}: ${code}\n${stdout}${stderr}`);
    return stdout;
  });
}

/** Why the shell's test is skipped, for its name. */
function reason(shell: string): string {
  return lacks(shell) ? ` (skipped: needs ${shell})` : "";
}

/** Whether a shell is not installed. Where CI runs, all have to be: there its absence is a failure. */
function lacks(shell: string): boolean {
  if (Deno.env.get("CI")) return false;
  try {
    new Deno.Command(shell, { args: ["-c", "true"] }).outputSync();
    return false;
  } catch {
    return true;
  }
}

Deno.test({
  name: `bash completes commands, options, volumes and files${reason("bash")}`,
  ignore: lacks("bash"),
  fn: () =>
    withShell("bash", async (shell) => {
      const complete = async (...words: string[]) => {
        const script = `
          source ./vault.bash
          compopt() { COMPREPLY+=("compopt $*"); }
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vault
          printf '%s\\n' "\${COMPREPLY[@]}"`;
        const out = await shell("bash", ["-c", script, "bash", ...words]);
        return out.trim().split("\n");
      };
      expect(await complete("vault", "vo")).toEqual(["volume"]);
      expect(await complete("vault", "volume", "show", "pho")).toEqual([
        "phone",
        "photos",
      ]);
      expect(await complete("vault", "serve", "--un")).toEqual([
        "--unsafe-non-loopback",
      ]);
      const file = ["vault", "chap", "set", "photos", "x", "--secret-file", ""];
      expect(await complete(...file)).toEqual(["compopt -o default"]);
      expect(await complete("vault", "--state", "")).toEqual([
        "compopt -o dirnames",
      ]);
      expect(
        await shell("bash", ["-c", "source ./vault.bash; complete -p vault"]),
      )
        .toBe("complete -F _vault vault\n");
    }),
});

Deno.test({
  name: `zsh completes commands, options, volumes and files${reason("zsh")}`,
  ignore: lacks("zsh"),
  fn: () =>
    withShell("zsh", async (shell) => {
      // A shell in a pseudo-terminal of its own, in which Tab is pressed; the line as it then stands is shown by the widget.
      const script = `
        zmodload zsh/zpty
        zpty z zsh -f -i
        type() { zpty -w z "$1"; }
        type 'PS1=; PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste prompt_cr prompt_sp 2>/dev/null; stty -echo'
        type 'autoload -Uz compinit && compinit -u -d ./zcompdump; source ./vault.zsh'
        type 'show() { zle complete-word; print -r -- "<<$BUFFER>>"; zle kill-whole-line }; zle -N show; bindkey "^X" show'
        type 'print rea""dy'
        expect() { local all line; while zpty -r -m z line "$1"; do all=$line; break; done; print -r -- "$all"; }
        expect '*ready*' > /dev/null
        for words in "$@"; do
          zpty -w -n z "$words"$'\\x18'
          expect '*<<*>>*' | grep -o '<<.*>>'
        done
        zpty -d z`;
      const out = await shell("zsh", [
        ...["-f", "-c", script, "zsh"],
        "vault vol",
        "vault volume show photo",
        "vault serve --un",
        "vault chap set photos x --secret-file sec",
      ]);
      expect(out.trim().split("\n").map((line) => line.trim())).toEqual([
        "<<vault volume >>",
        "<<vault volume show photos >>",
        "<<vault serve --unsafe-non-loopback >>",
        "<<vault chap set photos x --secret-file secret.txt >>",
      ]);
    }),
});

Deno.test({
  name: `fish completes commands, options, volumes and files${reason("fish")}`,
  ignore: lacks("fish"),
  fn: () =>
    withShell("fish", async (shell) => {
      const complete = async (line: string) => {
        const script = `source ./vault.fish; complete -C ${
          JSON.stringify(line)
        }`;
        const out = await shell("fish", ["--no-config", "-c", script]);
        return out.trim().split("\n").map((one) => one.split("\t")[0]);
      };
      expect(await complete("vault vo")).toEqual(["volume"]);
      expect(await complete("vault volume show pho")).toEqual([
        "phone",
        "photos",
      ]);
      expect(await complete("vault serve --un")).toEqual([
        "--unsafe-non-loopback",
      ]);
      expect(await complete("vault chap set photos x --secret-file sec"))
        .toEqual(["secret.txt"]);
    }),
});
