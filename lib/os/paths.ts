/** Where things are kept on this machine, by the platform's convention. */

import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { VaultError } from "../base/errors.ts";
import { makeFolder } from "./file.ts";

export { join };

/** What the convention depends on; tests make their own. */
export interface Surroundings {
  readonly os: string;
  /** Undefined on Windows. */
  readonly uid: number | null;
  readonly env: (name: string) => string | undefined;
}

/** This machine's and this user's. */
export function surroundings(): Surroundings {
  return {
    os: Deno.build.os,
    uid: Deno.uid(),
    env: (name) => Deno.env.get(name) || undefined,
  };
}

/**
 * The folder for a program's lasting state: /var/lib/vault for root, else $XDG_STATE_HOME/vault or ~/.local/state/vault; on macOS
 * ~/Library/Application Support/vault; on Windows %LOCALAPPDATA%\vault.
 *
 * @throws {VaultError} where the user has no home
 */
export function defaultStateDir(where = surroundings()): string {
  const { os, uid, env } = where;
  if (os === "windows") {
    const local = env("LOCALAPPDATA");
    if (local) return `${local}\\vault`;
    const profile = env("USERPROFILE");
    if (profile) return `${profile}\\AppData\\Local\\vault`;
    throw homeless("LOCALAPPDATA");
  }
  if (uid === 0) return "/var/lib/vault";
  const home = env("HOME");
  if (os === "darwin") {
    if (home) return `${home}/Library/Application Support/vault`;
    throw homeless("HOME");
  }
  // The XDG Base Directory Specification has relative paths ignored.
  const xdg = env("XDG_STATE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/vault`;
  if (home) return `${home}/.local/state/vault`;
  throw homeless("HOME");
}

function homeless(variable: string): VaultError {
  return new VaultError("Cannot tell where to keep the state", {
    hint: `${variable} is not set: name a folder with --state or VAULT_STATE.`,
    kind: "usage",
  });
}

/**
 * The longest path of a Unix socket in bytes: sun_path holds 108 on Linux and 104 on macOS and the BSDs, one of them for the
 * closing zero.
 */
export const MAX_SOCKET_PATH_BYTES = 103;

/** The folder of a state folder for what lives no longer than its processes. */
export function runDir(stateDir: string): string {
  return join(stateDir, "run");
}

/**
 * The path for a Unix socket that belongs to `stateDir`: in it, or where that path is too long for a socket, under a short name in
 * a private folder below $XDG_RUNTIME_DIR or /tmp. Depends on nothing but its parameters.
 */
export function socketPath(
  options: {
    readonly stateDir: string;
    readonly name: string;
    readonly where?: Surroundings;
  },
): string {
  const { stateDir, name, where = surroundings() } = options;
  const path = join(runDir(stateDir), `${name}.sock`);
  if (new TextEncoder().encode(path).length <= MAX_SOCKET_PATH_BYTES) {
    return path;
  }
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 32);
  const file = `${digest}.sock`;
  const runtime = where.env("XDG_RUNTIME_DIR");
  if (runtime?.startsWith("/")) {
    const short = `${runtime}/vault/${file}`;
    if (short.length <= MAX_SOCKET_PATH_BYTES) return short;
  }
  return `/tmp/vault-${where.uid ?? 0}/${file}`;
}

/**
 * Makes `path` a folder that is this user's alone, or makes sure that it is: in a place like /tmp somebody else may have been
 * there first.
 *
 * @throws {VaultError} where it is a link, somebody else's, or open to others and cannot be closed
 */
export function privateFolder(path: string): void {
  makeFolder(path);
  if (Deno.build.os === "windows") return;
  const stat = fs.lstatSync(path);
  if (!stat.isDirectory()) {
    throw new VaultError(`${path} is not a folder`, {
      hint: "Remove it, or name another state folder.",
    });
  }
  if (stat.uid !== Deno.uid()) {
    throw new VaultError(`${path} belongs to another user`, {
      hint: "Name a state folder of your own with --state, or become its user.",
      kind: "refused",
    });
  }
  if ((stat.mode & 0o077) !== 0) fs.chmodSync(path, 0o700);
}
