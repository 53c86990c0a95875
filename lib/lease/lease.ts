/**
 * Who may use a volume: a machine without I/O. `step` takes what is and what happens, and gives what is then and what is to be done about it.
 * Whoever drives it keeps `state.kept` on stable storage before anything of a step is told or done, and drops the step where it cannot.
 *
 *     free ──ask──► held ──released, or lost──► leaving ──cleared──► free
 *                    │ ▲                          ▲   │
 *                    │ └──withdrawn── asking ─────┘   └──cleared, somebody takes it over──► held, by another
 *                    └──ask with take-over──►┘
 *
 * | happens | nobody holds | held by others | leaving | asking |
 * |---|---|---|---|---|
 * | ask | granted | refused; granted where they go together | wait | refused |
 * | ask, of who holds it | | granted as before | | granted, and asked to hand over |
 * | ask, of who has lost it | lost | lost | lost | lost |
 * | ask, of a device whose older attachment is not up | | the older loses it; wait | wait | refused |
 * | ask with take-over | granted | those that are gone lose it, the others are asked | the rest is asked | refused |
 * | ask with take-over, now | granted | all lose it | all lose it | refused |
 * | released | | leaving | | leaving |
 * | life: gone | | stays held | | who was asked loses it |
 * | bound over | | | | who was asked and holds it still, loses it |
 * | cleared | | | free, or granted to the taker where nobody else leaves | |
 * | withdrawn | | | nobody takes over | who was asked keeps it |
 * | revoked, ended | | those it concerns lose it | | those it concerns lose it |
 *
 * - One that writes holds it alone. Those that share go together, and so do those that read.
 * - A generation is given once, each is higher than all before, and one that has ended never holds again.
 * - Nobody is granted anything while something of a former holder may still reach the volume.
 */

import { invariant } from "../base/errors.ts";
import type { Ask, Effect, LeaseEvent } from "./event.ts";
import {
  goTogether,
  type Holder,
  type Holding,
  type KeptLease,
  type Life,
  MAX_HOLDERS,
  MAX_LOST,
  type Reason,
} from "./holder.ts";

export interface LeaseState {
  readonly kept: KeptLease;
  /** Of holders, by attachment. One that is not in it has not been heard of since the process began. */
  readonly lives: ReadonlyMap<
    string,
    { readonly life: Life; readonly since: number }
  >;
  /** Former holders of which something may still reach the volume. */
  readonly leaving: readonly Holder[];
  /** Who takes it over, and the attachments that were asked and hold it still. */
  readonly taker?: { readonly ask: Ask; readonly asked: readonly string[] };
}

export interface Step {
  readonly state: LeaseState;
  readonly effects: readonly Effect[];
}

/** The lease after a start of the process. */
export function leaseOf(kept: KeptLease): LeaseState {
  return { kept, lives: new Map(), leaving: [] };
}

/** All that hold it, as they are. */
export function holdingsOf(state: LeaseState): readonly Holding[] {
  return state.kept.holders.map((holder) => {
    const known = state.lives.get(holder.attachment);
    if (!known) return { ...holder, life: "gone" };
    return known.life === "gone"
      ? { ...holder, life: "gone", goneSince: known.since }
      : { ...holder, life: known.life };
  });
}

/** What comes of `event` at `at`, milliseconds since the epoch. */
export function step(state: LeaseState, event: LeaseEvent, at: number): Step {
  const work = new Work(state, at);
  work.take(event);
  return work.result();
}

class Work {
  readonly #at: number;
  readonly #effects: Effect[] = [];
  #state: LeaseState;

  constructor(state: LeaseState, at: number) {
    this.#state = state;
    this.#at = at;
  }

