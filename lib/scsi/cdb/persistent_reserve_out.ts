/**
 * PERSISTENT RESERVE OUT (SPC-4 section 6.16): the CDB, and how an action takes effect. With APTPL what it did is kept first: where that
 * fails, nothing was done.
 */

import { big64, u32 } from "../../base/bytes.ts";
import { type Command, dataOut, mask } from "../command.ts";
import { Opcode, PersistentReserveOut } from "../opcode.ts";
import {
  clear,
  preempt,
  release,
  type Request,
  reserve,
  type Verdict,
  wrongParameter,
} from "../persistent_reserve.ts";
import type { Plan } from "../plan.ts";
import type { Reservations } from "../reservation.ts";
import { isReservationType } from "../reservation_type.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { type Caller, GOOD, RESERVATION_CONFLICT } from "../unit.ts";
import {
  type Ask,
  type BadLength,
  FLAGS_AT,
  LIST_BYTES,
  MAX_MOVE_BYTES,
  MAX_REGISTER_BYTES,
  MIN_MOVE_BYTES,
  moving,
  registering,
  SPEC_I_PT,
} from "./registration_list.ts";

interface Action {
  /** SCOPE (high half) and TYPE are looked at. */
  readonly typed?: true;
  /** The shortest and the longest parameter list; both 24 unless told otherwise. */
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly act: (ask: Ask) => Verdict | BadLength;
  /** The tasks of whoever is preempted end, too. */
  readonly aborts?: true;
}

/** An action that looks at the keys alone. */
function byKeys(
  action: (state: Reservations, request: Request) => Verdict,
): Action["act"] {
  // APTPL and ALL_TG_PT are ignored where they are not defined, SPEC_I_PT is not (SPC-4 section 6.16.3).
  return ({ request, list, caller }) =>
    (list[FLAGS_AT]! & SPEC_I_PT) !== 0
      ? wrongParameter(FLAGS_AT)
      : action(caller.unit.reservations, request);
}

function row(name: string, serviceAction: number, action: Action): Command {
  return {
    name: `PERSISTENT RESERVE OUT, ${name}`,
    opcode: Opcode.PERSISTENT_RESERVE_OUT,
    serviceAction,
    mask: mask("ff 1f ff 0000 ffffffff 00"),
    access: "persistent",
    mutates: false,
    needs: "unit",
    governs: true,
    plan: (cdb, caller) => plan(cdb, caller, action),
  };
}

export const persistentReserveOut: readonly Command[] = [
  row("REGISTER", PersistentReserveOut.REGISTER, {
    maxBytes: MAX_REGISTER_BYTES,
    act: (ask) => registering(ask, false),
  }),
  row("RESERVE", PersistentReserveOut.RESERVE, {
    typed: true,
    act: byKeys(reserve),
  }),
  row("RELEASE", PersistentReserveOut.RELEASE, {
    typed: true,
    act: byKeys(release),
  }),
  row("CLEAR", PersistentReserveOut.CLEAR, { act: byKeys(clear) }),
  row("PREEMPT", PersistentReserveOut.PREEMPT, {
    typed: true,
    act: byKeys(preempt),
  }),
  row("PREEMPT AND ABORT", PersistentReserveOut.PREEMPT_AND_ABORT, {
    typed: true,
    act: byKeys(preempt),
    aborts: true,
  }),
  row(
    "REGISTER AND IGNORE EXISTING KEY",
    PersistentReserveOut.REGISTER_AND_IGNORE_EXISTING_KEY,
    { act: (ask) => registering(ask, true) },
  ),
  row("REGISTER AND MOVE", PersistentReserveOut.REGISTER_AND_MOVE, {
    minBytes: MIN_MOVE_BYTES,
    maxBytes: MAX_MOVE_BYTES,
    act: moving,
  }),
];

function plan(cdb: Uint8Array, caller: Caller, action: Action): Plan {
  const { unit } = caller;
  const { minBytes = LIST_BYTES, maxBytes = LIST_BYTES } = action;
  const type = cdb[2]! & 0x0f;
  // SCOPE other than 0 (the unit) is obsolete.
  if (action.typed && (cdb[2]! >>> 4 !== 0 || !isReservationType(type))) {
    return unit.invalidField(2);
  }
  const length = u32(cdb, 5);
  if (length < minBytes || length > maxBytes) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  return dataOut(length, {
    short: unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR),
    then: (list) => carryOut(list, caller, { ...action, type }),
  });
}

function carryOut(
  list: Uint8Array,
  caller: Caller,
  action: Action & { readonly type: number },
): Plan {
  const { unit, nexus } = caller;
  const { reservations } = unit;
  // Somebody may have done RESERVE while the list was on its way.
  if (reservations.forbids(nexus, "persistent")) return RESERVATION_CONFLICT;
  const wasKept = reservations.persistent;
  const undo = reservations.undoable();
  const request = {
    port: nexus.initiatorPort,
    key: big64(list, 0),
    actionKey: big64(list, 8),
    type: action.type,
  };
  const verdict = action.act({ request, list, caller });
  if (verdict === "bad-length") {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  if (verdict.kind === "conflict") return RESERVATION_CONFLICT;
  if (verdict.kind === "illegal") {
    return verdict.parameter === undefined
      ? unit.illegal(verdict.code)
      : unit.invalidParameter(verdict.parameter);
  }
  const finish = () => finished(verdict, caller, action.aborts ?? false);
  if (!wasKept && !reservations.persistent) return finish();
  return {
    kind: "keep",
    reservations: reservations.kept,
    then: (kept) => {
      if (kept) return finish();
      undo();
      return unit.check({
        key: SenseKey.HARDWARE_ERROR,
        code: SenseCode.INTERNAL_TARGET_FAILURE,
      });
    },
  };
}

function finished(
  { notices, preempted = [] }: Verdict & { kind: "done" },
  { unit }: Caller,
  aborts: boolean,
): Plan {
  for (const { port, code } of notices) unit.attentionOfPort(port, code);
  if (!aborts) return GOOD;
  const nexuses = new Set<number>();
  for (const { nexus } of unit.callers.values()) {
    if (preempted.includes(nexus.initiatorPort)) nexuses.add(nexus.id);
  }
  return { kind: "abort-tasks", nexuses };
}
