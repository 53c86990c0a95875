/** Shutting a name out: the device that has it, and the invitation that would give it to another. */

import type { DeviceRecord } from "../pki/registry.ts";
import type { InvitationRecord } from "../pki/invitations.ts";
import type { NodeState } from "./node_state.ts";

/** What was shut out; one of them at least. */
export interface Revoked {
  readonly device: DeviceRecord | undefined;
  readonly invitation: InvitationRecord | undefined;
}

export class Revocations {
  readonly #state: NodeState;
  /** By name; said again, it is storing them that is left to do. */
  readonly #unstored = new Map<string, Revoked>();

  constructor(state: NodeState) {
    this.#state = state;
  }

  /**
   * Both at once: a code that is still out would let the name in again.
   *
   * @throws {VaultError} `not-found`, or where it cannot be stored: it holds until the node is started anew, and may be said again
   */
  revoke(name: string, nowMs: number): Revoked {
    const { registry, invitations, unsaved } = this.#state;
    if (!unsaved) this.#unstored.clear();
    const before = this.#unstored.get(name);
    const invitation = invitations.withdraw(name, nowMs) ?? before?.invitation;
    const enrolled = registry.find(name) !== undefined;
    const device = enrolled || !(invitation ?? before)
      ? registry.revoke(name, nowMs)
      : before?.device;
    const revoked = { device, invitation };
    this.#unstored.set(name, revoked);
    this.#state.persist();
    return revoked;
  }
}
