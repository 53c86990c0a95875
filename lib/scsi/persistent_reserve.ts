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
  | { readonly kind: "done"; readonly notices: readonly Notice[] }
  | { readonly kind: "conflict" }
  | { readonly kind: "illegal"; readonly code: number };

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

const CONFLICT: Verdict = { kind: "conflict" };
const DONE: Verdict = { kind: "done", notices: [] };

/** REGISTER; `ignoreKey`: REGISTER AND IGNORE EXISTING KEY. */
export function register(
  state: Reservations,
  request: Request & { readonly ignoreKey: boolean; readonly most: number },
): Verdict {
  const { port, key, actionKey } = request;
  const registered = state.keys.get(port);
  if (!request.ignoreKey && key !== (registered ?? 0n)) return CONFLICT;
  if (registered === undefined && actionKey === 0n) return DONE;
  if (registered === undefined && state.keys.size >= request.most) {
    return {
      kind: "illegal",
      code: SenseCode.INSUFFICIENT_REGISTRATION_RESOURCES,
    };
  }
  bump(state);
  if (actionKey !== 0n) {
    state.keys.set(port, actionKey);
    return DONE;
  }
  return { kind: "done", notices: unregister(state, port) };
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

/** PREEMPT. */
export function preempt(state: Reservations, request: Request): Verdict {
  if (!isRegistered(state, request)) return CONFLICT;
  const { reservation } = state;
  const all = reservation !== undefined && isAllRegistrants(reservation.type);
  if (request.actionKey === 0n && !all) {
    return {
      kind: "illegal",
      code: SenseCode.INVALID_FIELD_IN_PARAMETER_LIST,
    };
  }
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
  // Who stays registered is told where what it could rely on has gone (SPC-4 section 5.13.11.4.3).
  if (old.type !== request.type) {
    notices.push(...released(state, old, request.port));
  }
  return { kind: "done", notices };
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
  if (!admitsRegistrants(old.type)) return [];
  return others(state, by).map((port) => ({
    port,
    code: SenseCode.RESERVATIONS_RELEASED,
  }));
}

function preempted(ports: readonly string[]): Notice[] {
  return ports.map((port) => ({
    port,
    code: SenseCode.REGISTRATIONS_PREEMPTED,
  }));
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
