/** What goes wrong below TLS and in it, in words for a person. */

import { messageOf, VaultError } from "../lib/base/errors.ts";

interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** Why nothing listens at an address. */
export function cannotListen(at: Place, cause: Error): VaultError {
  const where = `${at.hostname}:${at.port}`;
  const taken = (cause as { code?: string }).code === "EADDRINUSE";
  return new VaultError(
    taken
      ? `Cannot listen on ${where}: another program does`
      : `Cannot listen on ${where}: ${messageOf(cause)}`,
    {
      cause,
      ...(taken
        ? {
          kind: "conflict",
          hint: "Name another port, or end the program that holds it.",
        }
        : {}),
    },
  );
}

/** Errors of TLS have codes that begin so; others are those of TCP and of names. */
const TLS_CODES = /^(ERR_SSL|ERR_TLS|CERT|DEPTH_|SELF_SIGNED|UNABLE_)/;

/** Why a connection did not come about. */
export function notConnected(at: Place, error: Error): VaultError {
  const code = String((error as { code?: unknown }).code ?? "");
  if (code && !TLS_CODES.test(code)) {
    return unreachable(at, messageOf(error), error);
  }
  return new VaultError(
    `Something that is not the pinned node answers at ${at.hostname}:${at.port}: ${
      messageOf(error)
    }`,
    { kind: "unreachable", cause: error },
  );
}

/** Nobody answers. */
export function unreachable(
  at: Place,
  why: string,
  cause?: Error,
): VaultError {
  return new VaultError(
    `Cannot reach the node at ${at.hostname}:${at.port}: ${why}`,
    {
      kind: "unreachable",
      hint: "Is it running there, and does a firewall let the port through?",
      ...(cause ? { cause } : {}),
    },
  );
}