  result(): Step {
    return { state: this.#state, effects: this.#effects };
  }

  take(event: LeaseEvent): void {
    switch (event.kind) {
      case "ask":
        return this.#ask(event.ask);
      case "released":
        return this.#released(event.attachment);
      case "life":
        return this.#life(event.attachment, event.life);
      case "bound over":
        return this.#loseAll(this.#asked(), "late");
      case "cleared":
        return this.#cleared(event.generation);
      case "withdrawn":
        return this.#withdrawn(event.attachment);
      case "revoked":
        return this.#revoked(event.device);
      case "ended":
        this.#loseAll(this.#holders, event.reason);
        return this.#grantTaker();
    }
  }

  get #holders(): readonly Holder[] {
    return this.#state.kept.holders;
  }

  #ask(ask: Ask): void {
    const own = this.#holders.find(({ attachment }) =>
      attachment === ask.attachment
    );
    if (own?.device === ask.device && own.mode === ask.mode) {
      if (ask.generation === undefined || ask.generation === own.generation) {
        return this.#heldAlready(own);
      }
    }
    // Whoever held it, and does not any more, has to know before it goes on.
    if (ask.generation !== undefined || own) return this.#lostBefore(ask);
    const { taker } = this.#state;
    if (taker) return this.#refuse(taker.ask.device);
    const older = this.#holders.filter((holder) =>
      holder.device === ask.device && this.#lifeOf(holder) !== "up"
    );
    const others = this.#holders.filter((holder) => !older.includes(holder));
    const inTheWay = others.filter(({ mode }) => !goTogether(mode, ask.mode));
    if (inTheWay.length > 0 && !ask.takeOver) return this.#refuse();
    // A lost lease makes place, so that only those that go together are counted.
    if (inTheWay.length === 0 && others.length >= MAX_HOLDERS) {
      return this.#refuse();
    }
    this.#loseAll(older, "anew");
    if (inTheWay.length > 0) this.#takeOver(ask, inTheWay);
    else if (this.#state.leaving.length > 0) {
      this.#effects.push({ kind: "wait" });
    } else this.#grant(ask);
  }

  #heldAlready(holder: Holder): void {
    this.#setLife(holder.attachment, "up");
    this.#effects.push({ kind: "granted", holder, new: false });
    const { taker } = this.#state;
    if (taker?.asked.includes(holder.attachment)) {
      this.#effects.push({ kind: "hand over", holder, to: taker.ask.device });
    }
  }

  #lostBefore(ask: Ask): void {
    const how = this.#state.kept.lost.find(({ attachment, generation }) =>
      attachment === ask.attachment && generation === ask.generation
    );
    this.#effects.push({ kind: "lost", ...(how && { how }) });
  }

  #refuse(taker?: string): void {
    this.#effects.push({
      kind: "refused",
      holders: holdingsOf(this.#state),
      ...(taker === undefined ? {} : { taker }),
    });
  }

  #takeOver(ask: Ask, inTheWay: readonly Holder[]): void {
    const asked = ask.takeOver?.now
      ? []
      : inTheWay.filter((holder) => this.#lifeOf(holder) !== "gone");
    this.#state = {
      ...this.#state,
      taker: { ask, asked: asked.map(({ attachment }) => attachment) },
    };
    const reason = ask.takeOver?.now ? "taken" : "dead";
    this.#loseAll(inTheWay.filter((one) => !asked.includes(one)), reason);
    for (const holder of asked) {
      this.#effects.push({ kind: "hand over", holder, to: ask.device });
    }
  }

  #grant(ask: Ask): void {
    const { device, attachment, mode } = ask;
    const generation = this.#state.kept.lastGeneration + 1;
    invariant(Number.isSafeInteger(generation), "No generation is left");
    const holder = { device, attachment, mode, generation, since: this.#at };
    this.#keep({
      lastGeneration: generation,
      holders: [...this.#holders, holder],
    });
    this.#setLife(attachment, "up");
    this.#effects.push({ kind: "granted", holder, new: true });
  }

  #released(attachment: string): void {
    const holder = this.#find(attachment);
    if (!holder) return;
    const { taker } = this.#state;
    const handedTo = taker?.asked.includes(attachment)
      ? taker.ask.device
      : undefined;
    this.#leave(holder);
    this.#effects.push({
      kind: "clear",
      holder,
      ...(handedTo === undefined ? {} : { handedTo }),
    });
  }

  #life(attachment: string, life: Life): void {
    const holder = this.#find(attachment);
    if (!holder) return;
    this.#setLife(attachment, life);
    if (life !== "gone") return;
    if (this.#state.taker?.asked.includes(attachment)) {
      this.#loseAll([holder], "dead");
    }
  }

  #cleared(generation: number): void {
    const { leaving } = this.#state;
    this.#state = {
      ...this.#state,
      leaving: leaving.filter((holder) => holder.generation !== generation),
    };
    this.#grantTaker();
  }

  #grantTaker(): void {
    const { taker, leaving } = this.#state;
    if (!taker || taker.asked.length > 0 || leaving.length > 0) return;
    this.#forgetTaker();
    this.#grant(taker.ask);
  }

  #withdrawn(attachment: string): void {
    if (this.#state.taker?.ask.attachment !== attachment) return;
    const asked = this.#asked();
    this.#forgetTaker();
    for (const holder of asked) this.#effects.push({ kind: "keep it", holder });
  }

  #revoked(device: string): void {
    const { taker } = this.#state;
    if (taker?.ask.device === device) this.#withdrawn(taker.ask.attachment);
    const its = this.#holders.filter((holder) => holder.device === device);
    this.#loseAll(its, "revoked");
  }

  /** Those that were asked and hold it still. */
  #asked(): readonly Holder[] {
    const asked = this.#state.taker?.asked ?? [];
    return this.#holders.filter(({ attachment }) => asked.includes(attachment));
  }

  #loseAll(holders: readonly Holder[], reason: Reason): void {
    const by = reason === "anew"
      ? holders[0]?.device
      : reason === "taken" || reason === "late" || reason === "dead"
      ? this.#state.taker?.ask.device
      : undefined;
    for (const holder of holders) {
      const { device, attachment, generation } = holder;
      const lost = {
        ...{ device, attachment, generation, at: this.#at, reason },
        ...(by === undefined ? {} : { by }),
      };
      this.#leave(holder);
      this.#keep({ lost: [...this.#state.kept.lost, lost].slice(-MAX_LOST) });
      this.#effects.push({ kind: "clear", holder, lost });
    }
  }

  /** From now on the holder is none; what it has under way is to be cleared away. */
  #leave(holder: Holder): void {
    const { taker, lives, leaving } = this.#state;
    const { attachment } = holder;
    const rest = new Map(lives);
    rest.delete(attachment);
    this.#state = {
      ...this.#state,
      lives: rest,
      leaving: [...leaving, holder],
      ...(taker && {
        taker: {
          ...taker,
          asked: taker.asked.filter((asked) => asked !== attachment),
        },
      }),
    };
    this.#keep({ holders: this.#holders.filter((one) => one !== holder) });
  }

  #forgetTaker(): void {
    const { taker: _, ...rest } = this.#state;
    this.#state = rest;
  }

  #keep(changed: Partial<KeptLease>): void {
    this.#state = {
      ...this.#state,
      kept: { ...this.#state.kept, ...changed },
    };
  }

  #setLife(attachment: string, life: Life): void {
    if (this.#state.lives.get(attachment)?.life === life) return;
    const lives = new Map(this.#state.lives);
    lives.set(attachment, { life, since: this.#at });
    this.#state = { ...this.#state, lives };
  }

  #lifeOf({ attachment }: Holder): Life {
    return this.#state.lives.get(attachment)?.life ?? "gone";
  }

  #find(attachment: string): Holder | undefined {
    return this.#holders.find((holder) => holder.attachment === attachment);
  }
}
