/** A target with one fake volume, and as many connections to it as a test asks for. */

import type { Clock } from "../../base/clock.ts";
import { duplexPair } from "../../base/duplex_pair.ts";
import type { Log } from "../../base/log.ts";
import type { Primitives } from "../../base/primitives.ts";
import { type ConnectionOptions, serveConnection } from "../connection.ts";
import { type FakeStore, type FakeUnit, fakeVolume } from "./fakes.ts";
import type { Limits } from "../limits.ts";
import { INITIATOR, RawInitiator } from "./raw_initiator.ts";
import type { Target } from "../target.ts";
import { Targets } from "../targets.ts";
import type { Volume } from "../volume.ts";

export const IQN = "iqn.2026-01.example:disk";

export interface Fixture {
  readonly targets: Targets;
  readonly target: Target;
  readonly volume: Volume;
  readonly store: FakeStore;
  readonly unit: FakeUnit;
  /** Warnings and errors of the log. */
  readonly complaints: string[];
  /** A new connection; `served` resolves when the target is done with it. */
  connect(
    options?: Partial<ConnectionOptions> & {
      chunkBytes?: number;
      windowBytes?: number;
    },
  ): { initiator: RawInitiator; served: Promise<void> };
  /** A connection that has logged in. `n` makes its initiator port unlike others. */
  session(
    options?: Partial<ConnectionOptions> & {
      n?: number;
      keys?: Record<string, string>;
      chunkBytes?: number;
      windowBytes?: number;
    },
  ): Promise<{ initiator: RawInitiator; served: Promise<void> }>;
}

export interface FixtureOptions {
  readonly sizeBytes?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
}

/** What makes fixtures of the world that a test gives it. */
export function fixturesOf(
  world: { readonly clock: Clock; readonly primitives: Primitives },
): (options?: FixtureOptions) => Fixture {
  return (options = {}) =>
    makeFixture(world.primitives, {
      clock: world.clock,
      ...options,
    });
}

function makeFixture(
  primitives: Primitives,
  options: FixtureOptions & { readonly clock: Clock },
): Fixture {
  const { clock } = options;
  const complaints: string[] = [];
  const log: Log = {
    debug() {},
    info() {},
    warn: (message) => complaints.push(message),
    error: (message) => complaints.push(message),
  };
  const { volume, store, unit } = fakeVolume({
    sizeBytes: options.sizeBytes ?? 1024 * 1024,
    clock,
  });
  const targets = new Targets({ clock, log, limits: options.limits ?? {} });
  const target = targets.add({
    iqn: IQN,
    name: "disk",
    units: new Map([[0, volume]]),
  });
  const connect: Fixture["connect"] = (more = {}) => {
    const [ours, theirs] = duplexPair({
      chunkBytes: more.chunkBytes ?? Number.MAX_SAFE_INTEGER,
      windowBytes: more.windowBytes ?? 1024 * 1024,
    });
    const served = serveConnection(theirs, {
      targets,
      targetAddress: "127.0.0.1:3260",
      device: "laptop",
      clock,
      primitives,
      log,
      ...more,
    });
    return { initiator: new RawInitiator(ours), served };
  };
  const session: Fixture["session"] = async (more = {}) => {
    const connection = connect(more);
    const status = await connection.initiator.login({
      target: IQN,
      initiator: INITIATOR,
      isid: Uint8Array.of(0, 0, 0, 0, 0, more.n ?? 0),
      keys: more.keys ?? {},
    });
    if (status !== 0) throw new Error(`Login status ${status.toString(16)}`);
    return connection;
  };
  return { targets, target, volume, store, unit, complaints, connect, session };
}

/** Lets everything that can go on without a timer go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

/** A promise that stands until it is opened. */
export function gate(): { wait: () => Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { wait: () => opened, open };
}

/** `length` bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from(
    { length },
    (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff,
  );
}
