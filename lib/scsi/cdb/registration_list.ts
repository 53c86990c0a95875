/**
 * The parameter lists of PERSISTENT RESERVE OUT that register (SPC-4 sections 6.16.3 and 6.16.4), whose service actions look at more than
 * the keys.
 *
 *     REGISTER, REGISTER AND IGNORE EXISTING KEY       REGISTER AND MOVE
 *     20  SPEC_I_PT 08h, ALL_TG_PT 04h, APTPL 01h      17  UNREG 02h, APTPL 01h
 *     24  with SPEC_I_PT: length of the TransportIDs   18  relative target port identifier
 *     28  TransportIDs                                 20  length of the TransportID
 *                                                      24  TransportID
 *
 * ALL_TG_PT asks for what is so anyway, for there is one target port.
 */

import { u16, u32 } from "../../base/bytes.ts";
import { MAX_REGISTRATIONS } from "../limits.ts";
import {
  move,
  register,
  type Request,
  type Verdict,
  wrongParameter,
} from "../persistent_reserve.ts";
import { RELATIVE_TARGET_PORT } from "../target_port.ts";
import {
  decodeTransportId,
  MAX_TRANSPORT_ID_BYTES,
  type Named,
} from "../transport_id.ts";
import type { Caller } from "../unit.ts";

/** Of every service action but REGISTER AND MOVE, and but REGISTER with SPEC_I_PT. */
export const LIST_BYTES = 24;
export const FLAGS_AT = 20;
export const SPEC_I_PT = 0x08;
const APTPL = 0x01;
const IDS_LENGTH_AT = 24;
const IDS_AT = 28;
export const MAX_REGISTER_BYTES = IDS_AT +
  (MAX_REGISTRATIONS - 1) * MAX_TRANSPORT_ID_BYTES;

const MOVE_FLAGS_AT = 17;
const UNREG = 0x02;
const MOVE_TARGET_PORT_AT = 18;
const MOVE_LENGTH_AT = 20;
const MOVE_ID_AT = 24;
/** With the shortest TransportID. */
export const MIN_MOVE_BYTES = MOVE_ID_AT + 24;
export const MAX_MOVE_BYTES = MOVE_ID_AT + MAX_TRANSPORT_ID_BYTES;

/** One command with its parameter list. */
export interface Ask {
  readonly request: Request;
  readonly list: Uint8Array;
  readonly caller: Caller;
}

/** The list is not as long as it says. */
export type BadLength = "bad-length";

/** REGISTER, and REGISTER AND IGNORE EXISTING KEY. */
export function registering(
  { request, list, caller }: Ask,
  ignoreKey: boolean,
): Verdict | BadLength {
  const { unit } = caller;
  const flags = list[FLAGS_AT]!;
  const persistent = (flags & APTPL) !== 0;
  if (persistent && !unit.keepsReservations) return wrongParameter(FLAGS_AT);
  const most = MAX_REGISTRATIONS;
  const terms = { ...request, ignoreKey, persistent, most };
  if ((flags & SPEC_I_PT) === 0) {
    return list.length === LIST_BYTES
      ? register(unit.reservations, terms)
      : "bad-length";
  }
  if (ignoreKey) return wrongParameter(FLAGS_AT);
  if (list.length < IDS_AT) return "bad-length";
  const ids = list.subarray(IDS_AT);
  if (u32(list, IDS_LENGTH_AT) !== ids.length) return "bad-length";
  const others = portsOfAll(ids, caller);
  return others
    ? register(unit.reservations, { ...terms, others })
    : wrongParameter(IDS_AT);
}

/** REGISTER AND MOVE. */
export function moving({ request, list, caller }: Ask): Verdict | BadLength {
  const { unit } = caller;
  const flags = list[MOVE_FLAGS_AT]!;
  const persistent = (flags & APTPL) !== 0;
  if (persistent && !unit.keepsReservations) {
    return wrongParameter(MOVE_FLAGS_AT);
  }
  const field = list.subarray(MOVE_ID_AT);
  if (u32(list, MOVE_LENGTH_AT) !== field.length) return "bad-length";
  if (u16(list, MOVE_TARGET_PORT_AT) !== RELATIVE_TARGET_PORT) {
    return wrongParameter(MOVE_TARGET_PORT_AT);
  }
  const id = decodeTransportId(field);
  const ports = id?.length === field.length ? portsOf(id.named, caller) : [];
  const [to] = ports;
  // A device with several known ports, or with none, is no port to move to.
  if (to === undefined || ports.length > 1) return wrongParameter(MOVE_ID_AT);
  return move(unit.reservations, {
    ...request,
    to,
    unregister: (flags & UNREG) !== 0,
    most: MAX_REGISTRATIONS,
    persistent,
  });
}

/** Undefined where a TransportID is malformed, or names nobody. */
function portsOfAll(ids: Uint8Array, caller: Caller): string[] | undefined {
  const found: string[] = [];
  for (let rest = ids; rest.length > 0;) {
    const id = decodeTransportId(rest);
    const ports = id ? portsOf(id.named, caller) : [];
    if (!id || ports.length === 0) return undefined;
    found.push(...ports);
    rest = rest.subarray(id.length);
  }
  return found;
}

/** A device's ports are those that are known: logged in, or registered. */
function portsOf(named: Named, { unit }: Caller): string[] {
  if ("port" in named) return [named.port];
  const known = new Set(unit.reservations.keys.keys());
  for (const { nexus } of unit.callers.values()) known.add(nexus.initiatorPort);
  return [...known].filter(named.deviceIs);
}
