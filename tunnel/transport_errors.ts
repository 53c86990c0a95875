/** What goes wrong below TLS and in it, in words for a person. */

import {
  type ConnectionLost,
  messageOf,
  VaultError,
} from "../lib/base/errors.ts";

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

/** What the other end's TLS says of this end's certificate. Once a connection is up, nobody but that end can have said it (RFC 8446 section 6). */
const CERTIFICATE_ALERTS =
  /^ERR_SSL_.*ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED)/;

/** Whether `error` is the other end's word that it does not take this end's certificate. */
export function isAboutCertificate(error: unknown): boolean {
  return CERTIFICATE_ALERTS.test(codeOf(error));
}

/** Why a connection did not come about. With `cut`, the other end had been reached. */
export function notConnected(
  at: Place,
  error: Error,
  cut?: ConnectionLost,
): VaultError {
  const code = codeOf(error);
  if (code && !TLS_CODES.test(code)) {
    return unreachable(at, messageOf(error), cut ?? error);
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

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? "");
}
