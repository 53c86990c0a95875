/** Reservations. */

import type { Access } from "./command.ts";
import type { Caller } from "./unit.ts";

export class Reservations {
  /** Whether a reservation of somebody else forbids this. */
  forbids(_caller: Caller, _access: Access): boolean {
    return false;
  }
}
