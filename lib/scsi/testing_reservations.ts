/** What the tests of reservations share: three registrants, one who only looks, and PERSISTENT RESERVE in short. */

import { putBig64, putU32 } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import type { Disk, DiskOptions } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import { PersistentReserveOut as Out } from "./opcode.ts";
import type { Plan } from "./plan.ts";
import {
  alice,
  bob,
  carol,
  dataOf,
  diskWith,
  hex,
  nexusNamed,
  verdictOf,
  withData,
} from "./testing.ts";
import { encodeTransportId } from "./transport_id.ts";

export const all = [alice, bob, carol];
/** Never registers and only looks. */
const dora = nexusNamed("dora", 4);
export const CONFLICT = "RESERVATION CONFLICT";
export const READY = hex("00 00 00 00 00 00");

/** PERSISTENT RESERVE OUT, and what became of it. */
export function out(
  disk: Disk,
  nexus: Nexus,
  ask: {
    action: number;
    key?: bigint;
    actionKey?: bigint;
    type?: number;
    flags?: number;
  },
): string {
  const list = new Uint8Array(24);
  putBig64(list, 0, ask.key ?? 0n);
  putBig64(list, 8, ask.actionKey ?? 0n);
  list[20] = ask.flags ?? 0;
  const { action, type = 0 } = ask;
  return sendList(disk, nexus, { action, list, type });
}

/** REGISTER AND MOVE, and what became of it. */
export function move(
  disk: Disk,
  nexus: Nexus,
  ask: {
    key: bigint;
    actionKey: bigint;
    to?: string;
    id?: Uint8Array;
    targetPort?: number;
    flags?: number;
  },
): string {
  const id = ask.id ?? encodeTransportId(ask.to ?? "");
  const list = new Uint8Array(24 + id.length);
  putBig64(list, 0, ask.key);
  putBig64(list, 8, ask.actionKey);
  list[17] = ask.flags ?? 0;
  list[19] = ask.targetPort ?? 1;
  list[23] = id.length;
  list.set(id, 24);
  return sendList(disk, nexus, { action: Out.REGISTER_AND_MOVE, list });
}

/** PERSISTENT RESERVE OUT with a parameter list of any length, and what became of it; tasks that are to be aborted are, and all is kept. */
export function sendList(
  disk: Disk,
  nexus: Nexus,
  ask: { action: number; list: Uint8Array; type?: number },
): string {
  const cdb = hex("5f 00 00 0000 00000000 00");
  cdb[1] = ask.action;
  cdb[2] = ask.type ?? 0;
  putU32(cdb, 5, ask.list.length);
  const plan = disk.plan(nexus, cdb);
  const next = plan.kind === "data-out" ? withData(plan, ask.list) : plan;
  return ended(next);
}

function ended(plan: Plan): string {
  if (plan.kind === "keep") return ended(plan.then(true));
  return plan.kind === "abort-tasks" ? "GOOD" : verdictOf(plan);
}

export function registered(
  nexuses: readonly Nexus[] = all,
  options: Partial<DiskOptions> = {},
): Disk {
  const disk = diskWith(options, [...all, dora]);
  for (const nexus of nexuses) {
    invariant(
      out(disk, nexus, { action: Out.REGISTER, actionKey: keyOf(nexus) }) ===
        "GOOD",
      "Cannot register",
    );
  }
  return disk;
}

/** 1, 2 and 3 for alice, bob and carol. */
export function keyOf(nexus: Nexus): bigint {
  return BigInt(nexus.id);
}

export function held(
  type: number,
  nexuses: readonly Nexus[] = all,
  options: Partial<DiskOptions> = {},
): Disk {
  const disk = registered(nexuses, options);
  invariant(
    out(disk, alice, { action: Out.RESERVE, key: 1n, type }) === "GOOD",
    "Cannot reserve",
  );
  return disk;
}

export function persistentIn(
  disk: Disk,
  action: number,
  nexus = dora,
): Uint8Array {
  const cdb = hex("5e 00 0000000000 ffff 00");
  cdb[1] = action;
  return dataOf(disk.plan(nexus, cdb));
}

/** The unit attentions that a nexus has waiting. */
export function attentions(disk: Disk, nexus: Nexus): string[] {
  const found: string[] = [];
  for (;;) {
    const sense = dataOf(disk.plan(nexus, hex("03 00 00 00 ff 00")));
    if ((sense[2]! & 0x0f) === 0) return found;
    found.push(verdictOf({
      kind: "answer",
      outcome: { status: 0x02, sense },
    }));
  }
}
