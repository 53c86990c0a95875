/**
 * The initiator built into Windows, by its PowerShell module `iSCSI`. The script goes to PowerShell's standard input, so that
 * secrets stand on no command line.
 */

import { VaultError } from "../base/errors.ts";
import type { LoginAsk, LoginWorld, OsInitiator } from "./os_initiator.ts";

/** Reads statements from its input; each must be one line. */
const POWERSHELL = [
  "powershell.exe",
  "-NoProfile",
  "-NonInteractive",
  "-ExecutionPolicy",
  "Bypass",
  "-Command",
  "-",
];

/** Looks that often, half a second apart, for the disk of a session. */
const DISK_LOOKS = 60;

/** A login of Windows' own initiator. */
export function windowsInitiator(
  ask: LoginAsk,
  world: LoginWorld,
): OsInitiator {
  return new WindowsInitiator(ask, world);
}

class WindowsInitiator implements OsInitiator {
  readonly #ask: LoginAsk;
  readonly #world: LoginWorld;

  constructor(ask: LoginAsk, world: LoginWorld) {
    this.#ask = ask;
    this.#world = world;
  }

  async login(): Promise<string> {
    let output: string;
    try {
      output = await this.#script(loginScript(this.#ask), "log in");
    } catch (thrown) {
      await this.#script(logoutScript(this.#ask), "log out").catch(() => {});
      throw thrown;
    }
    return diskOf(output);
  }

  async users(): Promise<readonly string[]> {
    const output = await this.#script(
      usersScript(this.#ask),
      "look at the disk",
    );
    return output.split("\n").map((line) => line.trim()).filter(Boolean);
  }

  async letGo(tell: (step: string) => void): Promise<void> {
    tell("taking the disk offline");
    await this.#script(offlineScript(this.#ask), "take the disk offline");
  }

  async logout(): Promise<void> {
    await this.#script(logoutScript(this.#ask), "log out");
  }

  async #script(script: string, what: string): Promise<string> {
    const { code, stdout, stderr } = await this.#world.run(POWERSHELL, script);
    if (code === 0) return stdout;
    const said = stderr.trim().split("\n")[0]?.trim() ?? "";
    throw new VaultError(
      `Windows' initiator cannot ${what}: ${said || `exit status ${code}`}`,
      { ...failureOf(said) },
    );
  }
}

function failureOf(said: string): { hint?: string; kind?: "refused" } {
  if (/access is denied|administrator|privilege/i.test(said)) {
    return { hint: "Start vault as Administrator.", kind: "refused" };
  }
  if (/authentication/i.test(said)) {
    return {
      hint: "The volume asks for CHAP: give --chap USER with the right secret.",
      kind: "refused",
    };
  }
  return {};
}

/** `text` as a PowerShell string in single quotes, in which nothing but the quote is special. */
export function quote(text: string): string {
  // PowerShell takes typographic single quotes for quotes, too.
  return `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;
}

/** One line that ends with status 1 and the sentence of the error where a statement fails. */
function script(statements: readonly string[]): string {
  const body = ["$ErrorActionPreference = 'Stop'", ...statements].join("; ");
  return `try { ${body}; exit 0 } catch { [Console]::Error.WriteLine($_.Exception.Message); exit 1 }\n`;
}

function portalWords({ portal }: LoginAsk): string {
  return `-TargetPortalAddress ${
    quote(portal.hostname)
  } -TargetPortalPortNumber ${portal.port}`;
}

function sessions({ iqn }: LoginAsk): string {
  return `Get-IscsiSession | Where-Object TargetNodeAddress -eq ${quote(iqn)}`;
}

export function loginScript(ask: LoginAsk): string {
  const chap = ask.chap
    ? ` -AuthenticationType ${
      ask.mutual ? "MUTUALCHAP" : "ONEWAYCHAP"
    } -ChapUsername ${quote(ask.chap.user)} -ChapSecret ${
      quote(ask.chap.secret)
    }`
    : "";
  return script([
    "if ((Get-Service MSiSCSI).Status -ne 'Running') { Start-Service MSiSCSI }",
    // What the target proves is one secret for the whole initiator; there is no other place for it in Windows.
    ...(ask.mutual
      ? [`Set-IscsiChapSecret -ChapSecret ${quote(ask.mutual.secret)}`]
      : []),
    `New-IscsiTargetPortal ${portalWords(ask)} | Out-Null`,
    `if (-not (${sessions(ask)})) { Connect-IscsiTarget -NodeAddress ${
      quote(ask.iqn)
    } ${portalWords(ask)} -IsPersistent $false${chap} | Out-Null }`,
    `$disk = $null; for ($i = 0; $i -lt ${DISK_LOOKS} -and -not $disk; $i++) { $disk = ${
      sessions(ask)
    } | Get-Disk; if (-not $disk) { Start-Sleep -Milliseconds 500 } }`,
    "if (-not $disk) { throw 'no disk came of the session' }",
    "$disk | Select-Object -First 1 Number | ConvertTo-Json -Compress",
  ]);
}

export function logoutScript(ask: LoginAsk): string {
  return script([
    `${sessions(ask)} | Disconnect-IscsiTarget -Confirm:$false`,
    `Get-IscsiTargetPortal | Where-Object { $_.TargetPortalAddress -eq ${
      quote(ask.portal.hostname)
    } -and $_.TargetPortalPortNumber -eq ${ask.portal.port} } | Remove-IscsiTargetPortal -Confirm:$false`,
  ]);
}

/** Offline, a disk has its volumes dismounted and written out. */
export function offlineScript(ask: LoginAsk): string {
  return script([`${sessions(ask)} | Get-Disk | Set-Disk -IsOffline $true`]);
}

/** The drive letters and folders under which volumes of the disk are mounted, a line each. */
export function usersScript(ask: LoginAsk): string {
  return script([
    `${
      sessions(ask)
    } | Get-Disk | Get-Partition | ForEach-Object { $_.AccessPaths } | Where-Object { $_ -and -not $_.StartsWith('\\\\?\\') }`,
  ]);
}

/** The disk that the login script printed: `{"Number":1}`. @throws {VaultError} */
export function diskOf(output: string): string {
  const match = /\{"Number":(\d{1,5})\}/.exec(output);
  if (match) return `\\\\.\\PhysicalDrive${match[1]}`;
  throw new VaultError("Windows' initiator did not say which disk it made", {
    hint: "Disk Management shows it. vault detach undoes the login.",
  });
}
