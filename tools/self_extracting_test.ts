import { expect } from "expect";
import { letWrite } from "../tests/harness/access_list.ts";
import { Program, run, type RunResult } from "../tests/harness/process.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { selfExtracting } from "./self_extracting.ts";

const posix = { ignore: Deno.build.os === "windows" };

/** Stands in for the runtime: says how it was started, and ends as it is told. */
const RUNTIME = `#!/bin/sh
printf '%s\\n' "pid=$$" "exec=$VAULT_EXEC" "cwd=$(pwd)" "umask=$(umask)" "runtime=$0" "$@"
case $1 in run) ;; *) exit 99 ;; esac
for last in "$@"; do :; done
case $last in
  exit*) exit "\${last#exit}" ;;
  read) cat ;;
  wait) exec sleep 60 ;;
esac
`;

const bytes = (text: string) => new TextEncoder().encode(text);

class Built extends TempDir {
  readonly file = this.at("bin/vault");
  readonly cache = this.at("cache/vault");

  async make(runtime = RUNTIME): Promise<this> {
    Deno.chmodSync(this.path, 0o755);
    Deno.mkdirSync(this.at("bin"), { recursive: true });
    Deno.writeFileSync(
      this.file,
      await selfExtracting({
        runtime: bytes(runtime),
        program: bytes("program"),
        runFlags: ["-A", "--flag"],
      }),
      { mode: 0o755 },
    );
    return this;
  }

  start(
    args: string[],
    options: { stdin?: string; command?: string; cwd?: string } = {},
  ) {
    return run({
      command: options.command ?? this.file,
      args,
      env: this.env,
      cwd: options.cwd ?? this.path,
      stdin: options.stdin ?? "",
    });
  }

  get env(): Record<string, string> {
    return { XDG_CACHE_HOME: this.at("cache"), HOME: this.at("home") };
  }

  /** The folders in the cache. */
  unpacked(): string[] {
    return [...Deno.readDirSync(this.cache)].map(({ name }) => name);
  }

  /** The folder of the unpacked program. */
  get home(): string {
    return `${this.cache}/${this.unpacked()[0]}`;
  }
}

function lines({ stdout }: RunResult): string[] {
  return stdout.trimEnd().split("\n");
}

Deno.test({
  ...posix,
  name:
    "arguments, input, exit status, folder and umask pass through, first start and next",
  async fn() {
    using built = await new Built().make();
    const awkward = ["two words", "", "*", "$HOME", 'quote"d', "--", "exit7"];
    for (let start = 0; start < 2; start++) {
      const result = await built.start(awkward, { cwd: built.at("bin") });
      expect(result.code).toBe(7);
      expect(result.stderr).toBe("");
      expect(lines(result).slice(1)).toEqual([
        `exec=${built.file}`,
        `cwd=${built.at("bin")}`,
        `umask=${lines(result)[3]?.slice("umask=".length)}`,
        `runtime=${built.home}/deno`,
        ...["run", "-A", "--flag", `${built.home}/vault.js`],
        ...awkward,
      ]);
      expect(lines(result)[3]).not.toBe("umask=0077");
    }
    const { stdout } = await built.start(["read"], { stdin: "input\n" });
    expect(stdout.endsWith("read\ninput\n")).toBe(true);
  },
});

Deno.test({
  ...posix,
  name: "the file knows where it is, however it was named",
  async fn() {
    using built = await new Built().make();
    const named = (command: string, ...args: string[]) =>
      run({ command, args, env: built.env, cwd: built.path });
    for (
      const result of [
        await named("sh", "-c", "./bin/vault x"),
        await named("sh", "-c", "PATH=bin:$PATH vault x"),
        await named("sh", "bin/vault", "x"),
        await named("sh", "-c", "cd bin && sh vault x"),
        await named("bash", "bin/vault", "x"),
      ]
    ) {
      expect(result.code).toBe(0);
      const exec = lines(result)[1]?.slice("exec=".length) ?? "";
      expect(Deno.realPathSync(exec)).toBe(Deno.realPathSync(built.file));
    }
  },
});

