/**
 * The key schedule: which key comes from what. PROTOCOL.md section 4 draws it; vectors.json holds examples.
 *
 * All keys come from one X25519 agreement by HKDF with SHA-256 (RFC 5869), salted with a hash of everything that both ends have
 * said. Keys of two directions, two links or two generations have nothing in common.
 */

import { concat, utf8 } from "../lib/base/bytes.ts";
import type { Primitives } from "../lib/base/primitives.ts";

export const KEY_BYTES = 32;
export const LINK_ID_BYTES = 16;

/** Who sends, as records write it. */
export type Direction = typeof DEVICE_TO_NODE | typeof NODE_TO_DEVICE;
export const DEVICE_TO_NODE = 0x01;
export const NODE_TO_DEVICE = 0x02;

type Derive = Pick<Primitives, "hkdf">;

/** Keys that confirm the agreement: known once both hellos are. */
export interface ConfirmationKeys {
  readonly node: Uint8Array;
  readonly device: Uint8Array;
}

/** Keys of a link: known once both ends have proved who they are. */
export interface LinkKeys {
  /** Of the message by which the node admits or refuses. */
  readonly verdict: Uint8Array;
  /** What the MAC keys of the two directions come from, generation 0. */
  readonly deviceToNode: Uint8Array;
  readonly nodeToDevice: Uint8Array;
  /** Proves later, on another connection, to be the same link. */
  readonly resume: Uint8Array;
}

/** `transcript`: hash over binding and both hellos. */
export function confirmationKeys(
  primitives: Derive,
  from: { shared: Uint8Array; transcript: Uint8Array },
): ConfirmationKeys {
  const derive = (label: string) =>
    primitives.hkdf(from.shared, from.transcript, info(label), KEY_BYTES);
  return { node: derive("node confirms"), device: derive("device confirms") };
}

/** `transcript`: hash over all of the handshake up to the device's proof. */
export function linkKeys(
  primitives: Derive,
  from: { shared: Uint8Array; transcript: Uint8Array; linkId: Uint8Array },
): LinkKeys {
  const derive = (label: string) =>
    primitives.hkdf(
      from.shared,
      from.transcript,
      info(label, from.linkId),
      KEY_BYTES,
    );
  return {
    verdict: derive("verdict"),
    deviceToNode: derive("device to node"),
    nodeToDevice: derive("node to device"),
    resume: derive("resume"),
  };
}

/** The MAC key of a direction's generation, and the secret of the next one. */
export function generationKeys(
  primitives: Derive,
  from: { secret: Uint8Array; linkId: Uint8Array },
): { readonly mac: Uint8Array; readonly next: Uint8Array } {
  const derive = (label: string) =>
    primitives.hkdf(from.secret, from.linkId, info(label), KEY_BYTES);
  return { mac: derive("mac"), next: derive("next") };
}

/** The zero byte ends the label, so that no label and context read as another's. */
function info(
  label: string,
  context: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return concat([utf8(`vault/1 ${label}\0`), context]);
}
