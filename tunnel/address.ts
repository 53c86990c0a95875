/** HOST:PORT, as invitations and identities carry it. */

import { VaultError } from "../lib/base/errors.ts";

/** `HOST:PORT` or `[V6]:PORT`. @throws {VaultError} */
export function hostAndPort(
  address: string,
): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 0xffff) {
    throw new VaultError(`"${address}" is not the address of a node`, {
      kind: "usage",
      hint: "write HOST:PORT, vault.example.net:9443 say",
    });
  }
  return { hostname: match[1] ?? match[2]!, port };
}
