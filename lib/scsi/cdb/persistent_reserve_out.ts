/**
 * PERSISTENT RESERVE OUT (SPC-4 section 6.16). Not done, and refused: SPEC_I_PT, ALL_TG_PT and APTPL; REPORT CAPABILITIES says so.
 */

import { big64, u32 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { MAX_REGISTRATIONS } from "../limits.ts";
import { Opcode, PersistentReserveOut } from "../opcode.ts";
import {
  clear,
  preempt,
  register,
  release,
  type Request,
  reserve,
  type Verdict,
} from "../persistent_reserve.ts";
import type { Plan } from "../plan.ts";
import type { Reservations } from "../reservation.ts";
import { isReservationType } from "../reservation_type.ts";
import { SenseCode } from "../sense_code.ts";
import { type Caller, GOOD, RESERVATION_CONFLICT } from "../unit.ts";

/** The only length without SPEC_I_PT and for everything but REGISTER AND MOVE. */
const LIST_BYTES = 24;
/** The byte of the list with SPEC_I_PT 08h, ALL_TG_PT 04h and APTPL 01h. */
const FLAGS_AT = 20;
const FLAGS = 0x0d;

type Action = (state: Reservations, request: Request) => Verdict;

const registering = (ignoreKey: boolean): Action => (state, request) =>
  register(state, { ...request, ignoreKey, most: MAX_REGISTRATIONS });

/** SCOPE (high half) and TYPE are looked at where `typed`. */
function row(
  name: string,
  serviceAction: number,
  what: { readonly typed: boolean; readonly action: Action },
): Command {
  return {
    name: `PERSISTENT RESERVE OUT, ${name}`,
    opcode: Opcode.PERSISTENT_RESERVE_OUT,
    serviceAction,
    mask: mask("ff 1f ff 0000 ffffffff 00"),
    access: "persistent",
    mutates: false,
    governs: true,
    plan: (cdb, caller) => plan(cdb, caller, what),
  };
}

export const persistentReserveOut: readonly Command[] = [
  row("REGISTER", PersistentReserveOut.REGISTER, {
    typed: false,
    action: registering(false),
  }),
  row("RESERVE", PersistentReserveOut.RESERVE, {
    typed: true,
    action: reserve,
  }),
  row("RELEASE", PersistentReserveOut.RELEASE, {
    typed: true,
    action: release,
  }),
  row("CLEAR", PersistentReserveOut.CLEAR, { typed: false, action: clear }),
  row("PREEMPT", PersistentReserveOut.PREEMPT, {
    typed: true,
    action: preempt,
  }),
  row(
    "REGISTER AND IGNORE EXISTING KEY",
    PersistentReserveOut.REGISTER_AND_IGNORE_EXISTING_KEY,
    { typed: false, action: registering(true) },
  ),
];

function plan(
  cdb: Uint8Array,
  caller: Caller,
  what: { readonly typed: boolean; readonly action: Action },
): Plan {
  const { unit } = caller;
  const type = cdb[2]! & 0x0f;
  // SCOPE other than 0 (the unit) is obsolete.
  if (what.typed && (cdb[2]! >>> 4 !== 0 || !isReservationType(type))) {
    return unit.invalidField(2);
  }
  if (u32(cdb, 5) !== LIST_BYTES) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  return {
    kind: "data-out",
    length: LIST_BYTES,
    then: (list) => {
      if (list.length < LIST_BYTES) {
        return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
      }
      if ((list[FLAGS_AT]! & FLAGS) !== 0) {
        return unit.invalidParameter(FLAGS_AT);
      }
      const verdict = what.action(unit.reservations, {
        port: caller.nexus.initiatorPort,
        key: big64(list, 0),
        actionKey: big64(list, 8),
        type,
      });
      return answer(verdict, caller);
    },
  };
}

function answer(verdict: Verdict, { unit }: Caller): Plan {
  switch (verdict.kind) {
    case "conflict":
      return RESERVATION_CONFLICT;
    case "illegal":
      return unit.illegal(verdict.code);
    case "done":
      for (const { port, code } of verdict.notices) {
        unit.attentionOfPort(port, code);
      }
      return GOOD;
  }
}
