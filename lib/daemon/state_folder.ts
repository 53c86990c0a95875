/**
 * Where everything lies in the state folder, and who may change it.
 *
 *     STATE/
 *       node/                     what `vault serve` is; absent on a machine that only attaches
 *         lock                    held by the process that changes anything in here
 *         ca.json  identity.json  keys and certificates
 *         registry.json           enrolled devices and open invitations
 *         audit.log               what enrolled devices and persons did; audit.log.1 and so on are older
 *         audit-strangers.log     what anyone can bring about who reaches the port
 *         volumes/NAME/           volume.json, data, lease.json, and reservations.json where some are kept
 *                                 of one in a bucket key, pin.json, journal/ and cache in the place of data
 *         forward_leases.json     who holds which target behind `--forward`
 *         imports/NAME/           an image that is to become that volume, as far as it is there
 *       nodes/NAME.json           a node that this machine has joined, with this device's key for it
 *             NAME.lock           held by the process that renews the certificate in it
 *       audit/attach-VOLUME.log   what the attachment of that volume met; the control socket of that name keeps others from it
 *       run/                      control sockets and logs of background daemons
 */

import { type FileLock, lockFile, makeFolder } from "../os/file.ts";
import { join, privateFolder } from "../os/paths.ts";
import type { AuditPlace } from "./audit_log.ts";
import { attachmentSocket } from "./sockets.ts";

/** What the name of an audit log ends with; older ones have a number after it. */
export const AUDIT_SUFFIX = ".log";

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
  /** Whoever holds the node's lock writes to it. */
  get nodeAudit(): Required<AuditPlace> {
    return {
      folder: this.node,
      file: join(this.node, `audit${AUDIT_SUFFIX}`),
      strangersFile: join(this.node, `audit-strangers${AUDIT_SUFFIX}`),
    };
  }
  get attachmentAudits(): string {
    return join(this.path, "audit");
  }

  /** Whoever listens on the attachment's control socket writes to it. Nobody can come: it is all in one file. */
  attachmentAudit(volume: string): AuditPlace {
    const folder = this.attachmentAudits;
    const file = join(folder, `${attachmentSocket(volume)}${AUDIT_SUFFIX}`);
    return { folder, file };
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
