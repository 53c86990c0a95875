import { expect } from "expect";
import { run } from "../tests/harness/process.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { vaultCommand } from "../tests/harness/vault.ts";
import { EXIT_MEANINGS } from "./exit_status.ts";
import { program } from "./program.ts";
import { transcript } from "../tests/harness/transcript.ts";

const NOWHERE = { VAULT_STATE: "/nonexistent/vault" };

Deno.test("the version, alone and with what it runs on", () =>
  transcript(
    `
    $ vault --version
    vault 0.1.0
    $ vault version
    vault   0.1.0
    deno    …
    v8      …
    target  …
    $ vault version --json
    {
      "vault": "0.1.0",
    …
    }
    `,
    NOWHERE,
  ));

Deno.test("mistyped commands and options are told, with what may have been meant", () =>
  transcript(
    `
    $ vault vloume list
    ! vault: unknown command 'vloume'
    ! vault: hint: Did you mean volume?
    [2]
    $ vault volume crate x
    ! vault: unknown command 'crate'
    ! vault: hint: Did you mean create?
    [2]
    $ vault volume create x --szie 1G
    ! vault: unknown option '--szie'
    ! vault: hint: Did you mean --size?
    [2]
    $ vault volume create
    ! vault: missing required argument 'name'
    ! vault: hint: …
    [2]
    $ vault volume create x y --size 1G
    ! vault: too many arguments for 'create'. Expected 1 argument but got 2: x, y.
    ! vault: hint: …
    [2]
    $ vault volume create x --size 1G --block-size 1024
    ! vault: option '--block-size <bytes>' argument '1024' is invalid. Allowed choices are 512, 4096.
    ! vault: hint: …
    [2]
    $ vault completions tcsh
    ! vault: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.
    ! vault: hint: …
    [2]
    `,
    NOWHERE,
  ));

Deno.test("values that make no sense are told before anything is done", () =>
  transcript(
    `
    $ vault volume create x
    ! vault: How large shall it be?
    ! vault: hint: vault volume create NAME --size 100GiB
    [2]
    $ vault volume create x --size 10GG
    ! vault: Cannot read the size "10GG"
    ! vault: hint: Write 100GiB, 500M, 1.5T or a number of bytes: GiB and G are powers of 1024, GB is a power of 1000.
    [2]
    $ vault volume create x --size 1G --cache 20GiB
    ! vault: --cache goes with --store
    [2]
    $ vault volume create x --size 1G --store s3://b/x --passphrase
    ! vault: --passphrase goes with --key-file
    ! vault: hint: A passphrase locks the file that holds the volume's key.
    [2]
    $ vault volume import x.img --name x --upload-limit 1M
    ! vault: --upload-limit goes with --store
    [2]
    $ vault volume import x.img --name x --store s3://b/x --passphrase
    ! vault: --passphrase goes with --key-file
    ! vault: hint: A passphrase locks the file that holds the volume's key.
    [2]
    $ vault volume set photos
    ! vault: What shall be changed?
    ! vault: hint: vault volume set NAME --upload-limit 1M
    [2]
    $ vault volume clone photos try --store s3://backup/try
    ! vault: "photos" names no snapshot of a volume
    ! vault: hint: Write VOLUME@SNAPSHOT. vault snapshot list shows those there are.
    [2]
    $ vault volume clone photos@then try
    ! vault: Where shall it lie?
    ! vault: hint: vault volume clone photos@then try --store s3://BUCKET/PREFIX
    [2]
    $ vault volume clone photos@then try --store s3://b/x --passphrase
    ! vault: --passphrase goes with --key-file
    ! vault: hint: A passphrase locks the file that holds the volume's key.
    [2]
    $ vault volume recover s3://backup/photos --name photos
    ! vault: Which key does the volume have?
    ! vault: hint: Give --key-file FILE or --recovery-sheet.
    [2]
    $ vault volume recover s3://backup/photos --recovery-sheet
    ! vault: What shall it be called here?
    ! vault: hint: vault volume recover s3://BUCKET/PREFIX --name NAME
    [2]
    $ vault volume recover photos --accept-rollback --key-file k
    ! vault: --key-file does not go with --accept-rollback
    [2]
    $ vault invite laptop --expires 15
    ! vault: Cannot read the duration "15"
    ! vault: hint: 15 of what? Write 90s, 15m, 2h, 1d or 1h30m.
    [2]
    $ vault invite laptop --advertise example.org
    ! vault: Cannot read the address "example.org"
    ! vault: hint: …
    [2]
    $ vault serve --listen nowhere
    ! vault: Cannot read the address "nowhere"
    ! vault: hint: …
    [2]
    $ vault serve --metrics 9464
    ! vault: Cannot read the address "9464"
    ! vault: hint: …
    [2]
    $ vault serve --metrics 0.0.0.0:9464
    ! vault: 0.0.0.0:9464 is not a loopback address
    ! vault: hint: Nobody is asked who they are there: anybody on the network could read names of volumes and devices. Use 127.0.0.1.
    [2]
    $ vault serve --forward 127.0.0.1:1 --target 127.0.0.1:2
    ! vault: --forward and --target exclude each other
    ! vault: hint: …
    [2]
    $ vault attach photos --chap laptop
    ! vault: --chap goes with --login
    ! vault: hint: …
    [2]
    $ vault attach photos --now
    ! vault: --now goes with --take-over
    [2]
    $ vault attach photos --within 10s
    ! vault: --within goes with --take-over
    [2]
    $ vault attach photos --take-over --now --within 10s
    ! vault: --now and --within exclude each other
    ! vault: hint: With --now nobody is asked, so nobody is waited for.
    [2]
    $ vault attach photos --take-over --within soon
    ! vault: Cannot read the duration "soon"
    ! vault: hint: …
    [2]
    `,
    NOWHERE,
  ));

