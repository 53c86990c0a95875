import { expect } from "expect";
import fs from "node:fs";
import { runProgram, runShell, selfCommand, startDetached } from "./process.ts";

/** What is run here are lines of `sh`, which Windows does not have. */
const unix = Deno.build.os !== "windows";

Deno.test({
  name:
    "a program is run to its end with its input, its outputs apart, in the C locale",
  ignore: !unix,
  async fn() {
    const argv = ["sh", "-c", "cat; echo $LC_ALL >&2; exit 3"];
    expect(await runProgram(argv, "hello")).toEqual({
      code: 3,
      stdout: "hello",
      stderr: "C\n",
    });
    // One that does not read its input is no error.
    expect((await runProgram(["true"], "x".repeat(1 << 20))).code).toBe(0);
    await expect(runProgram(["/nonexistent/program"])).rejects.toMatchObject({
      kind: "not-found",
    });
  },
});

Deno.test({
  name:
    "a line of the shell is run to its end, its lines are told, and its status counts",
  ignore: !unix,
  async fn() {
    const lines: string[] = [];
    const status = await runShell("echo $MARK; echo why >&2; exit 3", {
      env: { MARK: "a b" },
      signal: new AbortController().signal,
      tell: (line) => lines.push(line),
    });
    expect(status).toBe(3);
    expect(lines.sort()).toEqual(["a b", "why"]);
  },
});

Deno.test({
  name: "a line of the shell that takes too long is killed with all it started",
  ignore: !unix,
  async fn() {
    const folder = Deno.makeTempDirSync();
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    // The second one would leave its mark, and only its parent is the shell.
    const run = runShell(
      `(sleep 0.5; echo alive > ${folder}/mark) & echo begun; wait; echo never`,
      {
        env: {},
        signal: stop.signal,
        tell: (line) => line === "begun" ? begun.resolve() : begun.reject(line),
      },
    );
    await begun.promise;
    stop.abort(new Error("too late"));
    await expect(run).rejects.toThrow("too late");
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect([...Deno.readDirSync(folder)]).toEqual([]);
    Deno.removeSync(folder, { recursive: true });
  },
});

Deno.test({
  name:
    "a detached program has a session and a private log of its own, and gets its input",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = Deno.makeTempDirSync();
    const logPath = `${folder}/log`;
    const start = (script: string, input?: string) =>
      startDetached({
        argv: ["sh", "-c", script],
        logPath,
        env: { MARK: "m" },
        ...(input === undefined ? {} : { input }),
      });
    const one = start(
      "cat; echo $MARK; cut -d' ' -f6 /proc/self/stat; exit 7",
      "in ",
    );
    expect(await one.exited).toBe(7);
    const two = start("cat; echo err >&2");
    expect(await two.exited).toBe(0);
    const [first, session, err] = fs.readFileSync(logPath, "utf8").split("\n");
    expect([first, session, err]).toEqual(["in m", String(one.pid), "err"]);
    expect(fs.statSync(logPath).mode & 0o777).toBe(0o600);
    const bad = startDetached({ argv: ["/nonexistent/x"], logPath });
    await expect(bad.exited).rejects.toThrow();
    Deno.removeSync(folder, { recursive: true });
  },
});

Deno.test("this program is started again as it was started", () => {
  const before = Deno.env.get("VAULT_EXEC");
  try {
    Deno.env.set("VAULT_EXEC", "/opt/vault");
    expect(selfCommand()).toEqual(["/opt/vault"]);
    Deno.env.delete("VAULT_EXEC");
    const [program, ...args] = selfCommand();
    expect(program).toBe(Deno.execPath());
    expect(args.slice(0, 2)).toEqual(["run", "-A"]);
    expect(args.at(-1)).toBe(Deno.mainModule);
  } finally {
    if (before !== undefined) Deno.env.set("VAULT_EXEC", before);
  }
});
