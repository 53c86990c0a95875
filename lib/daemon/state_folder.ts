/**
 * Where everything lies in the state folder, and who may change it.
 *
 *     STATE/
 *       node/                     what `vault serve` is; absent on a machine that only attaches
 *         lock                    held by the process that changes anything in here
 *         ca.json  identity.json  keys and certificates
 *         registry.json           enrolled devices and open invitations
 *         volumes/NAME/           volume.json and data
 *       nodes/NAME.json           a node that this machine has joined, with this device's key for it
 *       run/                      control sockets and logs of background daemons
 */

import { join } from "node:path";
import { VaultError } from "../base/errors.ts";
import { makeFolder } from "../os/file.ts";

export class StateFolder {
  readonly path: string;

  /** Makes the folder where there is none, and refuses one that others can read. @throws {VaultError} */
  constructor(path: string) {
    this.path = path;
    makeFolder(path);
    refuseForeign(path);
  }

  get node(): string {
    return join(this.path, "node");
  }
  get authority(): string {
    return join(this.node, "ca.json");
  }
  get identity(): string {
    return join(this.node, "identity.json");
  }
  get registry(): string {
    return join(this.node, "registry.json");
  }
  get volumes(): string {
    return join(this.node, "volumes");
  }
  get joined(): string {
    return join(this.path, "nodes");
  }
  get run(): string {
    return join(this.path, "run");
  }

  /**
   * Takes the node's folder for this process. Held until `release`, and let go by the system when the process dies, however it does.
   *
   * @returns undefined where another process holds it
   */
  lockNode(): NodeLock | undefined {
    makeFolder(this.node);
    const file = Deno.openSync(join(this.node, "lock"), {
      create: true,
      write: true,
      mode: 0o600,
    });
    if (file.tryLockSync(true)) return { release: () => file.close() };
    file.close();
    return undefined;
  }
}

export interface NodeLock {
  release(): void;
}

/** Keys lie here: a folder of another user, or one that others may enter, would give them away. */
function refuseForeign(path: string): void {
  if (Deno.build.os === "windows") return;
  const { mode, uid } = Deno.statSync(path);
  const me = Deno.uid();
  if (uid !== null && me !== null && uid !== me) {
    throw new VaultError(
      `The state folder ${path} belongs to another user`,
      {
        hint: "Name one of your own with --state DIR or VAULT_STATE.",
      },
    );
  }
  if (mode !== null && (mode & 0o077) !== 0) {
    throw new VaultError(
      `The state folder ${path} is open to other users`,
      { hint: `Close it first: chmod 700 ${path}` },
    );
  }
}
