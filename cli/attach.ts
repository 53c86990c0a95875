/** `vault attach` */

import { VaultError } from "../lib/base/errors.ts";
import type { AttachmentStatus } from "../lib/control/operations.ts";
import type { AttachmentEnd } from "../lib/daemon/attachment_options.ts";
import { formatTime } from "../lib/daemon/lease_refusal.ts";
import { attachmentSocket } from "../lib/daemon/sockets.ts";
import { listenTcp, parseAddress } from "../lib/os/tcp.ts";
import { instructions } from "../lib/portal/instructions.ts";
import { startInBackground } from "./background.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withAttachment } from "./daemons.ts";
import { notReleased } from "./detach.ts";
import { handoverOf } from "./handover.ts";
import { logFrom } from "./log.ts";
import { osLogin, type Secrets } from "./os_login.ts";
import { resumeWindowOf } from "./resume_window.ts";
import { runDaemon } from "./run_daemon.ts";
import { checkSecret, inputLines, readKnownSecret } from "./secret.ts";
import { takeOverOf } from "./take_over.ts";
import { note, print, printFacts, printJson, warn } from "./terminal.ts";

/** The port that IANA gave iSCSI, and how many from there on are tried. */
const PORTAL_HOST = "127.0.0.1";
const FIRST_PORT = 3260;
const PORTS = 64;

interface AttachOptions {
  readonly portal?: string;
  readonly login?: true;
  readonly chap?: string;
  readonly chapSecretFile?: string;
  readonly mutualChap?: string;
  readonly mutualSecretFile?: string;
  readonly readOnly?: true;
  readonly snapshot?: string;
  readonly shared?: true;
  readonly takeOver?: true;
  readonly now?: true;
  readonly within?: string;
  readonly onHandover?: string;
  readonly node?: string;
  readonly resumeWindow?: string;
  readonly unsafeNonLoopback?: true;
  readonly background?: true;
  readonly verbose?: true;
  readonly json?: true;
}

export function attachCommand() {
  return command("attach", {
    summary: "offer a node's volume to this machine's initiator",
    description:
      "Brings a volume of a joined node to a portal on loopback, and with --login makes a disk of it. It runs until SIGINT or SIGTERM or `vault detach`, and logs the initiator out then; a second signal ends it at once. One device holds a volume at a time; another is told who, and may take it over.",
    examples: [
      ["vault attach photos", "open the portal, and tell how to log in"],
      ["sudo vault attach photos --login", "log in, and print the disk"],
      [
        "sudo vault attach photos --login --chap laptop --background",
        "with CHAP (asks for the secret), detached",
      ],
      [
        "vault attach photos --take-over",
        "who holds it is asked to let go, and has 10 s",
      ],
      ["vault attach photos --portal 127.0.0.1:3300 --read-only", "look only"],
    ],
  })
    .argument("<volume>", "the volume, as the node calls it")
    .option(
      "--portal <host:port>",
      "where the initiator connects (default: 127.0.0.1:3260, or the next free port)",
    )
    .option("--login", "log this system's initiator in, and out at the end")
    .option("--chap <user>", "with --login: the initiator's CHAP name")
    .option(
      "--chap-secret-file <file>",
      "where its secret stands; - is the input",
    )
    .option("--mutual-chap <user>", "with --chap: the target's CHAP name")
    .option("--mutual-secret-file <file>", "where the target's secret stands")
    .option("--read-only", "look at it as it is now, and change nothing")
    .option("--snapshot <name>", "look at a snapshot of it")
    .option(
      "--shared",
      "let others write, too, that say the same: for cluster file systems",
    )
    .option("--take-over", "take the volume from who holds it: ask, and wait")
    .option("--within <duration>", "how long for (default: 10s)")
    .option("--now", "with --take-over: do not ask, what is unflushed is lost")
    .option(
      "--on-handover <command>",
      "what makes the disk free here when another device takes it over",
    )
    .option(
      "--node <node>",
      "which node, where several are joined: its address, host or id",
    )
    .option(
      "--unsafe-non-loopback",
      "let --portal leave loopback, where iSCSI is not protected",
    )
    .option(
      "--resume-window <duration>",
      "how long the link may be without a connection unnoticed; 0 is not at all (default: 120s)",
    )
    .option("--background", "start it detached, and return once it is ready")
    .option("--verbose", "log details, too")
    .addOption(jsonOption())
    .action(async (volume, options, self) => {
      const stateDir = stateDirOf(self);
      takeOverOf(options);
      const secrets = await readSecrets(options);
      const ask = { stateDir, volume, options, secrets };
      if (options.background) await background(ask);
      else await foreground(ask);
    });
}

interface Ask {
  readonly stateDir: string;
  readonly volume: string;
  readonly options: AttachOptions;
  readonly secrets: Secrets;
}

async function readSecrets(options: AttachOptions): Promise<Secrets> {
  const { chap: user, mutualChap } = options;
  if (user !== undefined && !options.login) {
    throw new VaultError("--chap goes with --login", {
      hint: "Without --login, the initiator is given its secret by hand.",
      kind: "usage",
    });
  }
  if (user === undefined) {
    if (mutualChap === undefined) return {};
    throw new VaultError("--mutual-chap goes with --chap", { kind: "usage" });
  }
  // Two secrets from the input stand on a line each: that is how --background hands on what was typed.
  const input = inputLines();
  const read = (file: string | undefined, what: string) =>
    file === "-" ? input().then(checkSecret) : readKnownSecret({ file, what });
  const chap = {
    user,
    secret: await read(options.chapSecretFile, `The secret of ${user}`),
  };
  if (mutualChap === undefined) return { chap };
  const secret = await read(
    options.mutualSecretFile,
    `The secret of ${mutualChap}`,
  );
  return { chap, mutual: { user: mutualChap, secret } };
}

