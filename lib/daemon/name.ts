/** What volumes and snapshots may be called: such a name is part of a path, and a volume's of an iSCSI name. */

import { VaultError } from "../base/errors.ts";

export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws {VaultError} where `name` cannot be the name of a `what` */
export function expectName(what: "volume" | "snapshot", name: string): void {
  if (NAME.test(name)) return;
  throw new VaultError(`"${name}" cannot be the name of a ${what}`, {
    kind: "usage",
    hint:
      "Use 1 to 63 of a-z, 0-9 and -, with a letter or digit first and last.",
  });
}
