/**
 * What the service actions of PERSISTENT RESERVE OUT do to registrations and to the reservation (SPC-4 sections 5.13.7 to 5.13.11).
 * Each gives a verdict; with it come the unit attentions that others are due.
 */

import type { Reservation, Reservations } from "./reservation.ts";
import { admitsRegistrants, isAllRegistrants } from "./reservation_type.ts";
import { SenseCode } from "./sense_code.ts";

/** A unit attention for an initiator port. */
export interface Notice {
  readonly port: string;
  readonly code: number;
}

export type Verdict =
  | {
    readonly kind: "done";
    readonly notices: readonly Notice[];
    /** Ports that lost their registration to a PREEMPT; the one that asked may be among them. */
    readonly preempted?: readonly string[];
  }
  | { readonly kind: "conflict" }
  /** `parameter`: the byte of the parameter list that is wrong. */
  | {
    readonly kind: "illegal";
    readonly code: number;
    readonly parameter?: number;
  };

/** One PERSISTENT RESERVE OUT. */
export interface Request {
  /** The initiator port that it came from. */
  readonly port: string;
  /** RESERVATION KEY. */
  readonly key: bigint;
  /** SERVICE ACTION RESERVATION KEY. */
  readonly actionKey: bigint;
  /** TYPE, a known one where the service action looks at it. */
  readonly type: number;
}

/** A registration. */
export interface Registering extends Request {
  /** REGISTER AND IGNORE EXISTING KEY. */
  readonly ignoreKey: boolean;
  /** The most registrations that there may be. */
  readonly most: number;
  /** APTPL. */
  readonly persistent: boolean;
  /** Further ports that SPEC_I_PT names. */
  readonly others?: readonly string[];
}

/** REGISTER AND MOVE. */
export interface Moving extends Request {
  /** The port that is to hold the reservation. */
  readonly to: string;
  /** UNREG: the registration of the port that asks ends. */
  readonly unregister: boolean;
  readonly most: number;
  readonly persistent: boolean;
}

const CONFLICT: Verdict = { kind: "conflict" };
const DONE: Verdict = { kind: "done", notices: [] };

/** Bytes of the parameter list. */
const ACTION_KEY_AT = 8;
const SPEC_I_PT_AT = 20;
const MOVE_TRANSPORT_ID_AT = 24;

/** REGISTER and REGISTER AND IGNORE EXISTING KEY. */
export function register(state: Reservations, request: Registering): Verdict {
  const { port, key, actionKey, others } = request;
  const registered = state.keys.get(port);
  if (!request.ignoreKey && key !== (registered ?? 0n)) return CONFLICT;
  // SPEC_I_PT makes registrations, and changes none (SPC-4 section 5.13.7).
  if (others && (registered !== undefined || actionKey === 0n)) {
    return wrongParameter(SPEC_I_PT_AT);
  }
  if (registered === undefined && actionKey === 0n) return DONE;
  const ports = new Set([port, ...(others ?? [])]);
  if (roomFor(state, request.most) < unregistered(state, ports).length) {
    return NO_ROOM;
  }
  bump(state);
  state.persistent = request.persistent;
  if (actionKey === 0n) {
    return { kind: "done", notices: unregister(state, port) };
  }
  for (const each of unregistered(state, ports)) {
    state.keys.set(each, actionKey);
  }
  // One that is registered already, and is not the one that asks, keeps its own key.
  state.keys.set(port, actionKey);
  return DONE;
}

/** REGISTER AND MOVE (SPC-4 section 5.13.8). */
export function move(state: Reservations, request: Moving): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const { reservation } = state;
  const { to, actionKey } = request;
  if (!reservation) {
    return { kind: "illegal", code: SenseCode.INVALID_FIELD_IN_CDB };
  }
  if (isAllRegistrants(reservation.type) || !state.holds(request.port)) {
    return CONFLICT;
  }
  if (actionKey === 0n) return wrongParameter(ACTION_KEY_AT);
  if (to === request.port) return wrongParameter(MOVE_TRANSPORT_ID_AT);
  const freed = request.unregister ? 1 : 0;
  if (!state.keys.has(to) && roomFor(state, request.most) + freed < 1) {
    return NO_ROOM;
  }
  bump(state);
  state.persistent = request.persistent;
  if (request.unregister) state.keys.delete(request.port);
  state.keys.set(to, actionKey);
  state.reservation = { type: reservation.type, holder: to };
  return DONE;
}

/** RESERVE. */
export function reserve(state: Reservations, request: Request): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const { reservation } = state;
  if (!reservation) {
    state.reservation = reservationOf(request);
    return DONE;
  }
  return state.holds(request.port) && reservation.type === request.type
    ? DONE
    : CONFLICT;
}

