/** One header in bytes and in fields, for the tables that tests run both ways. */

import { fromHex } from "../../base/bytes.ts";

export interface Golden {
  readonly name: string;
  readonly bytes: string;
  readonly fields: object;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly encode: (into: Uint8Array, at: number) => void;
}

/** Ties a PDU's two functions to one type. */
export function golden<F extends object>(
  name: string,
  pdu: {
    readonly decode: (bytes: Uint8Array) => F;
    readonly encode: (fields: F, into: Uint8Array, at: number) => void;
  },
  { fields, bytes }: { readonly fields: F; readonly bytes: string[] },
): Golden {
  return {
    name,
    bytes: bytes.join("").replaceAll(" ", ""),
    fields,
    decode: pdu.decode,
    encode: (into, at) => pdu.encode(fields, into, at),
  };
}

export const hex = (text: string) => fromHex(text)!;
export const LUN = hex("0001000000000000");
