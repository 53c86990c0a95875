/** What the program ends with, and what that means. The table is part of `--help` and of the README. */

import type { ErrorKind } from "../lib/base/errors.ts";

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  conflict: 6,
  interrupted: 130,
} as const;

export type ExitStatus = typeof EXIT[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly (readonly [ExitStatus, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.failed, "failed, or a check of doctor or demo did"],
  [EXIT.usage, "the command line makes no sense, or a question needs --yes"],
  [EXIT.notFound, "no such volume, device, user, node or attachment"],
  [EXIT.refused, "not allowed, not authenticated, revoked or expired"],
  [EXIT.unreachable, "nobody answers there"],
  [EXIT.conflict, "exists already, is in use or held, or was taken by another"],
  [EXIT.interrupted, "interrupted at a question, or ended by a second signal"],
];

const BY_KIND: Readonly<Record<ErrorKind, ExitStatus>> = {
  "usage": EXIT.usage,
  "not-found": EXIT.notFound,
  "refused": EXIT.refused,
  "unreachable": EXIT.unreachable,
  "conflict": EXIT.conflict,
};

export function exitStatusOf(kind: ErrorKind | undefined): ExitStatus {
  return kind === undefined ? EXIT.failed : BY_KIND[kind];
}

/** Ends the command with a status other than 0 although all that there was to say has been said. */
export class Ended extends Error {
  override readonly name = "Ended";
  readonly status: ExitStatus;

  constructor(status: ExitStatus) {
    super(`Ended with ${status}`);
    this.status = status;
  }
}