/** RELEASE. */
export function release(state: Reservations, request: Request): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const { reservation } = state;
  if (!reservation || !state.holds(request.port)) return DONE;
  if (reservation.type !== request.type) {
    return {
      kind: "illegal",
      code: SenseCode.INVALID_RELEASE_OF_PERSISTENT_RESERVATION,
    };
  }
  state.reservation = undefined;
  return { kind: "done", notices: released(state, reservation, request.port) };
}

/** CLEAR. */
export function clear(state: Reservations, request: Request): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const notices = others(state, request.port).map((port) => ({
    port,
    code: SenseCode.RESERVATIONS_PREEMPTED,
  }));
  state.keys.clear();
  state.reservation = undefined;
  bump(state);
  return { kind: "done", notices };
}

/** PREEMPT; of PREEMPT AND ABORT the first half. */
export function preempt(state: Reservations, request: Request): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const { reservation } = state;
  const all = reservation !== undefined && isAllRegistrants(reservation.type);
  if (request.actionKey === 0n && !all) return wrongParameter(ACTION_KEY_AT);
  const takesOver = all
    ? request.actionKey === 0n
    : reservation?.holder !== undefined &&
      state.keys.get(reservation.holder) === request.actionKey;
  return reservation && takesOver
    ? takeOver(state, request, reservation)
    : removeRegistrations(state, request);
}

/** The holder is preempted: its reservation goes to the one who asks, with the type that it asks for. */
function takeOver(
  state: Reservations,
  request: Request,
  old: Reservation,
): Verdict {
  const gone = others(state, request.port).filter((port) =>
    request.actionKey === 0n || state.keys.get(port) === request.actionKey
  );
  for (const port of gone) state.keys.delete(port);
  state.reservation = reservationOf(request);
  bump(state);
  const notices = preempted(gone);
  // Who stays registered is told that another type is in force, whatever the old one was (SPC-4 section 5.13.11.4.3).
  if (old.type !== request.type) {
    notices.push(...releasedTo(others(state, request.port)));
  }
  return { kind: "done", notices, preempted: gone };
}

/** Nobody's reservation is meant: the registrations under the key go, the own one too where it has that key. */
function removeRegistrations(state: Reservations, request: Request): Verdict {
  const gone = [...state.keys].filter(([, key]) => key === request.actionKey)
    .map(([port]) => port);
  if (gone.length === 0) return CONFLICT;
  for (const port of gone) state.keys.delete(port);
  if (state.keys.size === 0) state.reservation = undefined;
  bump(state);
  return {
    kind: "done",
    notices: preempted(gone.filter((port) => port !== request.port)),
    preempted: gone,
  };
}

function unregister(state: Reservations, port: string): Notice[] {
  const { reservation } = state;
  const held = state.holds(port);
  state.keys.delete(port);
  if (!reservation || !held) return [];
  if (isAllRegistrants(reservation.type) && state.keys.size > 0) return [];
  state.reservation = undefined;
  return released(state, reservation, port);
}

/** RESERVATIONS RELEASED, to the registrants that the type let in. */
function released(
  state: Reservations,
  old: Reservation,
  by: string,
): Notice[] {
  return admitsRegistrants(old.type) ? releasedTo(others(state, by)) : [];
}

function releasedTo(ports: readonly string[]): Notice[] {
  return ports.map((port) => ({ port, code: SenseCode.RESERVATIONS_RELEASED }));
}

function preempted(ports: readonly string[]): Notice[] {
  return ports.map((port) => ({
    port,
    code: SenseCode.REGISTRATIONS_PREEMPTED,
  }));
}

const NO_ROOM: Verdict = {
  kind: "illegal",
  code: SenseCode.INSUFFICIENT_REGISTRATION_RESOURCES,
};

/** A byte of the parameter list is wrong. */
export function wrongParameter(parameter: number): Verdict {
  const code = SenseCode.INVALID_FIELD_IN_PARAMETER_LIST;
  return { kind: "illegal", code, parameter };
}

function roomFor(state: Reservations, most: number): number {
  return most - state.keys.size;
}

function unregistered(state: Reservations, ports: Iterable<string>): string[] {
  return [...ports].filter((port) => !state.keys.has(port));
}

function others(state: Reservations, port: string): string[] {
  return [...state.keys.keys()].filter((other) => other !== port);
}

function isRegistered(state: Reservations, request: Request): boolean {
  return state.keys.get(request.port) === request.key;
}

function reservationOf(request: Request): Reservation {
  const { type, port } = request;
  return { type, holder: isAllRegistrants(type) ? undefined : port };
}

function bump(state: Reservations): void {
  state.generation = (state.generation + 1) >>> 0;
}
