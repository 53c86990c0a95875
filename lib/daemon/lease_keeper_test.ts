/** The order of what a keeper does: stored before it is told, cleared away before the next one is let in. */
import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { silent } from "../base/log.ts";
import { type KeptLease, NEVER_HELD } from "../lease/holder.ts";
import type { Proof } from "../lease/proof.ts";
import { settled, TestClock } from "../../tunnel/testing/clock.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import { withoutLost } from "./leases.ts";
import type { Voice } from "./lease_voice.ts";

/** A keeper of which everything that it does is written down in its order. */
class Scene {
  readonly done: string[] = [];
  readonly clock = new TestClock();
  readonly proofs: Proof[] = [];
  readonly keeper: LeaseKeeper;
  /** Why nothing can be stored. */
  full: string | undefined;
  /** Lets what is cleared away be gone. */
  cleared = Promise.withResolvers<void>();

  constructor(kept: KeptLease = NEVER_HELD) {
    this.keeper = new LeaseKeeper({
      kept,
      clock: this.clock,
      log: silent,
      audit: ({ kind, device }) => this.done.push(`audit: ${kind} ${device}`),
      place: {
        name: "db",
        keep: ({ holders, lastGeneration }) => {
          if (this.full !== undefined) throw new Error(this.full);
          const names = holders.map(({ device }) => device).join("+");
          this.done.push(`kept: ${names || "nobody"} ${lastGeneration}`);
        },
        clear: (proof) => {
          this.done.push(`clear ${proof.generation}, held: ${proof.held}`);
          return this.cleared.promise;
        },
        requestLogout: (proof, seconds) =>
          this.done.push(`logout ${proof.generation} in ${seconds}`),
      },
    });
  }

  /** What has been done since the last time. */
  take(): string[] {
    return this.done.splice(0);
  }

  voice(name: string): Voice & { gone: boolean; paused: boolean } {
    const say = (what: string) => void this.done.push(`${name}: ${what}`);
    return {
      gone: false,
      paused: false,
      granted: ({ generation }) => say(`granted ${generation}`),
      refused: (why) =>
        say(why instanceof VaultError ? why.message : "refused"),
      lost: (how) => say(`lost ${how?.reason}`),
      handOver: (to, boundMs) => say(`hand over to ${to} in ${boundMs}`),
      keepIt: () => say("keep it"),
      progress: () => {},
      over: () => say("over"),
    };
  }

  async ask(
    device: string,
    more: {
      now?: boolean;
      boundMs?: number;
      generation?: number;
      attachment?: string;
    } = {},
  ) {
    const voice = this.voice(device);
    const { now, boundMs = 0, generation, attachment = device } = more;
    void this.keeper.ask({
      ...{ device, attachment },
      mode: "write",
      ...(generation === undefined ? {} : { generation }),
      ...(now === undefined ? {} : { takeOver: { now } }),
    }, { voice, boundMs });
    await settled();
    return voice;
  }
}

Deno.test("a lease is stored before it is granted, and a fence before it is told; the next comes when all is cleared", async () => {
  const scene = new Scene();
  await scene.ask("laptop");
  expect(scene.take()).toEqual([
    "kept: laptop 1",
    "audit: lease granted laptop",
    "laptop: granted 1",
  ]);
  await scene.ask("desktop", { now: true });
  expect(scene.take()).toEqual([
    "kept: nobody 1",
    "audit: fenced laptop",
    "laptop: lost taken",
    "clear 1, held: false",
  ]);
  // Whatever the fenced one has under way may take its time.
  await scene.clock.pass(60_000);
  expect(scene.take()).toEqual([]);
  scene.cleared.resolve();
  await settled();
  expect(scene.take()).toEqual([
    "kept: desktop 2",
    "audit: lease granted desktop",
    "desktop: granted 2",
  ]);
});

Deno.test("whoever is asked has the bound, and what it releases is over when it is cleared", async () => {
  const scene = new Scene();
  const laptop = await scene.ask("laptop");
  await scene.ask("desktop", { now: false, boundMs: 5000 });
  await scene.clock.pass(2000);
  scene.keeper.requestLogout("laptop", laptop);
  await scene.ask("laptop", { generation: 1 });
  // After the first grant.
  expect(scene.take().slice(3)).toEqual([
    "audit: handover asked laptop",
    "laptop: hand over to desktop in 5000",
    "logout 1 in 3",
    "laptop: over",
    "laptop: granted 1",
    "audit: handover asked laptop",
    "laptop: hand over to desktop in 3000",
  ]);
  await scene.clock.pass(2999);
  expect(scene.take()).toEqual([]);
  await scene.clock.pass(1);
  expect(scene.take()).toEqual([
    "kept: nobody 1",
    "audit: fenced laptop",
    "laptop: lost late",
    "clear 1, held: false",
  ]);
  scene.cleared.reject(new Error("EIO"));
  await settled();
  expect(scene.take().at(-1)).toBe("desktop: granted 2");
  expect(scene.clock.timers).toBe(0);
});

