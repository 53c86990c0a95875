/**
 * `volumes/NAME/reservations.json`: registrations and a persistent reservation that outlive `vault serve`, where an initiator has asked for
 * that (APTPL). Replaced whole, so that a crash at any moment leaves the old ones or the new ones; not there where nothing is kept.
 */

import * as v from "valibot";
import type { KeptReservations } from "../scsi/reservation.ts";
import {
  isAllRegistrants,
  isReservationType,
} from "../scsi/reservation_type.ts";
import { remove } from "../os/file.ts";
import { readDocument, writeDocument } from "./documents.ts";

const ReservationsDocument = v.pipe(
  v.object({
    version: v.literal(1),
    /** In the order of registration. */
    registrations: v.array(v.object({
      /** InitiatorName, ",i,0x" and the ISID in 12 hexadecimal digits: what a nexus is known by when it logs in again. */
      port: v.string(),
      /** Not 0. */
      key: v.pipe(v.string(), v.regex(/^(?!0{16})[0-9a-f]{16}$/)),
    })),
    reservation: v.exactOptional(v.object({
      type: v.pipe(v.number(), v.check(isReservationType)),
      /** One of the registered ports; nobody where the type is All Registrants. */
      holder: v.exactOptional(v.string()),
    })),
  }),
  v.check(
    ({ registrations }) =>
      new Set(registrations.map(({ port }) => port)).size ===
        registrations.length,
    "a port is registered twice",
  ),
  v.check(
    ({ registrations, reservation }) =>
      !reservation ||
      (isAllRegistrants(reservation.type)
        ? reservation.holder === undefined && registrations.length > 0
        : registrations.some(({ port }) => port === reservation.holder)),
    "who holds the reservation is not registered",
  ),
);

const KEY_DIGITS = 16;

export class ReservationFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where nothing is kept. @throws {VaultError} where the file is damaged: nobody may write past a reservation that is lost */
  read(): KeptReservations | undefined {
    const document = readDocument(this.#path, ReservationsDocument);
    if (!document) return undefined;
    const { registrations, reservation } = document;
    return {
      registrations: registrations.map(({ port, key }) => ({
        port,
        key: BigInt(`0x${key}`),
      })),
      ...(reservation &&
        {
          reservation: { type: reservation.type, holder: reservation.holder },
        }),
    };
  }

  /** Undefined: nothing is kept any more. On stable storage when it returns. @throws where that fails */
  write(kept: KeptReservations | undefined): void {
    if (!kept) return remove(this.#path);
    const { registrations, reservation } = kept;
    writeDocument(this.#path, {
      version: 1,
      registrations: registrations.map(({ port, key }) => ({
        port,
        key: key.toString(16).padStart(KEY_DIGITS, "0"),
      })),
      ...(reservation && { reservation }),
    });
  }
}
