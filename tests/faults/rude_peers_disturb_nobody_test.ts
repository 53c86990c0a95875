/** Thousands of idle connections, junk and half PDUs, before and after login: no crash, no growth, and the others go on. */
import { expect } from "expect";
import { type FoundDisk, onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { peakResidentBytes } from "../harness/proc_stat.ts";
import { qemuIoOk } from "../harness/qemu.ts";
import { pdu, RawConnection } from "../harness/raw_initiator.ts";
import { scenario } from "../harness/scenario.ts";
import { eventually } from "../harness/until.ts";
import { enrol, Machine, Tunnel } from "../harness/vault.ts";

const PEERS = ["linux", "iscsi-ls", "qemu-io", "qemu-iscsi"] as const;
const IDLE_CONNECTIONS = 3000;
/** With every place for a connection taken, and after as many floods as would show what one leaves behind. */
const LIMIT_BYTES = 200 * 1024 * 1024;
const FLOODS = 3;
const CLOSED_WITHIN_MS = 30_000;

async function expectUndisturbed(
  tunnel: Tunnel,
  disk: FoundDisk,
): Promise<void> {
  await qemuIoOk(disk.url, ["write -P 0x51 0 2M", "read -P 0x51 0 2M"]);
  for (const daemon of [tunnel.serve, tunnel.attach]) {
    expect(daemon.exited).toBe(undefined);
    const peak = peakResidentBytes(daemon.pid);
    expect([daemon.words, peak > LIMIT_BYTES ? peak : "bounded"])
      .toEqual([daemon.words, "bounded"]);
  }
}

for (const whose of ["serve", "the portal"] as const) {
  scenario(`thousands of idle connections to ${whose} disturb nobody`, {
    peers: PEERS,
    timeoutMs: 150_000,
  }, async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
    });
    const disk = await onlyDisk(tunnel.portal);
    for (let flood = 0; flood < FLOODS; flood++) {
      // A session from before goes on; others find a way in as soon as those who do not speak have been sent away.
      using before = await RawConnection.login(disk);
      using _idle = await floodWithIdle(
        whose === "serve" ? tunnel.servePort : tunnel.portalPort,
      );
      // NOP-Out that asks for an answer, section 11.18: the session lives.
      const ping = pdu({ opcode: 0x40, flags: 0x80 });
      ping.fill(0xff, 20, 24);
      ping[19] = 1;
      expect(await before.send(ping)).toBe(true);
      expect((await before.receive())[0]).toBe(0x20);
      await eventually("others get in", async () => {
        if (whose === "serve") {
          const desk = new Machine(tunnel.dir.at(`desk-${freePort()}`));
          await enrol({
            ...{ node: tunnel.node, device: desk },
            ...{ name: `desk-${freePort()}`, port: tunnel.servePort },
          });
        }
        await qemuIoOk(disk.url, ["write -P 0x50 0 2M", "read -P 0x50 0 2M"]);
      }, { timeoutMs: 60_000 });
      await expectUndisturbed(tunnel, disk);
    }
    await expectUndisturbed(tunnel, disk);
  });
}

/** Opens connections that say nothing, as many as are taken. */
async function floodWithIdle(port: number): Promise<Disposable> {
  const idle = new DisposableStack();
  for (let taken = 0; taken < IDLE_CONNECTIONS; taken++) {
    try {
      idle.use(await RawConnection.open(port));
    } catch {
      break; // Refused at the door: that is an answer, too.
    }
  }
  return idle;
}

scenario("junk and half messages before login end their own connection", {
  peers: PEERS,
  timeoutMs: 150_000,
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "32MiB" }],
  });
  const disk = await onlyDisk(tunnel.portal);
  const random = (length: number) =>
    crypto.getRandomValues(new Uint8Array(length));
  const junk: Record<string, Uint8Array> = {
    "random bytes": random(65536),
    "an HTTP request": new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    "half a TLS record": Uint8Array.of(0x16, 0x03, 0x01, 0x40, 0x00, 1, 2, 3),
    "half a basic header": random(47),
    "a login with a length beyond all limits": pdu({
      ...{ opcode: 0x43, flags: 0x87, announcedBytes: 0xffffff },
    }),
    "a login that goes on after its keys": pdu({
      ...{ opcode: 0x43, flags: 0x87, data: random(8000) },
    }),
    "a command before any login": pdu({ opcode: 0x01 }),
    "an opcode of the target's": pdu({ opcode: 0x23 }),
    "additional header segments without end": pdu({
      ...{ opcode: 0x43, flags: 0x87, totalAhsLength: 0xff },
    }),
  };
  const closing: Promise<void>[] = [];
  for (const port of [tunnel.servePort, tunnel.portalPort]) {
    for (const bytes of Object.values(junk)) {
      const connection = await RawConnection.open(port);
      await connection.send(bytes);
      closing.push(connection.expectClosed(CLOSED_WITHIN_MS));
    }
  }
  await expectUndisturbed(tunnel, disk);
  await Promise.all(closing);
  await expectUndisturbed(tunnel, disk);
});

scenario("junk and half messages after login end their own session at most", {
  peers: PEERS,
  timeoutMs: 150_000,
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "32MiB" }],
  });
  const disk = await onlyDisk(tunnel.portal);
  const random = (length: number) =>
    crypto.getRandomValues(new Uint8Array(length));
  // What is refused with an answer leaves the session open: then it is ended from here.
  const rude: readonly Uint8Array[] = [
    random(65536),
    pdu({ opcode: 0x1f }),
    pdu({ opcode: 0x05, data: random(512) }),
    pdu({ opcode: 0x01, announcedBytes: 0xffffff }),
    pdu({ opcode: 0x41, flags: 0xe0, data: random(512) }),
    pdu({ opcode: 0x40, data: random(4096), totalAhsLength: 0x40 }),
    pdu({ opcode: 0x43, flags: 0x87, data: random(100) }),
    pdu({ opcode: 0x01 }).subarray(0, 20),
    pdu({ opcode: 0x05, data: random(4096) }).subarray(0, 1000),
  ];
  for (const bytes of rude) {
    using connection = await RawConnection.login(disk);
    await connection.send(bytes);
    await qemuIoOk(disk.url, ["read -P 0 16M 64k"]);
  }
  // Nothing of it has been written anywhere.
  await qemuIoOk(disk.url, ["read -P 0 0 32M"]);
  await expectUndisturbed(tunnel, disk);
});
