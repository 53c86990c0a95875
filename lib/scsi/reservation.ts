/**
 * Who may do what while somebody has reserved the unit: persistent reservations (SPC-4 section 5.13) and the older RESERVE and
 * RELEASE (SPC-2 section 5.5).
 *
 * Invariants:
 *   - a RESERVE and registrations do not exist together;
 *   - a reservation exists only while its holder is registered, or, of an All Registrants type, while anybody is;
 *   - registrations belong to initiator ports and outlive their sessions; a RESERVE ends with its session.
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

export class Reservations {
  /** PRGENERATION, 32 bits. */
  generation = 0;
  /** Reservation keys, not 0, by initiator port, in the order of registration. */
  readonly keys = new Map<string, bigint>();
  reservation: Reservation | undefined;
  /** The nexus that has done RESERVE. */
  #reservedBy: number | undefined;

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
