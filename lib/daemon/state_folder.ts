/**
 * Where everything lies in the state folder, and who may change it.
 *
 *     STATE/
 *       node/                     what `vault serve` is; absent on a machine that only attaches
 *         lock                    held by the process that changes anything in here
 *         ca.json  identity.json  keys and certificates
 *         registry.json           enrolled devices and open invitations
 *         volumes/NAME/           volume.json, data, lease.json, and reservations.json where some are kept
 *         forward_leases.json     who holds which target behind `--forward`
 *         imports/NAME/           an image that is to become that volume, as far as it is there
 *       nodes/NAME.json           a node that this machine has joined, with this device's key for it
 *             NAME.lock           held by the process that renews the certificate in it
 *       run/                      control sockets and logs of background daemons
 */

import { type FileLock, lockFile, makeFolder } from "../os/file.ts";
import { join, privateFolder } from "../os/paths.ts";

export class StateFolder {
  readonly path: string;

  /** Makes the folder where there is none, and makes sure that it is this user's alone: keys lie here. @throws {VaultError} */
  constructor(path: string) {
    this.path = path;
    privateFolder(path);
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
  get forwardLeases(): string {
    return join(this.node, "forward_leases.json");
  }
  get volumes(): string {
    return join(this.node, "volumes");
  }
  get imports(): string {
    return join(this.node, "imports");
  }
  get joined(): string {
    return join(this.path, "nodes");
  }

  /**
   * Takes the node's folder for this process. Held until `release`, and let go by the system when the process dies, however it does.
   *
   * @returns undefined where another process holds it
   */
  lockNode(): FileLock | undefined {
    makeFolder(this.node);
    return lockFile(join(this.node, "lock"));
  }
}
