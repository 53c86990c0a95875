/** Certificates: made, read and renewed. */

import type { Authority, NodeIdentity } from "./identity.ts";

/** A new node's authority (Ed25519, ten years). */
export function createAuthority(
  _options: { nowMs: number },
): Promise<Authority> {
  throw new Error("unfinished");
}

/** The node's certificate and key; with `previous`, a new certificate for the same key. */
export function createNodeIdentity(
  _options: { authority: Authority; nowMs: number; previous?: NodeIdentity },
): Promise<NodeIdentity> {
  throw new Error("unfinished");
}

/** Whether the certificate should be renewed by now: a third of its life is left. */
export function renewalDue(
  _certificatePem: string,
  _nowMs: number,
): boolean {
  throw new Error("unfinished");
}

/** SHA-256 of the certificate in lower-case hexadecimal digits. */
export function fingerprintOf(_certificatePem: string): Promise<string> {
  throw new Error("unfinished");
}
