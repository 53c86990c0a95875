/**
 * Three writers of one place, in a store that replaces whatever is there: they are killed, stopped for a while, cut off, restarted, and take the
 * place from each other, and their puts and answers are on their way for as long as they may. An oracle sees what arrives.
 */
import { expect } from "expect";
import { toHex } from "../base/bytes.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { BucketError } from "./bucket.ts";
import { type Claiming, LANDING_MS } from "./bucket_lease.ts";
import { LeasedBucket } from "./leased_bucket.ts";
import { LEASE_NAME } from "./lease_object.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import { seeded, seededRandom } from "./testing/faults.ts";
import { PassingClock } from "./testing/passing_clock.ts";
import { type Fate, PlainStore, type Request } from "./testing/plain_store.ts";
import { WriterProcess } from "./testing/writer_process.ts";

const WRITERS = 3;
const STEPS = 120;
const SEEDS = Number(Deno.env.get("LEASE_SEEDS") ?? 40);

class World {
  readonly clock = new PassingClock();
  readonly store = new PlainStore(this.clock);
  readonly next: () => number;
  /** Of which it was said that they are created. */
  readonly created = new Map<string, string>();
  readonly #latestMs: number;
  readonly #processes: (WriterProcess | undefined)[] = [];
  readonly #cutOff = new Set<number>();
  readonly #random;

  constructor(seed: number, latestMs: number) {
    this.next = seeded(seed);
    this.#random = seededRandom(seed);
    this.#latestMs = latestMs;
  }

  async live(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      this.#event(Math.floor(this.next() * WRITERS));
      await this.clock.pass(this.next() * 8000);
    }
    for (const process of this.#processes) process?.goOn();
    this.#cutOff.clear();
    await this.clock.pass(2 * this.#latestMs);
    for (const process of this.#processes) process?.kill();
  }

  #event(writer: number): void {
    const process = this.#processes[writer];
    const chance = this.next();
    if (!process?.isAlive) {
      if (chance < 0.8) this.#start(writer, chance < 0.25 ? "take" : "open");
    } else if (chance < 0.06) process.kill();
    else if (chance < 0.14) process.stop();
    else if (chance < 0.3) process.goOn();
    else if (chance < 0.36) this.#cutOff.add(writer);
    else if (chance < 0.55) this.#cutOff.delete(writer);
    else if (chance < 0.6) process.end();
  }

  #start(writer: number, claiming: Claiming): void {
    const process = new WriterProcess(this.clock);
    this.#processes[writer] = process;
    const place = this.store
      .line(`${writer}`, (request) => this.#fate(writer, request));
    const { random } = this.#random;
    const primitives = { random, hash: systemPrimitives.hash };
    const options = { clock: process.clock, primitives, claiming };
    const leased = new LeasedBucket(process.reaches(place), options);
    const bucket = new RetryingBucket(leased, options);
    void process.run(async () => {
      for (let number = this.#highest;; number++) {
        const name = `d/${number}`;
        const bytes = random(8);
        const answer = await bucket.create(name, bytes);
        if (answer === "created") this.created.set(name, toHex(bytes));
        if (process.isEnding) break;
        await process.clock.sleep(this.next() * 1500);
      }
      await bucket.close();
    }).catch((thrown) => {
      if (!(thrown instanceof BucketError)) throw thrown;
      process.kill();
    });
  }

  /** Whoever opens a volume finds out how far it goes. */
  get #highest(): number {
    const numbers = this.store.landed
      .filter(({ name }) => name !== LEASE_NAME)
      .map(({ name }) => Number(name.slice(2)));
    return Math.max(1, ...numbers);
  }

  #fate(writer: number, { kind, name }: Request): Fate {
    const soonMs = this.next() * 200;
    const late = kind === "put" && name !== LEASE_NAME && this.next() < 0.2;
    const thereMs = late ? this.next() * this.#latestMs : soonMs;
    const backMs = this.next() < 0.1 ? this.next() * 8000 : soonMs;
    const isLost = this.#cutOff.has(writer) || this.next() < 0.05;
    const arrives = this.next() < 0.5;
    return isLost
      ? { thereMs: arrives ? thereMs : 1e9, givenUpMs: 2000 }
      : { thereMs, backMs };
  }

  /** Names under which more than one writer's bytes have arrived. */
  replaced(): string[] {
    const first = new Map<string, string>();
    const names = new Set<string>();
    for (const { name, bytes } of this.store.landed) {
      if (name === LEASE_NAME) continue;
      const hex = toHex(bytes);
      if ((first.get(name) ?? hex) !== hex) names.add(name);
      first.set(name, hex);
    }
    return [...names];
  }

  /** Of which was said that they are there, and which are not what was said. */
  async broken(): Promise<string[]> {
    const names = [];
    for (const [name, hex] of this.created) {
      const found = await this.store.objects.get(name);
      if (!found || toHex(found) !== hex) names.push(name);
    }
    return names;
  }
}

Deno.test("whatever befalls the writers of a place, what is created there stays, and no two ever put under one name", async () => {
  let created = 0;
  let writers = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(seed, LANDING_MS - 1);
    await world.live();
    expect({ seed, replaced: world.replaced() }).toEqual({
      seed,
      replaced: [],
    });
    expect({ seed, broken: await world.broken() }).toEqual({
      ...{ seed, broken: [] },
    });
    created += world.created.size;
    const objects = world.store.landed
      .filter(({ name }) => name !== LEASE_NAME);
    writers += new Set(objects.map(({ by }) => by)).size;
  }
  // They do write, and one after the other.
  expect(created).toBeGreaterThan(15 * SEEDS);
  expect(writers).toBeGreaterThan(1.5 * SEEDS);
});

Deno.test("where puts are on their way for longer than they may, the oracle sees what that does", async () => {
  let replaced = 0;
  for (let seed = 1; seed <= 40 && replaced === 0; seed++) {
    const world = new World(seed, 12 * LANDING_MS);
    await world.live();
    replaced += world.replaced().length;
  }
  expect(replaced).toBeGreaterThan(0);
});
