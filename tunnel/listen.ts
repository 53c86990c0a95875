/** A node's side: listens, admits enrolled devices, enrols invited ones. */

import type { Clock } from "../lib/base/clock.ts";
import type { Listener } from "../lib/base/duplex.ts";
import type { Log } from "../lib/base/log.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { Authority, NodeIdentity } from "../lib/pki/identity.ts";
import type { Invitations } from "../lib/pki/invitations.ts";
import type { Registry } from "../lib/pki/registry.ts";
import type { Audit } from "./audit.ts";
import type { Link } from "./link.ts";

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly identity: NodeIdentity;
  /** Signs the certificates of devices that join or renew theirs. */
  readonly authority: Authority;
  /** Who is let in. A device that is revoked in it loses its live links at once. */
  readonly registry: Registry;
  readonly invitations: Invitations;
  /** Stores `registry` and `invitations`, which have changed. A device is told that it is enrolled only after this has resolved. */
  persist(): Promise<void>;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** Gives links that are up: both ends have proved who they are. */
export interface LinkListener extends Listener<Link> {
  readonly port: number;
  /** Links that are up now. */
  readonly links: readonly Link[];
  readonly macFailures: number;
  /** Shows a renewed certificate of the node to all who connect from now on. */
  setIdentity(identity: NodeIdentity): void;
  /**
   * Dials itself without a certificate and with a foreign one.
   *
   * @throws {VaultError} where either is let in: the node must not run then
   */
  selfTest(): Promise<void>;
}

/** @throws {VaultError} where the address cannot be listened on */
export function listenLinks(_options: ListenOptions): Promise<LinkListener> {
  throw new Error("unfinished");
}
