/** kill -9 of serve at any moment: a reservation that was asked to be kept (APTPL) is there afterwards, the old one or the new one. */
import { expect } from "expect";
import { putBig64, putU32, u32 } from "../../lib/base/bytes.ts";
import { ConnectionLost } from "../../lib/base/errors.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { scenario } from "../harness/scenario.ts";
import { eventually, pause } from "../harness/until.ts";
import { startServe, Tunnel } from "../harness/vault.ts";

const ROUNDS = 6;
const APTPL = 0x01;
const REGISTER_AND_IGNORE = 0x06;
const RESERVE = 0x01;
const EXCLUSIVE_ACCESS = 0x03;
const GOOD = 0x00;
const RESERVATION_CONFLICT = 0x18;

/** Logs in as the same initiator port every time, and takes the unit attentions that wait. */
async function login(
  tunnel: Tunnel,
  who: { targetName: string; name: string },
): Promise<InitiatorSession> {
  const session = await connectInitiator({
    duplex: await connectTcp(parseAddress(tunnel.portal)),
    primitives: systemPrimitives,
    initiatorName: `iqn.2026-11.internal.vault:${who.name}`,
    targetName: who.targetName,
    isid: Uint8Array.of(0x80, 0, 0, 0, 0, 1),
  });
  for (let i = 0; i < 4; i++) {
    const ready = await session.command({ lun: 0, cdb: new Uint8Array(6) });
    if (ready.status === GOOD) break;
  }
  return session;
}

async function reserveOut(
  session: InitiatorSession,
  ask: { action: number; key?: bigint; actionKey?: bigint; type?: number },
): Promise<number> {
  const cdb = Uint8Array.of(0x5f, ask.action, ask.type ?? 0, 0, 0, 0, 0, 0, 24);
  const dataOut = new Uint8Array(24);
  putBig64(dataOut, 0, ask.key ?? 0n);
  putBig64(dataOut, 8, ask.actionKey ?? 0n);
  dataOut[20] = APTPL;
  return (await session.command({ lun: 0, cdb, dataOut })).status;
}

/** READ KEYS: the last 32 bits of each. */
async function keys(session: InitiatorSession): Promise<number[]> {
  const cdb = Uint8Array.of(0x5e, 0, 0, 0, 0, 0, 0, 1, 0);
  const { dataIn } = await session.command({ lun: 0, cdb, dataInLength: 256 });
  const found: number[] = [];
  for (let at = 12; at < dataIn.length; at += 8) found.push(u32(dataIn, at));
  return found;
}

async function write(session: InitiatorSession): Promise<number> {
  const cdb = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 1);
  putU32(cdb, 2, 7);
  const dataOut = new Uint8Array(512);
  return (await session.command({ lun: 0, cdb, dataOut })).status;
}

scenario("a kept reservation survives kill -9 of serve at any moment", {
  peers: ["iscsi-ls"],
  timeoutMs: 120_000,
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "16MiB" }],
  });
  const targetName = (await onlyDisk(tunnel.portal)).iqn;
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const session = await eventually(
      "the target is back",
      () => login(tunnel, { targetName, name: "holder" }),
      { timeoutMs: 40_000 },
    );
    const [key = 0] = await keys(session);
    // Acknowledged, or what was under way when serve died.
    expect([acknowledged, acknowledged + 1]).toContain(key);
    acknowledged = key;
    if (round === 0) {
      const action = REGISTER_AND_IGNORE;
      expect(await reserveOut(session, { action, actionKey: 1n })).toBe(GOOD);
      const ask = { action: RESERVE, key: 1n, type: EXCLUSIVE_ACCESS };
      expect(await reserveOut(session, ask)).toBe(GOOD);
      acknowledged = 1;
    }
    const other = await login(tunnel, { targetName, name: "other" });
    expect(await write(session)).toBe(GOOD);
    expect(await write(other)).toBe(RESERVATION_CONFLICT);
    const registering = (async () => {
      for (;;) {
        const actionKey = BigInt(acknowledged + 1);
        const action = REGISTER_AND_IGNORE;
        expect(await reserveOut(session, { action, actionKey })).toBe(GOOD);
        acknowledged++;
      }
    })().catch((thrown) => {
      if (!(thrown instanceof ConnectionLost)) throw thrown;
    });
    await pause(20 + Math.random() * 200);
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    // Until then the initiators wait; the node that comes back knows nothing of their sessions.
    await registering;
    other.abort();
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS);
});
