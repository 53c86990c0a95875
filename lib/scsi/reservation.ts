/**
 * Who may do what while somebody has reserved the unit: persistent reservations (SPC-4 section 5.13) and the older RESERVE and
 * RELEASE (SPC-2 section 5.5).
 *
 * Invariants:
 *   - a RESERVE and registrations do not exist together;
 *   - a reservation exists only while its holder is registered, or, of an All Registrants type, while anybody is;
 *   - registrations belong to initiator ports and outlive their sessions; a RESERVE ends with its session.
 *
 * A registration belongs to an I_T nexus. There is one target port (`target_port.ts`), so the initiator port's name alone tells them
 * apart, and a nexus that comes back (with the same name and ISID) finds its registration again, also after a restart that kept it.
 */

import type { Access } from "./command.ts";
import type { Nexus } from "./nexus.ts";
import {
  admitsRegistrants,
  isAllRegistrants,
  isWriteExclusive,
} from "./reservation_type.ts";

/** A persistent reservation of the whole unit. */
export interface Reservation {
  readonly type: number;
  /** The initiator port that holds it; every registrant does where the type is All Registrants. */
  readonly holder: string | undefined;
}

/** What outlives the process where APTPL asks for it. PRGENERATION does not: it begins with 0 (SPC-4 section 6.15.2). */
export interface KeptReservations {
  /** In the order of registration; a port once. */
  readonly registrations: readonly {
    readonly port: string;
    /** Not 0, 64 bits. */
    readonly key: bigint;
  }[];
  /** Its holder is among the registrations. */
  readonly reservation?: Reservation;
}

/** Registrations can outlive the process. */
export interface Keeping {
  /** What was kept when the process began. */
  readonly now?: KeptReservations;
}

export class Reservations {
  /** Registrations and reservation are to outlive the process: the APTPL bit of the last registration that was done. */
  persistent = false;
  /** PRGENERATION, 32 bits. */
  generation = 0;
  /** Reservation keys, not 0, by initiator port, in the order of registration. */
  readonly keys = new Map<string, bigint>();
  reservation: Reservation | undefined;
  /** The nexus that has done RESERVE. */
  #reservedBy: number | undefined;

  /** As after power on: without anything, or with what was kept. */
  constructor(kept?: KeptReservations) {
    if (!kept) return;
    this.persistent = true;
    for (const { port, key } of kept.registrations) this.keys.set(port, key);
    this.reservation = kept.reservation;
  }

  /** What is to be kept now; undefined where nothing is. */
  get kept(): KeptReservations | undefined {
    if (!this.persistent) return undefined;
    const registrations = [...this.keys].map(([port, key]) => ({ port, key }));
    return {
      registrations,
      ...(this.reservation ? { reservation: this.reservation } : {}),
    };
  }

  /** Gives what takes back all that PERSISTENT RESERVE OUT does to the state from now on. */
  undoable(): () => void {
    const { persistent, generation, reservation } = this;
    const keys = [...this.keys];
    return () => {
      this.persistent = persistent;
      this.generation = generation;
      this.reservation = reservation;
      this.keys.clear();
      for (const [port, key] of keys) this.keys.set(port, key);
    };
  }

  /** Whether a command conflicts with a reservation. */
  forbids(nexus: Nexus, access: Access): boolean {
    if (this.#reservedBy !== undefined) return this.#reserved(nexus, access);
    if (this.keys.size === 0) return false;
    switch (access) {
      case "unreserved":
      case "always":
      case "persistent":
        return false;
      case "reserve":
      case "release":
        // SPC-4 section 5.13.3: these two and registrations exclude each other (CRH is 0).
        return true;
      case "read":
      case "write":
        return !this.#admits(nexus.initiatorPort, access);
    }
  }

  /** Whether `port` holds the reservation. */
  holds(port: string): boolean {
    if (!this.reservation) return false;
    return isAllRegistrants(this.reservation.type)
      ? this.keys.has(port)
      : this.reservation.holder === port;
  }

  /** RESERVE: nobody else has, for {@linkcode forbids} said so. */
  reserve(nexus: Nexus): void {
    this.#reservedBy = nexus.id;
  }

  /** RELEASE. Of somebody else's it does nothing. */
  release(nexus: Nexus): void {
    if (this.#reservedBy === nexus.id) this.#reservedBy = undefined;
  }

  /** A reset ends a RESERVE. Persistent reservations stay. */
  reset(): void {
    this.#reservedBy = undefined;
  }

  #reserved(nexus: Nexus, access: Access): boolean {
    // Also for the nexus that did RESERVE (SPC-2 section 5.5.1): persistent reservations are not to be mixed in.
    if (access === "persistent") return true;
    if (this.#reservedBy === nexus.id) return false;
    return access !== "unreserved" && access !== "release";
  }

  #admits(port: string, access: "read" | "write"): boolean {
    if (!this.reservation || this.holds(port)) return true;
    const { type } = this.reservation;
    if (admitsRegistrants(type) && this.keys.has(port)) return true;
    return access === "read" && isWriteExclusive(type);
  }
}