Deno.test("what cannot be stored has not happened", async () => {
  const scene = new Scene();
  scene.full = "no room";
  const sorry = 'The node cannot keep the lease of "db": no room';
  await scene.ask("laptop");
  expect(scene.take()).toEqual([`laptop: ${sorry}`]);
  scene.full = undefined;
  await scene.ask("laptop");
  scene.take();
  const holder = {
    device: "laptop",
    attachment: "laptop",
    generation: 1,
  };
  scene.full = "no room";
  await scene.ask("desktop", { now: true });
  expect(scene.take()).toEqual([`desktop: ${sorry}`]);
  await expect(scene.keeper.end("operator")).rejects.toThrow(sorry);
  // Nor does the bound end anything.
  scene.full = undefined;
  await scene.ask("desktop", { now: false, boundMs: 1000 });
  scene.take();
  scene.full = "no room";
  await scene.clock.pass(1000);
  expect(scene.take()).toEqual(["laptop: keep it", `desktop: ${sorry}`]);
  expect(scene.keeper.find(holder)?.proof.held).toBe(true);
  // Fenced, but the next holder cannot be stored: nobody has it.
  scene.full = undefined;
  await scene.ask("desktop", { now: true });
  scene.take();
  scene.full = "no room";
  scene.cleared.resolve();
  await settled();
  expect(scene.take()).toEqual([`desktop: ${sorry}`]);
  expect(scene.keeper.holdings).toEqual([]);
});

Deno.test("nobody is fenced for one that is not there when the bound is over", async () => {
  const scene = new Scene();
  await scene.ask("laptop");
  const desktop = await scene.ask("desktop", { now: false, boundMs: 1000 });
  scene.take();
  desktop.paused = true;
  await scene.clock.pass(1000);
  expect(scene.take()).toEqual([
    "laptop: keep it",
    expect.stringContaining("desktop: Your connection was lost"),
  ]);
  expect(scene.keeper.holdings).toMatchObject([{ device: "laptop" }]);
});

Deno.test("a taker that was killed and started again takes the place of what it left behind", async () => {
  const scene = new Scene();
  await scene.ask("laptop");
  const first = await scene.ask("desktop", { now: false, boundMs: 60_000 });
  const told = () => scene.take().filter((line) => !line.startsWith("audit: "));
  told();
  // As long as it is heard of, it is another's.
  const again = () =>
    scene.ask("desktop", {
      ...{ now: false, boundMs: 5000, attachment: "desktop anew" },
    });
  await again();
  expect(told()).toEqual(["desktop: refused"]);
  first.paused = true;
  await again();
  expect(told()).toEqual([
    "laptop: keep it",
    expect.stringContaining("desktop: Your connection was lost"),
    "laptop: hand over to desktop in 5000",
  ]);
});

Deno.test("whoever has gone while it waited is granted nothing", async () => {
  const scene = new Scene();
  const laptop = await scene.ask("laptop");
  scene.keeper.released("laptop", laptop);
  const desktop = await scene.ask("desktop");
  const phone = await scene.ask("phone");
  scene.take();
  desktop.gone = true;
  scene.keeper.life("desktop", desktop, "gone");
  scene.cleared.resolve();
  await settled();
  expect(scene.take()).toEqual([
    "laptop: over",
    "kept: phone 2",
    "audit: lease granted phone",
    "phone: granted 2",
  ]);
  expect(phone.gone).toBe(false);
});

Deno.test("an older voice of an attachment neither releases it nor says that it is gone", async () => {
  const scene = new Scene();
  const first = await scene.ask("laptop");
  await scene.ask("laptop", { generation: 1 });
  scene.take();
  scene.keeper.life("laptop", first, "gone");
  scene.keeper.released("laptop", first);
  scene.keeper.requestLogout("laptop", first);
  expect(scene.take()).toEqual([]);
  expect(scene.keeper.holdings[0]?.life).toBe("up");
});

Deno.test("with the process go sessions of its own machine, and those whose device was revoked meanwhile", () => {
  const holders = ["laptop", "this machine", "thief"].map((device, n) => ({
    ...{ device, attachment: device, generation: n + 1, since: 0 },
    mode: "shared" as const,
  }));
  const kept = { ...NEVER_HELD, lastGeneration: 3, holders };
  const left = withoutLost(kept, (device) => device !== "thief");
  expect(left.holders.map(({ device }) => device)).toEqual(["laptop"]);
  expect(left.lastGeneration).toBe(3);
});
