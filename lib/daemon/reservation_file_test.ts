import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import type { KeptReservations } from "../scsi/reservation.ts";
import { ReservationFile } from "./reservation_file.ts";

const ALICE = "iqn.2026-01.example:alice,i,0x00023d000001";
const BOB = "iqn.2026-01.example:bob,i,0x00023d000001";

const KEPT: KeptReservations = {
  registrations: [
    { port: BOB, key: 0xffff_ffff_ffff_fffen },
    { port: ALICE, key: 1n },
  ],
  reservation: { type: 1, holder: ALICE },
};

function inFolder(test: (path: string, file: ReservationFile) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "vault-reservations-" });
  try {
    const path = `${folder}/reservations.json`;
    test(path, new ReservationFile(path));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("what was kept is read again, and gone when nothing is to be left", () =>
  inFolder((path, file) => {
    expect(file.read()).toBe(undefined);
    const all: KeptReservations[] = [
      KEPT,
      { registrations: KEPT.registrations },
      {
        registrations: KEPT.registrations,
        reservation: { type: 7, holder: undefined },
      },
      { registrations: [] },
    ];
    for (const kept of all) {
      file.write(kept);
      expect(new ReservationFile(path).read()).toEqual(kept);
    }
    file.write(undefined);
    expect(file.read()).toBe(undefined);
    file.write(undefined);
  }));

Deno.test("nobody else reads it, and nothing is left beside it", () =>
  inFolder((path, file) => {
    file.write(KEPT);
    if (Deno.build.os !== "windows") {
      expect(Deno.statSync(path).mode! & 0o777).toBe(0o600);
    }
    const folder = path.slice(0, path.lastIndexOf("/"));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    expect(names).toEqual(["reservations.json"]);
  }));

Deno.test("a file that was changed from outside is refused, and never read as no reservation", () =>
  inFolder((path, file) => {
    const registrations = [{ port: ALICE, key: "0000000000000001" }];
    const bad: unknown[] = [
      "",
      { version: 2, registrations },
      { version: 1, registrations: [...registrations, ...registrations] },
      { version: 1, registrations: [{ port: ALICE, key: "1" }] },
      { version: 1, registrations: [{ port: ALICE, key: "0".repeat(16) }] },
      { version: 1, registrations, reservation: { type: 2, holder: ALICE } },
      { version: 1, registrations, reservation: { type: 1, holder: BOB } },
      { version: 1, registrations, reservation: { type: 1 } },
      { version: 1, registrations, reservation: { type: 7, holder: ALICE } },
      { version: 1, registrations: [], reservation: { type: 8 } },
    ];
    for (const document of bad) {
      Deno.writeTextFileSync(
        path,
        document === "" ? "" : JSON.stringify(document),
      );
      expect(() => file.read()).toThrow(VaultError);
    }
    const good = { version: 1, registrations, reservation: { type: 8 } };
    Deno.writeTextFileSync(path, JSON.stringify(good));
    expect(file.read()?.reservation).toEqual({ type: 8, holder: undefined });
  }));
