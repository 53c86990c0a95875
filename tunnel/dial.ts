/** A device's side: dials its node, joins a node, renews its certificate. */

import type { Clock } from "../lib/base/clock.ts";
import type { Log } from "../lib/base/log.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { Credentials, DeviceIdentity } from "../lib/pki/identity.ts";
import type { Audit } from "./audit.ts";
import type { Link } from "./link.ts";

export interface World {
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

export interface DialOptions extends World {
  readonly identity: DeviceIdentity;
  /** HOST:PORT where it is not the one of the identity. */
  readonly address?: string;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/**
 * A link to the device's node, up.
 *
 * @throws {VaultError} `unreachable` where nobody answers, `refused` with the node's reason, or where it is not the pinned node
 */
export function dialLink(_options: DialOptions): Promise<Link> {
  throw new Error("unfinished");
}

export interface JoinOptions extends World {
  /** One line, as `vault invite` printed it. */
  readonly code: string;
  /** HOST:PORT where the code's does not lead to the node from here. */
  readonly address?: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes this machine a device of the node that the code names. The private key is made here and stays here.
 *
 * @throws {VaultError} where the code is mistyped, used or expired, or the node is not the one that made it
 */
export function join(_options: JoinOptions): Promise<DeviceIdentity> {
  throw new Error("unfinished");
}

/**
 * Asks the node over a live link for a certificate that replaces the device's own; the key is new. To be called when
 * `renewalDue` of `lib/pki/certificate.ts` says so; store the result before the next dial.
 *
 * @throws {VaultError} where the node refuses
 */
export function renew(
  _link: Link,
  _identity: DeviceIdentity,
): Promise<DeviceIdentity> {
  throw new Error("unfinished");
}

export type { Credentials };
