/** RESERVE (6), (10) and RELEASE (6), (10) (SPC-2 sections 7.16 to 7.21): the whole unit, for this nexus. */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { type Caller, GOOD } from "../unit.ts";

// Third-party and extent reservations are obsolete, and not in the masks.
const SIX = mask("ff 00 00 00 00 00");
const TEN = mask("ff 00 00 00 00 00 00 0000 00");

const reserve = (_cdb: Uint8Array, { unit, nexus }: Caller) => {
  unit.reservations.reserve(nexus);
  return GOOD;
};

const release = (_cdb: Uint8Array, { unit, nexus }: Caller) => {
  unit.reservations.release(nexus);
  return GOOD;
};

export const reserve6: Command = {
  name: "RESERVE(6)",
  opcode: Opcode.RESERVE_6,
  mask: SIX,
  access: "reserve",
  mutates: false,
  needs: "unit",
  governs: true,
  plan: reserve,
};

export const reserve10: Command = {
  ...reserve6,
  name: "RESERVE(10)",
  opcode: Opcode.RESERVE_10,
  mask: TEN,
};

export const release6: Command = {
  name: "RELEASE(6)",
  opcode: Opcode.RELEASE_6,
  mask: SIX,
  access: "release",
  mutates: false,
  needs: "unit",
  plan: release,
};

export const release10: Command = {
  ...release6,
  name: "RELEASE(10)",
  opcode: Opcode.RELEASE_10,
  mask: TEN,
};
