/** PERSISTENT RESERVE IN (SPC-4 section 6.15). */

import { concat, putBig64, putU16, putU32, u16 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { Opcode, PersistentReserveIn } from "../opcode.ts";
import type { Reservations } from "../reservation.ts";
import { isAllRegistrants } from "../reservation_type.ts";
import { RELATIVE_TARGET_PORT } from "../target_port.ts";
import { encodeTransportId } from "../transport_id.ts";
import type { Unit } from "../unit.ts";

function row(
  name: string,
  serviceAction: number,
  render: (state: Reservations, unit: Unit) => Uint8Array,
): Command {
  return {
    name: `PERSISTENT RESERVE IN, ${name}`,
    opcode: Opcode.PERSISTENT_RESERVE_IN,
    serviceAction,
    mask: mask("ff 1f 0000000000 ffff 00"),
    access: "persistent",
    mutates: false,
    needs: "unit",
    plan: (cdb, { unit }) =>
      dataIn(render(unit.reservations, unit), u16(cdb, 7)),
  };
}

export const persistentReserveIn: readonly Command[] = [
  row("READ KEYS", PersistentReserveIn.READ_KEYS, readKeys),
  row(
    "READ RESERVATION",
    PersistentReserveIn.READ_RESERVATION,
    (state) => readReservation(state),
  ),
  row(
    "REPORT CAPABILITIES",
    PersistentReserveIn.REPORT_CAPABILITIES,
    capabilities,
  ),
  row("READ FULL STATUS", PersistentReserveIn.READ_FULL_STATUS, readFullStatus),
];

/** PRGENERATION, ADDITIONAL LENGTH, and the list. */
function withHead(state: Reservations, list: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  putU32(head, 0, state.generation);
  putU32(head, 4, list.length);
  return concat([head, list]);
}

function readKeys(state: Reservations): Uint8Array {
  const list = new Uint8Array(8 * state.keys.size);
  let at = 0;
  for (const key of state.keys.values()) {
    putBig64(list, at, key);
    at += 8;
  }
  return withHead(state, list);
}

function readReservation(state: Reservations): Uint8Array {
  const { reservation } = state;
  if (!reservation) return withHead(state, new Uint8Array(0));
  const list = new Uint8Array(16);
  // An All Registrants reservation is reported under key 0.
  const key = reservation.holder === undefined
    ? 0n
    : state.keys.get(reservation.holder) ?? 0n;
  putBig64(list, 0, key);
  list[13] = reservation.type;
  return withHead(state, list);
}

/** TMV: the type mask after it is valid. */
const TMV = 0x80;
/** WR_EX_AR, EX_AC_RO, WR_EX_RO, EX_AC, WR_EX; in the next byte EX_AC_AR. */
const TYPES = [0xea, 0x01] as const;

/** SIP_C, ATP_C: SPEC_I_PT and ALL_TG_PT. CRH is 0: RESERVE and registrations exclude each other. */
const SIP_C = 0x08;
const ATP_C = 0x04;
/** PTPL_C and, in the next byte, PTPL_A: registrations can outlive the process, and do. */
const PTPL_C = 0x01;
const PTPL_A = 0x01;

/** ALLOW COMMANDS is 0: what is allowed beside a reservation is not said here. */
function capabilities(state: Reservations, unit: Unit): Uint8Array {
  const can = SIP_C | ATP_C | (unit.keepsReservations ? PTPL_C : 0);
  const active = state.persistent ? PTPL_A : 0;
  return Uint8Array.of(0, 8, can, TMV | active, ...TYPES, 0, 0);
}

function readFullStatus(state: Reservations): Uint8Array {
  const descriptors: Uint8Array[] = [];
  for (const [port, key] of state.keys) {
    descriptors.push(fullStatus(state, port, key));
  }
  return withHead(state, concat(descriptors));
}

const R_HOLDER = 0x01;

function fullStatus(
  state: Reservations,
  port: string,
  key: bigint,
): Uint8Array {
  const id = encodeTransportId(port);
  const head = new Uint8Array(24);
  putBig64(head, 0, key);
  const { reservation } = state;
  if (
    reservation && (state.holds(port) || isAllRegistrants(reservation.type))
  ) {
    head[12] = R_HOLDER;
    head[13] = reservation.type;
  }
  putU16(head, 18, RELATIVE_TARGET_PORT);
  putU32(head, 20, id.length);
  return concat([head, id]);
}