async function foreground(ask: Ask): Promise<void> {
  const { stateDir, volume, options, secrets } = ask;
  if (options.unsafeNonLoopback) {
    warn(
      "iSCSI outside loopback can be read and changed by anybody on the way",
    );
  }
  const { runAttachment } = await import("../lib/daemon/attachment.ts");
  const handover = handoverOf(options);
  let end: AttachmentEnd | undefined;
  await runDaemon(async () => {
    const attachment = await runAttachment({
      stateDir,
      volume,
      portal: choosePortal(options.portal),
      readOnly: (options.readOnly ?? false) || options.snapshot !== undefined,
      ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
      ...(options.node === undefined ? {} : { node: options.node }),
      ...resumeWindowOf(options),
      ...takeOverOf(options),
      ...(handover ? { handover } : {}),
      ...(options.shared ? { shared: true } : {}),
      onTakeOver: note,
      ...(options.unsafeNonLoopback ? { unsafeNonLoopback: true } : {}),
      ...(options.login ? { osLogin: osLogin(secrets) } : {}),
      onLink: ({ up, why }) =>
        note(up ? "The link to the node is up." : `The link is down: ${why}`),
      // What the person must know comes as an error or through onLink.
      log: logFrom(options.verbose ? "debug" : "error"),
    });
    const status = await attachment.operations.status();
    if (options.json) printJson(status);
    else announce(status, attachment.chap);
    note("Ctrl-C detaches it.");
    void attachment.closed.then((how) => end = how);
    return attachment;
  });
  tellEnd(ask, end);
}

/** @throws {VaultError} where the volume was taken */
function tellEnd(
  { volume, options }: Ask,
  end: AttachmentEnd | undefined,
): void {
  if (end?.kind === "fenced") {
    const { by, at } = end;
    const looked = options.readOnly || options.snapshot !== undefined;
    const when = at === undefined ? "" : ` at ${formatTime(at, Date.now())}`;
    throw new VaultError(
      `Volume "${volume}" was taken${
        by === undefined ? "" : ` by ${by}`
      }${when}: ${end.why}`,
      {
        hint: looked
          ? "Unmount what is left of it, and attach it again."
          : "What was not flushed here is lost. Unmount what is left of it.",
        kind: "conflict",
      },
    );
  }
  if (end?.kind === "handed-over") {
    return note(`Handed "${volume}" over to ${end.by}.`);
  }
  note("Detached.");
  if (end && !end.released) note(notReleased(volume));
}

/** @throws {VaultError} where every port that might be taken by itself is in use */
function choosePortal(wanted: string | undefined) {
  if (wanted !== undefined) return parseAddress(wanted);
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS; port++) {
    const address = { hostname: PORTAL_HOST, port };
    try {
      listenTcp(address).close();
      return address;
    } catch (thrown) {
      if (!(thrown instanceof VaultError) || thrown.kind !== "conflict") {
        throw thrown;
      }
    }
  }
  throw new VaultError(
    `Ports ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} are all in use`,
    { hint: "Name another with --portal.", kind: "conflict" },
  );
}

/** What a view shows; without one, others are kept from writing. */
function momentOf({ lease: { view } }: AttachmentStatus): string {
  return view === undefined
    ? ", and nobody can write meanwhile"
    : `, as it was at ${formatTime(view, Date.now())}`;
}

function announce(status: AttachmentStatus, chap: boolean): void {
  print(
    `Attached "${status.volume}" of ${status.nodeAddress} at ${status.portal}${
      status.readOnly ? `, read-only${momentOf(status)}` : ""
    }.`,
  );
  if (status.device !== undefined) {
    printFacts([["disk", status.device], ["target", status.iqn]]);
    return;
  }
  printFacts([["target", status.iqn], ["CHAP", chap ? "yes" : "no"]]);
  const ask = { portal: parseAddress(status.portal), iqn: status.iqn, chap };
  for (const { initiator, login, logout } of instructions(ask)) {
    print(`\n${initiator}:`);
    for (const line of login) print(`  ${line}`);
    if (logout.length > 0) print("and afterwards:");
    for (const line of logout) print(`  ${line}`);
  }
  if (chap) {
    note("\nUSER and SECRET-FILE are yours: vault chap set, on the node.");
  }
}

async function background(ask: Ask): Promise<void> {
  const { stateDir, volume, options, secrets } = ask;
  const status = () =>
    withAttachment({ stateDir, volume }, (attachment) => attachment.status());
  const { pid, logPath } = await startInBackground({
    stateDir,
    what: `vault attach ${volume}`,
    name: attachmentSocket(volume),
    ...handedOn(secrets),
    ready: async () => {
      const { device } = await status();
      return !options.login || device !== undefined;
    },
  });
  const { portal, iqn, device, nodeAddress } = await status();
  if (options.json) return printJson(await status());
  print(`Attached "${volume}" of ${nodeAddress} at ${portal}.`);
  printFacts([["disk", device], ["target", iqn], ["process", String(pid)]]);
  note(`Its log: ${logPath}`);
  note(`vault detach ${volume} ends it.`);
}

/** What was typed here, on the daemon's standard input. */
function handedOn(
  { chap, mutual }: Secrets,
): { readonly input?: string; readonly args?: readonly string[] } {
  if (!chap) return {};
  // The last of two equal options counts.
  const args = ["--chap-secret-file", "-"];
  if (!mutual) return { input: `${chap.secret}\n`, args };
  return {
    input: `${chap.secret}\n${mutual.secret}\n`,
    args: [...args, "--mutual-secret-file", "-"],
  };
}
