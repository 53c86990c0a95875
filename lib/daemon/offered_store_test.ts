import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { VaultError } from "../base/errors.ts";
import { openDisk, ScsiError } from "../initiator/disk.ts";
import {
  connectInitiator,
  type InitiatorOptions,
} from "../initiator/initiator.ts";
import { LoginFailure } from "../iscsi/login_failure.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectTcp, parseAddress } from "../os/tcp.ts";
import { FaultStore } from "../store/fault_store.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { ReadOnlyStore } from "../store/read_only_store.ts";
import type { Store } from "../store/store.ts";
import { ManualClock } from "../target/testing/fakes.ts";
import {
  type OfferedStore,
  offerStore,
  type OfferStoreOptions,
  type ServeOptions,
} from "./offered_store.ts";

const KIB = 1024;
const TARGET = "iqn.2026-11.internal.example:memory";
const ME = "iqn.2026-11.internal.example:me";
const ANY_PORT = { hostname: "127.0.0.1", port: 0 };
/** Of the device-specific parameter in a mode parameter header (SBC-3 section 6.4.1). */
const WRITE_PROTECT_BIT = 0x80;
const WRITE_PROTECTED = { key: 0x07, code: 0x2700 };

function offer(options: Partial<OfferStoreOptions> = {}): OfferedStore {
  const store = new MemoryStore(64 * KIB);
  return offerStore({ store, targetName: TARGET, ...options });
}

function login(
  offered: OfferedStore,
  options: Partial<InitiatorOptions> & { readonly serve?: ServeOptions } = {},
) {
  const { serve, ...rest } = options;
  const [near, far] = duplexPair();
  offered.serve(far, serve);
  return connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: ME,
    targetName: TARGET,
    ...rest,
  });
}

async function connectDiscovery(offered: OfferedStore) {
  const [near, duplex] = duplexPair();
  offered.serve(duplex);
  return await connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: ME,
  });
}

Deno.test("what is written to an offered store is in the store, and stays there", async () => {
  const store = new MemoryStore(64 * KIB);
  const offered = offer({ store });
  const session = await login(offered);
  const disk = await openDisk(session);
  expect(disk.capacity).toEqual({ blocks: 128, blockSizeBytes: 512 });
  const bytes = systemPrimitives.random(3 * 512);
  await disk.write(125, bytes);
  await disk.flush();
  expect(await disk.read(125, 3)).toEqual(bytes);
  await session.logout();
  await offered.close();
  const kept = new Uint8Array(3 * 512);
  await store.read(125 * 512, kept);
  expect(kept).toEqual(bytes);
});

Deno.test("a store that answers later is offered as well, in blocks of 4096", async () => {
  const store = new FaultStore(
    new MemoryStore(64 * KIB),
    () => ({ delay: Promise.resolve() }),
  );
  const offered = offer({ store, blockSizeBytes: 4096 });
  const session = await login(offered);
  const disk = await openDisk(session);
  expect(disk.capacity).toEqual({ blocks: 16, blockSizeBytes: 4096 });
  const bytes = systemPrimitives.random(16 * 4096);
  await disk.write(0, bytes);
  expect(await disk.read(0, 16)).toEqual(bytes);
  await session.logout();
  await offered.close();
});

Deno.test("it listens on loopback, tells where, and on nothing else unless told", async () => {
  const offered = offer();
  expect(() => offered.listen({ hostname: "0.0.0.0", port: 0 }))
    .toThrow("not a loopback address");
  const everywhere = { unsafeNonLoopback: true };
  offered.listen({ hostname: "0.0.0.0", port: 0 }, everywhere);
  const portal = offered.listen(ANY_PORT);
  const discovery = await connectInitiator({
    duplex: await connectTcp(parseAddress(portal)),
    primitives: systemPrimitives,
    initiatorName: ME,
  });
  const targets = await discovery.discover();
  expect(targets).toEqual([
    { name: TARGET, addresses: [{ ...parseAddress(portal), tag: 1 }] },
  ]);
  await discovery.logout();
  const session = await connectInitiator({
    duplex: await connectTcp(targets[0]!.addresses[0]!),
    primitives: systemPrimitives,
    initiatorName: ME,
    targetName: TARGET,
  });
  expect((await openDisk(session)).capacity.blocks).toBe(128);
  await session.logout();
  await offered.close();
  await expect(connectTcp(parseAddress(portal))).rejects.toThrow(VaultError);
});

Deno.test("a disk keeps its identity, or has the one that it is given", async () => {
  const page = async (offered: OfferedStore, code: number) => {
    const session = await login(offered);
    await openDisk(session);
    const cdb = Uint8Array.of(0x12, 1, code, 0, 255, 0);
    const result = await session.command({ lun: 0, cdb, dataInLength: 255 });
    await session.logout();
    await offered.close();
    return [...result.dataIn];
  };
  for (const code of [0x80, 0x83]) {
    const own = await page(offer(), code);
    expect(await page(offer(), code)).toEqual(own);
    const naa = "3123456789abcdef";
    const given = await page(offer({ serial: "ABC-1", naa }), code);
    expect(given).not.toEqual(own);
  }
  const serial = await page(offer({ serial: "ABC-1" }), 0x80);
  expect(serial.slice(4)).toEqual([...utf8("ABC-1")]);
});

