/**
 * Initiators of the node's own machine, as a holder: "this machine" holds a volume from the first login to the last logout, like a device that
 * writes. Who holds it already keeps it, and they are refused.
 */

import { toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Holder } from "../lease/holder.ts";
import type { Proof } from "../lease/proof.ts";
import type { Tenant } from "../target/entrance.ts";
import type { Target } from "../target/target.ts";
import type { LeaseKeeper } from "./lease_keeper.ts";
import { reasonWords, THIS_MACHINE } from "./lease_words.ts";
import type { Voice } from "./lease_voice.ts";
import type { Leases } from "./leases.ts";

type Answer = Proof | { readonly why: string };

/** From the first login to the last logout. */
interface Stay {
  readonly attachment: string;
  readonly voice: Voice;
  readonly answer: Promise<Answer>;
  sessions: number;
}

export class InHouse {
  readonly #leases: Leases;
  readonly #primitives: Primitives;
  readonly #stays = new Map<LeaseKeeper, Stay>();

  constructor(leases: Leases, primitives: Primitives) {
    this.#leases = leases;
    this.#primitives = primitives;
  }

  /** The lease under which a session of this machine may begin. */
  async enter(target: Target): Promise<Tenant | { readonly why: string }> {
    let keeper: LeaseKeeper;
    try {
      keeper = this.#leases.ofVolume(target.name);
    } catch (thrown) {
      // The target goes just now.
      if (thrown instanceof VaultError) return { why: thrown.message };
      throw thrown;
    }
    const stay = this.#stays.get(keeper) ?? this.#begin(keeper);
    stay.sessions++;
    const release = () => this.#leave(keeper, stay);
    const proof = await stay.answer;
    if (!("why" in proof)) return { proof, release };
    release();
    return proof;
  }

  #begin(keeper: LeaseKeeper): Stay {
    const attachment = toHex(this.#primitives.random(16));
    const answer = Promise.withResolvers<Answer>();
    const voice = this.#voice(keeper, answer.resolve);
    const stay = { attachment, voice, answer: answer.promise, sessions: 0 };
    this.#stays.set(keeper, stay);
    const ask = { device: THIS_MACHINE, attachment, mode: "write" as const };
    void keeper.ask(ask, { voice, boundMs: 0 });
    return stay;
  }

  #leave(keeper: LeaseKeeper, stay: Stay): void {
    if (--stay.sessions > 0) return;
    this.#forget(keeper, stay.voice);
    keeper.released(stay.attachment, stay.voice);
  }

  /** Whoever logs in next asks anew. */
  #forget(keeper: LeaseKeeper, voice: Voice): void {
    if (this.#stays.get(keeper)?.voice === voice) this.#stays.delete(keeper);
  }

  #voice(keeper: LeaseKeeper, answer: (answer: Answer) => void): Voice {
    let held: Holder | undefined;
    const voice: Voice = {
      gone: false,
      paused: false,
      granted: (holder) => {
        held = holder;
        const found = keeper.find(holder);
        answer(found?.proof ?? { why: "the lease has moved on" });
      },
      refused: (why) => {
        this.#forget(keeper, voice);
        if (why instanceof Error) return answer({ why: why.message });
        const [holder] = why.holders;
        const by = why.taker ?? holder?.device ?? "another";
        answer({ why: `${by} holds the volume` });
      },
      lost: (how) => {
        this.#forget(keeper, voice);
        answer({ why: how ? reasonWords(how) : "the lease has moved on" });
      },
      handOver: () => {
        if (held) keeper.requestLogout(held.attachment, voice);
      },
      keepIt: () => {},
      progress: () => {},
      over: () => {},
    };
    return voice;
  }
}