Deno.test("a command that is only a group shows its help and counts as a mistake", async () => {
  for (const args of [[], ["volume"], ["chap"]]) {
    const { code, stdout, stderr } = await run(vaultCommand(args));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`Usage: ${["vault", ...args].join(" ")}`);
  }
});

Deno.test("help names the exit statuses, and every command has a worked example and takes --state", async () => {
  const { code, stdout, stderr } = await run(vaultCommand(["--help"]));
  expect([code, stderr]).toEqual([0, ""]);
  for (const [status, meaning] of EXIT_MEANINGS) {
    expect(stdout).toContain(`${status}  ${meaning}`);
  }
  const all = (one: ReturnType<typeof commands>[number]): string[][] => [
    ...one.commands.flatMap((sub) =>
      all(sub).map((path) => [one.name(), ...path])
    ),
    [one.name()],
  ];
  for (const path of commands().flatMap(all)) {
    const { code, stdout } = await run(vaultCommand([...path, "--help"]));
    expect([path, code]).toEqual([path, 0]);
    expect([path, stdout.includes("\nExamples:\n  $ ")]).toEqual([path, true]);
    expect([path, stdout.includes("--state <folder>")]).toEqual([path, true]);
    for (const line of stdout.split("\n")) {
      expect(line.startsWith("  $") || line.length <= 90).toBe(true);
    }
  }
});

function commands() {
  return program().commands.filter((one) => !one.name().startsWith("_"));
}

Deno.test("importing the program does nothing, and --version loads no heavy module", async () => {
  const main = new URL("./main.ts", import.meta.url).href;
  const { stdout } = await run({
    command: Deno.execPath(),
    args: ["info", "--json", main],
  });
  const info: {
    modules: { specifier: string; dependencies?: Dependency[] }[];
  } = JSON.parse(stdout);
  const byName = new Map(info.modules.map((one) => [one.specifier, one]));
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const one of byName.get(specifier)?.dependencies ?? []) {
      if (!one.isDynamic && one.code) load(one.code.specifier);
    }
  };
  load(main);
  expect(loaded.size).toBeGreaterThan(20);
  expect([...loaded].filter((name) => HEAVY.test(name))).toEqual([]);
});

interface Dependency {
  readonly isDynamic?: boolean;
  readonly code?: { readonly specifier: string };
}

/** What only some commands need. */
const HEAVY =
  /x509|reflect-metadata|clack|table3|\/tunnel\/|\/lib\/(target|scsi|store|pki|iscsi)\/|daemon\/(node|attachment)\.ts/;

Deno.test("the output that was asked for goes to one place, and a closed pipe is no error", async () => {
  using dir = new TempDir();
  const vault = vaultCommand(["--help"]);
  const line = [vault.command, ...vault.args].map((word) => `'${word}'`).join(
    " ",
  );
  const { code, stderr } = await run({
    command: "bash",
    args: ["-c", `set -o pipefail; ${line} | head -c 1 > /dev/null`],
    cwd: dir.path,
  });
  expect([code, stderr]).toEqual([0, ""]);
});