Deno.test("nothing can be written to what is read-only: the store, the disk, the conversation", async () => {
  const readOnlyStore = new ReadOnlyStore(new MemoryStore(64 * KIB));
  const ways: [Partial<OfferStoreOptions>, ServeOptions][] = [
    [{ store: readOnlyStore }, {}],
    [{ readOnly: true }, {}],
    [{}, { readOnly: true }],
  ];
  for (const [options, serve] of ways) {
    const store: Store = options.store ?? new MemoryStore(64 * KIB);
    const offered = offer({ ...options, store });
    const session = await login(offered, { serve });
    const disk = await openDisk(session);
    const refused = await disk.write(0, new Uint8Array(512).fill(1))
      .catch((thrown) => thrown);
    expect(refused).toBeInstanceOf(ScsiError);
    expect(refused.sense).toEqual(WRITE_PROTECTED);
    expect(store.nextMapped(0)).toBeUndefined();
    const modeSense = Uint8Array.of(0x1a, 0x08, 0x3f, 0, 255, 0);
    const { dataIn } = await session.command({
      lun: 0,
      cdb: modeSense,
      dataInLength: 255,
    });
    expect(dataIn[2]! & WRITE_PROTECT_BIT).toBe(WRITE_PROTECT_BIT);
    await session.logout();
    await offered.close();
  }
  const fixed = offer({ store: readOnlyStore });
  await expect(fixed.resize(128 * KIB)).rejects.toThrow("read-only");
  await fixed.close();
});

Deno.test("a disk that grows or shrinks is seen by who is logged in", async () => {
  const store = new MemoryStore(64 * KIB);
  const offered = offer({ store });
  const session = await login(offered);
  const disk = await openDisk(session);
  for (const sizeBytes of [128 * KIB, 32 * KIB]) {
    await offered.resize(sizeBytes);
    expect(store.sizeBytes).toBe(sizeBytes);
    const told = await disk.read(0, 1).catch((thrown) => thrown);
    expect(told.sense).toEqual({ key: 0x06, code: 0x2a09 });
    await disk.refresh();
    expect(disk.capacity.blocks).toBe(sizeBytes / 512);
  }
  await expect(offered.resize(1000)).rejects.toThrow(VaultError);
  await session.logout();
  await offered.close();
});

Deno.test("with CHAP only those get in who know the secret", async () => {
  const user = { user: "me", secret: utf8("correct horse") };
  const mutual = { user: "disk", secret: utf8("battery staple") };
  const offered = offer({ chap: { users: [user], mutual } });
  const session = await login(offered, {
    chap: { initiator: user, target: mutual },
  });
  await session.logout();
  const wrong = { ...user, secret: utf8("wrong horse!!") };
  await expect(login(offered, { chap: { initiator: wrong } }))
    .rejects.toThrow(LoginFailure);
  await expect(login(offered)).rejects.toThrow(LoginFailure);
  await offered.close();
});

Deno.test("what makes no sense is not offered", () => {
  const secret = utf8("correct horse");
  const me = { user: "me", secret };
  const senseless: [Partial<OfferStoreOptions>, string][] = [
    [{ targetName: "" }, "iSCSI name"],
    [{ targetName: "iqn.2026-11.internal.example:a b" }, "iSCSI name"],
    [{ serial: "" }, "serial"],
    [{ naa: "5123456789abcdef" }, "NAA"],
    [{ store: new MemoryStore(0) }, "0 bytes"],
    [{ store: new MemoryStore(1000) }, "1000 bytes"],
    [{ store: new MemoryStore(512), blockSizeBytes: 4096 }, "512 bytes"],
    [{ chap: { users: [{ user: "me", secret: utf8("short") }] } }, "5 bytes"],
    [{ chap: { users: [{ user: "m e", secret }] } }, "CHAP user"],
    [{ chap: { users: Array(65).fill(me) } }, "at most 64"],
    [{ chap: { users: [me], mutual: { user: "d", secret } } }, "prove itself"],
  ];
  for (const [options, sentence] of senseless) {
    expect(() => offer(options)).toThrow(sentence);
    expect(() => offer(options)).toThrow(VaultError);
  }
});

Deno.test("closing waits for those who log out when asked, and cuts the rest", async () => {
  const offered = offer();
  const portal = offered.listen(ANY_PORT);
  const asked = Promise.withResolvers<void>();
  const polite = await login(offered, {
    onEvent: (event) => {
      if (event.kind === "async" && event.asyncEvent === 1) asked.resolve();
    },
  });
  const [, end] = duplexPair();
  let over = false;
  offered.serve(end).then(() => over = true);
  const waiting = await connectTcp(parseAddress(portal));
  const discovery = await connectDiscovery(offered);
  const closing = offered.close({ drainMs: 60_000 });
  await asked.promise;
  await polite.logout();
  await closing;
  expect(over).toBe(true);
  await discovery.closed;
  expect(await waiting.read().catch(() => undefined)).toBeUndefined();
  await offered.close();

  const other = offer();
  const stubborn = await login(other);
  await other.close({ drainMs: 0 });
  await stubborn.closed;
  const [, late] = duplexPair();
  await other.serve(late);
  await expect(late.read()).rejects.toThrow("offered no more");
  expect(() => other.listen(ANY_PORT)).toThrow("offered no more");
});

Deno.test("initiators have 10 s to log out unless told otherwise", async () => {
  const clock = new ManualClock();
  const offered = offer({ clock });
  const session = await login(offered);
  const closing = offered.close();
  clock.advance(9_999);
  expect(await session.nop(utf8("still here"))).toEqual(utf8("still here"));
  clock.advance(1);
  await closing;
  await session.closed;
});

Deno.test("a store that cannot be flushed is said so when the offer ends, with nothing left running", async () => {
  const store = new FaultStore(
    new MemoryStore(64 * KIB),
    ({ kind }) =>
      kind === "flush" ? { before: new Error("no power") } : undefined,
  );
  const offered = offer({ store });
  const session = await login(offered);
  await (await openDisk(session)).write(0, new Uint8Array(512));
  await expect(offered.close({ drainMs: 0 })).rejects.toThrow("no power");
  await session.closed;
});
