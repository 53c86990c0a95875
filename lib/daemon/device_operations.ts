/** Who may come: devices, and invitations for those that are to be. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type {
  DeviceInfo,
  Invitation,
  InvitationInfo,
  LinkInfo,
  Revocation,
} from "../control/operations.ts";
import { invite } from "../pki/invite.ts";
import type { InvitationRecord } from "../pki/invitations.ts";
import type { DeviceRecord } from "../pki/registry.ts";
import type { NodeState } from "./node_state.ts";
import { Revocations } from "./revocations.ts";

export interface DeviceOperationsOptions {
  readonly state: NodeState;
  readonly clock: Clock;
  readonly guessAddress: (listen: string) => string | undefined;
  /** Where the node runs. */
  readonly live?: {
    readonly listen: string;
    links(): readonly LinkInfo[];
  };
}

export interface InvitationAsk {
  readonly name: string;
  readonly expiresMs: number;
  readonly advertise?: string;
}

export class DeviceOperations {
  readonly #options: DeviceOperationsOptions;
  readonly #revocations: Revocations;

  constructor(options: DeviceOperationsOptions) {
    this.#options = options;
    this.#revocations = new Revocations(options.state);
  }

  list(): DeviceInfo[] {
    const { registry } = this.#options.state;
    return registry.devices.map((device) => this.#device(device));
  }

  /** Those that are open. */
  invitations(): InvitationInfo[] {
    const { state, clock } = this.#options;
    return state.invitations.open(clock.now()).map(invitationInfo);
  }

  async invite(ask: InvitationAsk): Promise<Invitation> {
    const { state, clock } = this.#options;
    const { registry, invitations, authority } = state;
    if (registry.find(ask.name)) {
      throw new VaultError(`There is already a device "${ask.name}"`, {
        kind: "conflict",
        hint: `Choose another name, or first: vault revoke ${ask.name}`,
      });
    }
    const address = ask.advertise ?? this.#address();
    const { code, invitation } = await invite({
      invitations,
      name: ask.name,
      address,
      caPem: authority.certificatePem,
      expiresMs: ask.expiresMs,
      nowMs: clock.now(),
    });
    state.persist();
    state.audit.tell({
      kind: "invited",
      device: ask.name,
      reason: `until ${invitation.expiresAt}, to dial ${address}`,
    });
    return { code, name: ask.name, expiresAt: invitation.expiresAt, address };
  }

  revoke(name: string): Revocation {
    const now = this.#options.clock.now();
    const { device, invitation } = this.#revocations.revoke(name, now);
    const { audit } = this.#options.state;
    if (device) {
      const { fingerprint } = device;
      audit.tell({ kind: "revoked", device: name, fingerprint });
    }
    if (invitation) audit.tell({ kind: "invitation withdrawn", device: name });
    return {
      ...(device ? { device: this.#device(device) } : {}),
      ...(invitation ? { invitation: invitationInfo(invitation) } : {}),
    };
  }

  #device(device: DeviceRecord): DeviceInfo {
    const { name, fingerprint, enrolledAt, expiresAt, revokedAt } = device;
    const links = this.#options.live?.links()
      .filter((link) => link.device === name);
    return {
      name,
      fingerprint,
      enrolledAt,
      expiresAt,
      ...(revokedAt === undefined ? {} : { revokedAt }),
      ...(links ? { links: revokedAt ? 0 : links.length } : {}),
    };
  }

  #address(): string {
    const { live, state, guessAddress } = this.#options;
    const listen = live?.listen ?? state.listen;
    const address = listen && guessAddress(listen);
    if (address) return address;
    throw new VaultError(
      "Cannot tell under which address this node is reached",
      {
        kind: "usage",
        hint: "Say it: vault invite NAME --advertise HOST:PORT",
      },
    );
  }
}

function invitationInfo(invitation: InvitationRecord): InvitationInfo {
  const { name, createdAt, expiresAt, attempts } = invitation;
  return { name, invitedAt: createdAt, expiresAt, failedAttempts: attempts };
}
