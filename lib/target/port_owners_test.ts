/** Two devices whose initiators call themselves the same. */

import { expect } from "expect";
import { AUTHORIZATION_FAILURE } from "../iscsi/pdu/login_response.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10 } from "./testing/cdb.ts";
import { diskFixturesOf, DISKS_IQN } from "./testing/disks.ts";
import { fixturesOf, gate, IQN, pattern, settle } from "./testing/fixture.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";

const world = { clock: systemClock, primitives: systemPrimitives };
const fixture = fixturesOf(world);
const disksOf = diskFixturesOf(world);
const READY = new Uint8Array(16);
const PORT = { isid: new Uint8Array(6) };
const [WRITE, PERSISTENT_RESERVE_OUT] = [0x2a, 0x5f];
const [REGISTER, CLEAR] = [0, 3];
const LAPTOP = { device: "laptop" };
const CLONE = { device: "clone" };

/** The status of a PERSISTENT RESERVE OUT. */
async function reserveOut(
  initiator: RawInitiator,
  action: number,
  [key, actionKey]: readonly [number, number],
): Promise<number> {
  const cdb = cdb10(PERSISTENT_RESERVE_OUT, 0, 24);
  cdb[1] = action;
  const data = new Uint8Array(24);
  [data[7], data[15]] = [key, actionKey];
  return (await initiator.run({ cdb, write: 24, data })).status;
}

Deno.test("another device does not take the place of a session by calling itself the same", async () => {
  const { session, connect, complaints, targets } = fixture();
  const { initiator } = await session(LAPTOP);
  const clone = connect(CLONE);
  expect(await clone.initiator.login({ target: IQN, ...PORT }))
    .toBe(AUTHORIZATION_FAILURE);
  expect(complaints.at(-1)).toContain("laptop has a session");
  expect((await initiator.run({ cdb: READY })).status).toBe(0);
  // With a name or an ISID of its own it is welcome, and what was the laptop's is free when the laptop has gone.
  await session({ ...CLONE, n: 1 });
  await session({ ...LAPTOP, n: 1 }).then(
    () => expect("let in").toBe("refused"),
    ({ message }) => expect(message).toContain("202"),
  );
  await initiator.duplex.close();
  await until(() => targets.sessions().length === 1);
  await session(CLONE);
});

Deno.test("another device is refused also while the session that was before it is being replaced", async () => {
  const { session, connect, store, targets } = fixture();
  const old = await session(LAPTOP);
  const hold = gate();
  store.gate = hold.wait;
  const cdb = cdb10(WRITE, 0, 1);
  await old.initiator.command({ cdb, write: 512, data: pattern(512) });
  await settle();
  const again = session(LAPTOP);
  await old.initiator.closed();
  const clone = connect(CLONE).initiator.login({ target: IQN, ...PORT });
  hold.open();
  await again;
  expect(await clone).toBe(AUTHORIZATION_FAILURE);
  expect(targets.sessions().map(({ device }) => device)).toEqual(["laptop"]);
});

Deno.test("a registration stays its device's when the session has ended", async () => {
  const { session, target } = disksOf();
  const first = await session(LAPTOP);
  expect(await reserveOut(first.initiator, REGISTER, [0, 7])).toBe(0);
  await first.initiator.duplex.close();
  await first.served;
  await expect(session(CLONE)).rejects.toThrow("202");
  const { initiator, served } = await session(LAPTOP);
  expect(await reserveOut(initiator, CLEAR, [7, 0])).toBe(0);
  await initiator.duplex.close();
  await served;
  expect(target.sessions.size).toBe(0);
  const { initiator: clone } = await session(CLONE);
  expect(await reserveOut(clone, REGISTER, [0, 9])).toBe(0);
  expect(target.iqn).toBe(DISKS_IQN);
});

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10 && !holds(); i++) await settle();
  expect(holds()).toBe(true);
}
