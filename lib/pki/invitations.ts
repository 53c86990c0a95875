/** Open invitations, as the node keeps them. */

import { VaultError } from "../base/errors.ts";

/** One open invitation. Nothing in it lets anyone join: the secret is in the code alone. */
export interface InvitationRecord {
  /** 16 hexadecimal digits. Not secret. */
  readonly id: string;
  /** The device that it is for. */
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** The certificate whose private key the code's secret yields, PEM. */
  readonly verifierPem: string;
  /** How often somebody has tried it. */
  readonly attempts: number;
  /** No earlier than this may it be tried again. */
  readonly notBefore?: string;
}

export class Invitations {
  constructor(_records: readonly InvitationRecord[] = []) {}
  get open(): readonly InvitationRecord[] {
    throw new VaultError("unfinished");
  }
  toJSON(): readonly InvitationRecord[] {
    throw new VaultError("unfinished");
  }
}

/** The code to print and the record that `invitations` now holds (persist it before printing). */
export function invite(
  _options: {
    invitations: Invitations;
    name: string;
    /** HOST:PORT for the device to dial. */
    address: string;
    caPem: string;
    expiresMs: number;
    nowMs: number;
  },
): Promise<{ code: string; invitation: InvitationRecord }> {
  throw new VaultError("unfinished");
}
