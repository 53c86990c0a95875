/**
 * Three devices and one volume in virtual time: links are cut, resumed and lost, attachments come, hand over, are fenced, are killed and come
 * again, the node is killed and its disk is full, while all who may write and read do. Never two writers, everything exactly once, nothing
 * older than what was acknowledged, and nothing that grows. A seed makes the whole run; a failure names it.
 *
 *     LEASE_SEEDS=5000 deno test -A tests/simulation/writers_take_turns_test.ts      as many seeds
 *     LEASE_SEED=4711 deno test -A tests/simulation/writers_take_turns_test.ts       that one
 */

import { expect } from "expect";
import { MODES } from "../../lib/lease/holder.ts";
import { KEPT_BYTES, ROOM_BYTES } from "../../tunnel/sender.ts";
import { settled, TestClock } from "../../tunnel/testing/clock.ts";
import { dice } from "./dice.ts";
import { LeaseDevice } from "./lease_device.ts";
import { LeaseNode } from "./lease_node.ts";

const SEEDS = Number(Deno.env.get("LEASE_SEEDS") ?? 40);
const ONE = Deno.env.get("LEASE_SEED");
const STEPS = 150;
const NAMES = ["laptop", "desktop", "office"];

/** Timers that all of them may have at once, in the end: pings, windows, bounds. */
const MAX_TIMERS = 200;

class World {
  readonly clock = new TestClock();
  readonly roll: (below: number) => number;
  readonly node: LeaseNode;
  readonly devices: readonly LeaseDevice[];

  constructor(seed: number) {
    const roll = this.roll = dice(seed);
    const { clock } = this;
    const node = this.node = new LeaseNode(clock, roll);
    this.devices = NAMES.map((name) =>
      new LeaseDevice(name, { node, clock, roll })
    );
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      this.#check();
    }
    await this.#end();
  }

  async #step(): Promise<void> {
    const { roll, node, clock } = this;
    const device = this.devices[roll(this.devices.length)]!;
    const what = roll(100);
    device.dial();
    if (what < 12) this.#attach(device);
    else if (what < 42) device.write();
    else if (what < 54) device.read();
    else if (what < 60) device.cut();
    else if (what < 72) device.reconnect();
    else if (what < 74) device.kill();
    else if (what < 76) void device.detach();
    else if (what === 76) node.crash();
    else if (what === 77) void node.keeper.end("operator").catch(() => {});
    else if (what === 78) node.full = !node.full && roll(2) === 0;
    else if (what === 79) node.keeper.revoked(device.name);
    else await clock.pass(roll(what < 97 ? 2000 : 60_000));
    await settled(1 + roll(2));
  }

  #attach(device: LeaseDevice): void {
    const { roll } = this;
    const how = roll(4);
    const mode = MODES[roll(4) === 0 ? roll(3) : 0]!;
    if (how === 0) return device.attach(mode);
    device.attach(mode, { boundMs: roll(20_000), now: how === 1 });
  }

  #check(): void {
    const { oracle } = this.node;
    for (const fault of oracle.faults) throw new Error(fault);
    for (const { pair } of this.devices) {
      for (const end of [pair?.device, pair?.node]) {
        const kept = end?.keptBytes ?? 0;
        if (kept > KEPT_BYTES + 2 * ROOM_BYTES) {
          throw new Error(`${kept} bytes are kept`);
        }
      }
    }
    if (this.clock.timers > MAX_TIMERS) {
      throw new Error(`${this.clock.timers} timers`);
    }
  }

  /** Everything is well again: whoever wants the volume gets it, and writes. */
  async #end(): Promise<void> {
    const { node, clock, devices } = this;
    node.full = false;
    for (const device of devices) device.reconnect();
    await clock.pass(5000);
    const [first] = devices;
    first!.kill();
    first!.dial();
    await clock.pass(40_000);
    first!.attach("write", { boundMs: 10_000, now: false });
    await clock.pass(30_000);
    expect(node.keeper.holdings.map(({ device, life }) => [device, life]))
      .toEqual([[first!.name, "up"]]);
    const before = node.oracle.changes;
    first!.write();
    await clock.pass(10_000);
    expect(node.oracle.changes).toBeGreaterThan(before);
    expect(node.sessions).toBe(1);
    this.#check();
    for (const device of devices) device.kill();
    await clock.pass(200_000);
    this.#check();
  }
}

Deno.test("three devices that take a volume over from each other, over links that come and go, never write to it two at a time", async () => {
  const seeds = ONE === undefined
    ? Array.from({ length: SEEDS }, (_, at) => at + 1)
    : [Number(ONE)];
  const sum = { granted: 0, fenced: 0, handedOver: 0, refused: 0, changes: 0 };
  for (const seed of seeds) {
    const world = new World(seed);
    try {
      await world.run();
    } catch (cause) {
      throw new Error(`LEASE_SEED=${seed}: ${cause}`, { cause });
    }
    for (const { counts } of world.devices) {
      sum.granted += counts.granted;
      sum.fenced += counts.fenced;
      sum.handedOver += counts.handedOver;
      sum.refused += counts.refused;
    }
    sum.changes += world.node.oracle.changes;
  }
  // A world in which nothing happens proves nothing.
  if (ONE === undefined) {
    for (const [what, count] of Object.entries(sum)) {
      expect([what, count >= seeds.length / 20]).toEqual([what, true]);
    }
  }
});
