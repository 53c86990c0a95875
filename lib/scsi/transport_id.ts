/**
 * TransportIDs of iSCSI initiators (SPC-4 section 7.6.4.6): how a registration names an initiator port.
 *
 *     0  FORMAT (7:6), protocol identifier 5h (3:0)
 *     2  ADDITIONAL LENGTH, a multiple of four, at least 20
 *     4  the iSCSI name and, in format 01b, ",i,0x" and the ISID; NUL-terminated and filled with NULs
 */

import { fromUtf8, putU16, u16, utf8 } from "../base/bytes.ts";

const HEAD_BYTES = 4;
const MIN_ADDITIONAL_BYTES = 20;
/** The longest name of 223 bytes, the separator, twelve digits and the NUL, filled. */
const MAX_ADDITIONAL_BYTES = 244;
export const MAX_TRANSPORT_ID_BYTES = HEAD_BYTES + MAX_ADDITIONAL_BYTES;

const PROTOCOL = 0x0f;
const ISCSI = 0x05;
const FORMAT = 0xc0;
const INITIATOR_DEVICE = 0x00;
const INITIATOR_PORT = 0x40;

const SEPARATOR = ",i,0x";
const ISID_DIGITS = 12;

/** Whom a TransportID names: one port by its name, or all ports of a device (format 00b) by what the names of these begin with. */
export type Named =
  | { readonly port: string }
  | { readonly deviceIs: (port: string) => boolean };

/** Of an initiator port, in format 01b. */
export function encodeTransportId(port: string): Uint8Array {
  const name = utf8(port);
  const filled = Math.max(
    MIN_ADDITIONAL_BYTES,
    Math.ceil((name.length + 1) / 4) * 4,
  );
  const id = new Uint8Array(HEAD_BYTES + filled);
  id[0] = INITIATOR_PORT | ISCSI;
  putU16(id, 2, filled);
  id.set(name, HEAD_BYTES);
  return id;
}

/** The one that `bytes` begin with, and its length. Undefined where it is malformed or of another protocol. */
export function decodeTransportId(
  bytes: Uint8Array,
): { readonly named: Named; readonly length: number } | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const additional = u16(bytes, 2);
  const length = HEAD_BYTES + additional;
  if (
    (bytes[0]! & PROTOCOL) !== ISCSI || additional % 4 !== 0 ||
    additional < MIN_ADDITIONAL_BYTES || additional > MAX_ADDITIONAL_BYTES ||
    bytes.length < length
  ) return undefined;
  const named = namedBy(bytes[0]! & FORMAT, bytes.subarray(HEAD_BYTES, length));
  return named && { named, length };
}

function namedBy(format: number, field: Uint8Array): Named | undefined {
  const end = field.indexOf(0);
  const name = end > 0 ? fromUtf8(field.subarray(0, end)) : undefined;
  if (name === undefined) return undefined;
  const at = name.lastIndexOf(SEPARATOR);
  switch (format) {
    case INITIATOR_DEVICE:
      return at >= 0
        ? undefined
        : { deviceIs: (port) => port.startsWith(name + SEPARATOR) };
    case INITIATOR_PORT: {
      // The digits may be of either case, and leading zeros be left out (RFC 7143 section 4.2.7.1 writes all twelve).
      const isid = name.slice(at + SEPARATOR.length);
      if (at <= 0 || !/^[0-9a-f]{1,12}$/i.test(isid)) return undefined;
      const digits = isid.toLowerCase().padStart(ISID_DIGITS, "0");
      return { port: name.slice(0, at) + SEPARATOR + digits };
    }
    default:
      return undefined;
  }
}
