import { expect } from "expect";
import fc from "fast-check";
import { run } from "../tests/harness/process.ts";
import { harmless } from "./terminal.ts";

Deno.test("what others have named moves no cursor and turns no text around", () => {
  expect(harmless("\x1b[2Jname\r\b\x07\u202egnp.exe\u0085\x7f")).toBe(
    "\ufffd[2Jname\ufffd\ufffd\ufffd\ufffdgnp.exe\ufffd\ufffd",
  );
  expect(harmless("a\nb\tc ü 漢 🙂")).toBe("a\nb\tc ü 漢 🙂");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const shown = harmless(text);
    const moves = [...shown].some((char) => {
      const code = char.codePointAt(0) ?? 0;
      return code < 0x20 ? !"\n\t".includes(char) : code >= 0x7f && code < 0xa0;
    });
    expect(moves).toBe(false);
    expect([...shown].length).toBe([...text].length);
  }));
});

/** Runs lines of a program that has the terminal's functions, with pipes in the place of a terminal. */
async function piped(lines: string): Promise<string> {
  const module = new URL("./terminal.ts", import.meta.url).href;
  const config = new URL("../deno.json", import.meta.url).pathname;
  const { stdout, stderr } = await run({
    command: Deno.execPath(),
    args: [
      ...["eval", "--config", config],
      `import * as terminal from ${JSON.stringify(module)};\n${lines}`,
    ],
  });
  return `${stdout}${
    stderr.split("\n").map((line) => line && `! ${line}`).join("\n")
  }`;
}

Deno.test("in a pipe: aligned tables, a line a step, no colours, no questions", async () => {
  const said = await piped(`
    await terminal.printTable([{ a: "x", b: "1" }, { a: "long\\x1bname", b: "100" }], [
      { head: "A", cell: (row) => row.a },
      { head: "B", cell: (row) => row.b, align: "right" },
    ]);
    terminal.printFacts([["name", "x"], ["long name", "y"], ["none", undefined]]);
    terminal.printJson({ a: "\\x1b\\u0085" });
    const progress = new terminal.Progress();
    progress.step("one");
    progress.step("two");
    progress.clear();
    terminal.warn("careful", "look");
    terminal.complain("wrong");
    try {
      await terminal.confirm("Sure?", { what: "Cannot ask", hint: "--yes" });
    } catch (thrown) {
      terminal.complain(thrown.message, thrown.hint);
    }
  `);
  expect(said).toBe(
    [
      "A            B",
      "x            1",
      "long\ufffdname  100",
      "name       x",
      "long name  y",
      "{",
      '  "a": "\\u001b\\u0085"',
      "}",
      "! one",
      "! two",
      "! vault: warning: careful",
      "! vault: hint: look",
      "! vault: wrong",
      "! vault: Cannot ask",
      "! vault: hint: --yes",
      "",
    ].join("\n"),
  );
});

/** Whether a terminal can be made. Where CI runs, it can. */
function lacksScript(): boolean {
  if (Deno.env.get("CI")) return false;
  try {
    new Deno.Command("script", { args: ["--version"] }).outputSync();
    return Deno.build.os !== "linux";
  } catch {
    return true;
  }
}

Deno.test({
  name:
    "on a terminal: questions are asked there, and what is typed as a secret is not shown" +
    (lacksScript() ? " (skipped: needs Linux and script)" : ""),
  ignore: lacksScript(),
  async fn() {
    const module = new URL("./terminal.ts", import.meta.url).href;
    const config = new URL("../deno.json", import.meta.url).pathname;
    const off = '{ what: "Cannot ask", hint: "" }';
    const program = `import * as terminal from ${JSON.stringify(module)};
      const { green } = terminal.colours("stdout");
      terminal.print("own colour, not \x1b[2Jtheirs", green);
      terminal.print("answer " + await terminal.confirm("Sure?", ${off}));
      terminal.print("length " + (await terminal.askSecret("Secret", ${off})).length);
      try { await terminal.confirm("Still?", ${off}); }
      catch (thrown) { terminal.print("status " + thrown.status); }
      Deno.exit(0);`;
    const file = Deno.makeTempFileSync({ suffix: ".ts" });
    Deno.writeTextFileSync(file, program);
    const child = new Deno.Command("script", {
      args: [
        "-qec",
        `stty cols 80 rows 24; '${Deno.execPath()}' run -A --config '${config}' '${file}'`,
        "/dev/null",
      ],
      env: { NO_COLOR: "", TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const typist = child.stdin.getWriter();
    const type = (text: string) => typist.write(new TextEncoder().encode(text));
    const typed = ["y", "0123456789abc\r", "\x03"];
    const questions = ["Sure?", "Secret", "Still?"];
    let said = "";
    for await (const bytes of child.stdout) {
      said += new TextDecoder().decode(bytes);
      const [question = ""] = questions;
      if (questions.length === 0 || !said.includes(question)) continue;
      questions.shift();
      await type(typed.shift() ?? "");
    }
    await child.status;
    await typist.close().catch(() => {});
    Deno.removeSync(file);
    for (const words of ["answer true", "length 13", "status 130"]) {
      expect(said).toContain(words);
    }
    expect(said).toContain("\x1b[32mown colour, not \ufffd[2Jtheirs\x1b[39m");
    expect(said).not.toContain("0123456789abc");
  },
});
