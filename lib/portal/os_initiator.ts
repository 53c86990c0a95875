/**
 * Logging the operating system's own initiator in and out at the portal. `login_linux.ts` and `login_windows.ts` do it for
 * open-iscsi and for the one built into Windows; what they need of the machine is handed in.
 */

import type { Clock } from "../base/clock.ts";

/** A CHAP name and its secret. */
export interface LoginSecret {
  readonly user: string;
  readonly secret: string;
}

export interface LoginAsk {
  /** Where the portal listens. */
  readonly portal: { readonly hostname: string; readonly port: number };
  readonly iqn: string;
  /** What the initiator proves to the target. */
  readonly chap?: LoginSecret;
  /** What the target proves to the initiator; only together with `chap`. */
  readonly mutual?: LoginSecret;
}

/** One login, which may be undone. */
export interface OsInitiator {
  /**
   * Logs in and waits for the disk. Where the session exists already, left by an earlier attachment, that is as good.
   *
   * @returns the disk as this system names it: `/dev/sdb`, `\\.\PhysicalDrive1`
   * @throws {VaultError} that says what to do; nothing is left behind then
   */
  login(): Promise<string>;

  /** What uses the disk, for people: "/mnt/photos". Empty where nothing does, or where it cannot be told. */
  users(): Promise<readonly string[]>;

  /**
   * Makes this system let go of the disk: unmounts, closes and writes out what is on it. `tell` hears of each step ahead of it.
   *
   * @throws {VaultError} `conflict` where a program does not let go
   */
  letGo(tell: (step: string) => void): Promise<void>;

  /** Logs out and forgets the target and its secrets. Harmless where no session is left. @throws {VaultError} where it fails */
  logout(): Promise<void>;
}

/** What of the machine a login needs. */
export interface LoginWorld {
  readonly clock: Clock;
  /** Runs a program to its end. @throws {VaultError} of kind `not-found` where there is none of that name */
  run(
    argv: readonly string[],
    input?: string,
  ): Promise<
    { readonly code: number; readonly stdout: string; readonly stderr: string }
  >;
  /** The text of a file, or undefined where there is none. */
  read(path: string): string | undefined;
  /** Replaces a file, whole or not at all, by one that only its owner can read. */
  replace(path: string, text: string): void;
  /** The names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[];
}
