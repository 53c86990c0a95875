/**
 * Which device an initiator port belongs to: InitiatorName and ISID are the port's whole name, and what the initiator says of itself. Machines
 * that were cloned have equal ones.
 *
 * A session of the same port takes the place of an older one (RFC 7143 section 6.3.5), and registrations belong to the port, whose TransportID
 * is that name again (SPC-4 section 7.6.4.6). A second device under the name would end the first one's session each time that it logs in,
 * and write past reservations as if it had made them; and two nexuses that READ FULL STATUS and REGISTER AND MOVE cannot tell apart are no
 * way out. So a port is one device's for as long as it has a session or a registration there, and others are refused.
 *
 * This is known as long as the process lives. After a restart, a port whose registration was kept (APTPL) is the first device's that comes
 * with it.
 */

export class PortOwners {
  readonly #owners = new Map<string, string>();

  /** The device that has the port, or undefined. */
  get(initiatorPort: string): string | undefined {
    return this.#owners.get(initiatorPort);
  }

  /** The port is the device's from now on. */
  set(initiatorPort: string, device: string): void {
    this.#owners.set(initiatorPort, device);
  }

  /** Forgets those that have nothing any more. */
  keep(isInUse: (initiatorPort: string) => boolean): void {
    for (const port of this.#owners.keys()) {
      if (!isInUse(port)) this.#owners.delete(port);
    }
  }
}