Deno.test({
  ...posix,
  name: "the program is the process that was started, so that signals reach it",
  async fn() {
    using built = await new Built().make();
    const program = new Program({
      command: built.file,
      args: ["wait"],
      env: built.env,
    });
    await program.write("");
    while (!program.stdout.includes("wait\n")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(program.stdout).toContain(`pid=${program.pid}\n`);
    expect(await program.stop("SIGTERM")).toBe(128 + 15);
  },
});

Deno.test({
  ...posix,
  name: "a next start unpacks nothing",
  async fn() {
    using built = await new Built().make();
    await built.start([]);
    expect(built.unpacked().length).toBe(1);
    expect((Deno.statSync(built.cache).mode ?? 0) & 0o777).toBe(0o700);
    const before = Deno.statSync(built.home);
    await built.start([]);
    expect(Deno.statSync(built.home).ino).toBe(before.ino);
    expect(built.unpacked().length).toBe(1);
  },
});

Deno.test({
  ...posix,
  name: "many first starts at once all run, and leave one folder",
  async fn() {
    using built = await new Built().make();
    const results = await Promise.all(
      Array.from({ length: 12 }, () => built.start(["exit3"])),
    );
    for (const { code, stderr } of results) {
      expect(stderr).toBe("");
      expect(code).toBe(3);
    }
    expect(built.unpacked().length).toBe(1);
    expect([...Deno.readDirSync(built.home)].map(({ name }) => name).sort())
      .toEqual(
        ["deno", "vault.js"],
      );
  },
});

Deno.test({
  ...posix,
  name: "what was unpacked in part is unpacked again",
  async fn() {
    using built = await new Built().make();
    await built.start([]);
    for (const file of ["deno", "vault.js"]) {
      Deno.chmodSync(`${built.home}/${file}`, 0o700);
      Deno.truncateSync(`${built.home}/${file}`, 3);
      expect((await built.start(["exit4"])).code).toBe(4);
      Deno.removeSync(`${built.home}/${file}`);
      expect((await built.start(["exit5"])).code).toBe(5);
    }
    expect(built.unpacked().length).toBe(1);
  },
});

Deno.test({
  ...posix,
  name: "a folder that others may enter or write is not used",
  async fn() {
    for (const mode of [0o755, 0o770, 0o707, 0o1777]) {
      using built = await new Built().make();
      Deno.mkdirSync(built.cache, { recursive: true });
      Deno.chmodSync(built.cache, mode);
      const result = await built.start(["exit0"]);
      // The next usual place is taken.
      expect(result.stdout).toContain(
        `runtime=${built.at("home/.cache/vault")}/`,
      );
      expect(built.unpacked()).toEqual([]);
    }
  },
});

Deno.test({
  ...posix,
  name: "a folder below one that anybody may rename in is not used",
  async fn() {
    using built = await new Built().make();
    Deno.mkdirSync(built.cache, { recursive: true, mode: 0o700 });
    Deno.chmodSync(built.at("cache"), 0o777);
    const { stdout } = await built.start([]);
    expect(stdout).toContain(`runtime=${built.at("home/.cache/vault")}/`);
    Deno.chmodSync(built.at("cache"), 0o1777);
    expect((await built.start([])).stdout).toContain(`runtime=${built.cache}/`);
  },
});

Deno.test({
  ignore: Deno.build.os !== "linux",
  name:
    "a folder below one that an access control list lets others write to is not used",
  async fn() {
    using built = await new Built().make();
    Deno.mkdirSync(built.cache, { recursive: true, mode: 0o700 });
    Deno.chmodSync(built.at("cache"), 0o755);
    // Their group's own bits are the list's mask then, and say nothing of the group.
    letWrite(built.at("cache"), 12345);
    expect((Deno.statSync(built.at("cache")).mode ?? 0) & 0o777).toBe(0o775);
    const { stdout } = await built.start([]);
    expect(stdout).toContain(`runtime=${built.at("home/.cache/vault")}/`);
    // With a mask that takes the right away it is as good as any.
    Deno.chmodSync(built.at("cache"), 0o755);
    expect((await built.start([])).stdout).toContain(`runtime=${built.cache}/`);
  },
});

Deno.test({
  ...posix,
  name: "an unpacked program that others may have touched is put aside",
  async fn() {
    using built = await new Built().make();
    await built.start([]);
    const home = built.home;
    Deno.chmodSync(home, 0o755);
    expect((await built.start([])).code).toBe(0);
    expect((Deno.statSync(home).mode ?? 0) & 0o777).toBe(0o700);
    // A link to somewhere else, with files of the right lengths.
    Deno.renameSync(home, built.at("planted"));
    Deno.chmodSync(built.at("planted"), 0o755);
    Deno.symlinkSync(built.at("planted"), home);
    expect((await built.start([])).stdout).toContain(`runtime=${home}/`);
    expect(Deno.lstatSync(home).isDirectory).toBe(true);
  },
});

Deno.test({
  name: "a cache of somebody else's is not used, even by root",
  ignore: posix.ignore || Deno.uid() !== 0,
  async fn() {
    using built = await new Built().make();
    await built.start([]);
    const stranger = 12345;
    Deno.chownSync(built.home, stranger, stranger);
    expect((await built.start([])).code).toBe(0);
    expect(Deno.statSync(built.home).uid).toBe(0);
    Deno.chownSync(built.cache, stranger, stranger);
    expect((await built.start([])).stdout).toContain(
      `runtime=${built.at("home/.cache/vault")}/`,
    );
    Deno.chownSync(built.cache, 0, 0);
    Deno.chownSync(built.at("cache"), stranger, stranger);
    expect((await built.start([])).stdout).toContain(
      `runtime=${built.at("home/.cache/vault")}/`,
    );
  },
});

Deno.test({
  ...posix,
  name: "a file that is not whole starts nothing, says so and leaves nothing",
  async fn() {
    // Long enough, and random, so that the archive is most of the file.
    const noise = crypto.getRandomValues(new Uint8Array(40_000)).toHex();
    using built = await new Built().make(`${RUNTIME}\n# ${noise}`);
    const { size } = Deno.statSync(built.file);
    for (const length of [size - 1, size - 20_000]) {
      Deno.truncateSync(built.file, length);
      const { code, stdout, stderr } = await built.start([]);
      expect(code).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toContain("vault: Cannot unpack");
      expect(stderr).toContain("vault: hint:");
      expect(built.unpacked()).toEqual([]);
    }
  },
});

Deno.test({
  ...posix,
  name: "no place for the unpacked program is an error with a hint",
  async fn() {
    using built = await new Built().make();
    // Root has a place of its own, so that it is somebody else here.
    const nobody = Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
    const { code, stderr } = await new Deno.Command(built.file, {
      env: { XDG_CACHE_HOME: "/proc", HOME: "/nonexistent" },
      ...nobody,
    }).output();
    const said = new TextDecoder().decode(stderr);
    expect(code).toBe(1);
    expect(said).toContain("vault: No folder for the unpacked program");
    expect(said).toContain("vault: hint: set XDG_CACHE_HOME");
  },
});

Deno.test({
  ...posix,
  name: "the same input gives the same file",
  async fn() {
    using one = await new Built().make();
    using two = await new Built().make();
    expect(Deno.readFileSync(one.file)).toEqual(Deno.readFileSync(two.file));
  },
});
