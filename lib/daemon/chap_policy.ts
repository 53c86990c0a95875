/** Which CHAP names and secrets a disk may have. */

import { equalBytes, utf8 } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { ChapSecret } from "../control/operations.ts";
import type { ChapCredentials } from "../iscsi/chap.ts";
import type { ChapPolicy } from "../iscsi/login_security.ts";

/** CHAP secrets that open-iscsi, Windows and others all take, in bytes (RFC 7143 section 9.2.1 asks for 12 at least). */
export const MIN_CHAP_SECRET_BYTES = 12;
export const MAX_CHAP_SECRET_BYTES = 16;
/** The most CHAP users of one disk. */
export const MAX_CHAP_USERS = 64;

/** What documents hold as text, as the login takes it. */
export function chapPolicy(
  chap: {
    readonly users: readonly ChapSecret[];
    readonly mutual?: ChapSecret | undefined;
  },
): ChapPolicy {
  const credentials = ({ user, secret }: ChapSecret): ChapCredentials => ({
    user,
    secret: utf8(secret),
  });
  return {
    users: chap.users.map(credentials),
    ...(chap.mutual ? { mutual: credentials(chap.mutual) } : {}),
  };
}

/** @throws {VaultError} where initiators would not take it, or it could be got around */
export function checkChapPolicy({ users, mutual }: ChapPolicy): void {
  for (const credentials of mutual ? [...users, mutual] : users) {
    checkCredentials(credentials);
  }
  if (users.length > MAX_CHAP_USERS) {
    throw new VaultError(
      `A volume has at most ${MAX_CHAP_USERS} CHAP users`,
      { kind: "conflict" },
    );
  }
  if (mutual && users.some(({ secret }) => equalBytes(secret, mutual.secret))) {
    throw new VaultError(
      "The target cannot prove itself with the secret of an initiator",
      {
        kind: "usage",
        hint:
          "Choose two secrets: with the same one an answer could be reflected (RFC 7143 section 9.2.1).",
      },
    );
  }
}

function checkCredentials({ user, secret }: ChapCredentials): void {
  const { length } = secret;
  if (length < MIN_CHAP_SECRET_BYTES || length > MAX_CHAP_SECRET_BYTES) {
    throw new VaultError(`A CHAP secret cannot have ${length} bytes`, {
      kind: "usage",
      hint:
        `Initiators take ${MIN_CHAP_SECRET_BYTES} to ${MAX_CHAP_SECRET_BYTES}.`,
    });
  }
  if (!/^[\x21-\x7e]{1,223}$/.test(user)) {
    throw new VaultError(`"${user}" cannot be the name of a CHAP user`, {
      kind: "usage",
      hint: "Use 1 to 223 visible ASCII characters without spaces.",
    });
  }
}
