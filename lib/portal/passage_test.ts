import { expect } from "expect";
import { concat, putU32 } from "../base/bytes.ts";
import type { Duplex } from "../base/duplex.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { ConnectionLost } from "../base/errors.ts";
import { NO_DIGESTS, pduLength } from "../iscsi/layout.ts";
import {
  DATA_OUT,
  IMMEDIATE_BIT,
  LOGIN_REQUEST,
  LOGIN_RESPONSE,
  NOP_IN,
  NOP_OUT,
  OPCODE_MASK,
} from "../iscsi/pdu/opcode.ts";
import { MAX_HELD_BYTES, Passage } from "./passage.ts";
import { relay } from "./relay.ts";

/** A target that takes nothing until it is told to, and then what it was given. */
class Stuck implements Duplex {
  taken: Uint8Array[] = [];
  readonly #given: (() => void)[] = [];
  readonly #lost: ((reason: Error) => void)[] = [];
  closed = false;
  constructor(readonly read: () => Promise<Uint8Array | undefined>) {}
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#lost.push(reject);
      this.#given.push(() => {
        // Only now: whoever lent it may not have changed it.
        this.taken.push(bytes.slice());
        resolve();
      });
    });
  }
  take(count = Infinity): void {
    for (const take of this.#given.splice(0, count)) take();
  }
  lose(): void {
    for (const lose of this.#lost) lose(new ConnectionLost("cut"));
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
  abort(): void {}
}

const never = () => new Promise<undefined>(() => {});

function pdu(opcode: number, flags = 0x80, data = new Uint8Array(0)) {
  const bytes = new Uint8Array(pduLength(data.length, NO_DIGESTS));
  bytes[0] = opcode;
  bytes[1] = flags;
  putU32(bytes, 4, data.length);
  putU32(bytes, 16, 7);
  putU32(bytes, 20, 0xffff_ffff);
  bytes.set(data, 48);
  return bytes;
}

Deno.test("pings are answered while the target takes nothing, and nothing of what was held is lost", async () => {
  const [initiator, left] = duplexPair();
  const responses = [pdu(LOGIN_RESPONSE, 0x87)];
  const target: Stuck = new Stuck(async () => {
    while (target.taken.length === 0) await Promise.resolve();
    return responses.pop() ?? never();
  });
  const done = relay({ initiator: left, target, answerPings: true });
  const login = pdu(LOGIN_REQUEST, 0x87);
  await initiator.write(login);
  await Promise.resolve();
  target.take();
  expect((await initiator.read())?.[0]).toBe(LOGIN_RESPONSE);
  const written: Uint8Array[] = [login];
  for (let n = 0; n < 60; n++) {
    const data = pdu(DATA_OUT, 0, new Uint8Array(65_536).fill(n));
    written.push(data);
    await initiator.write(data);
    await initiator.write(pdu(NOP_OUT | IMMEDIATE_BIT));
    expect((await initiator.read())![0]! & OPCODE_MASK).toBe(NOP_IN);
  }
  await initiator.close();
  target.take();
  for (let n = 0; n < 100 && !target.closed; n++) await Promise.resolve();
  target.take();
  expect(concat(target.taken)).toEqual(concat(written));
  left.abort();
  void done.catch(() => {});
});

Deno.test("no more is held than the bound and one run", async () => {
  const target = new Stuck(never);
  const passage = new Passage(target);
  const run = new Uint8Array(1 << 20);
  let wait: Promise<void> | undefined;
  let passed = 0;
  while (!wait) {
    wait = passage.pass(run);
    passed += run.length;
  }
  expect(passed).toBe(MAX_HELD_BYTES + run.length);
  expect(passage.heldBytes).toBe(passed);
  target.take(1);
  await wait;
  target.take();
  await passage.close();
  expect(passage.heldBytes).toBe(0);
});

Deno.test("what a write meets is told to whoever passes or waits next", async () => {
  const target = new Stuck(never);
  const passage = new Passage(target);
  let wait: Promise<void> | undefined;
  while (!wait) wait = passage.pass(new Uint8Array(1 << 22));
  target.lose();
  await expect(wait).rejects.toThrow("cut");
  expect(() => passage.pass(new Uint8Array(1))).toThrow("cut");
  await expect(passage.close()).rejects.toThrow("cut");
});

Deno.test("a run that the target does not take at once is copied, and one that it takes is not", () => {
  const given: Uint8Array[] = [];
  const target = new Stuck(never);
  let room = 10;
  const passage = new Passage(Object.assign(target, {
    takes: (bytes: number) => bytes <= room,
    write: (bytes: Uint8Array) => {
      given.push(bytes);
      return Promise.resolve();
    },
  }));
  const run = new Uint8Array(10);
  passage.pass(run);
  room = 0;
  passage.pass(run);
  expect(given.map((bytes) => bytes === run)).toEqual([true, false]);
});
