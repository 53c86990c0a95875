/**
 * Keeps the lease of one volume: drives its machine (`lib/lease`), stores what comes of each step before anything of it is told or done, and
 * ends what former holders have under way before the next one is let in.
 */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Ask, Effect, LeaseEvent } from "../lease/event.ts";
import type {
  Holder,
  Holding,
  KeptLease,
  Life,
  Reason,
} from "../lease/holder.ts";
import { holdingsOf, leaseOf, type LeaseState, step } from "../lease/lease.ts";
import { Proof } from "../lease/proof.ts";
import { auditOf } from "./lease_audit.ts";
import { DETACH_MS } from "./lease_lines.ts";
import type { LeasePlace, Voice } from "./lease_voice.ts";
import { progressOf, reasonWords } from "./lease_words.ts";
import { absent, TakeOver } from "./take_over.ts";

export interface LeaseKeeperOptions {
  readonly place: LeasePlace;
  readonly kept: KeptLease;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** Who asks just now. */
interface Asking {
  readonly ask: Ask;
  readonly voice: Voice;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #proofs = new Map<number, Proof>();
  /** Of holders that are there, by attachment. */
  readonly #voices = new Map<string, Voice>();
  readonly #clearing = new Set<Promise<void>>();
  #state: LeaseState;
  #takeOver: TakeOver | undefined;
  #forgotten = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#state = leaseOf(options.kept);
    for (const { generation } of options.kept.holders) {
      this.#proofs.set(generation, new Proof(generation));
    }
  }

  get holdings(): readonly Holding[] {
    return holdingsOf(this.#state);
  }

  /** What a session of that attachment proves, and how it may use the volume; undefined where it does not hold the lease. */
  find(
    who: Pick<Holder, "device" | "attachment" | "generation">,
  ): { readonly holder: Holder; readonly proof: Proof } | undefined {
    const holder = this.#state.kept.holders.find((one) =>
      one.generation === who.generation &&
      one.attachment === who.attachment && one.device === who.device
    );
    const proof = this.#proofs.get(who.generation);
    return holder && proof ? { holder, proof } : undefined;
  }

  /** Asks for `voice`, which is told what comes of it; at the latest when a take-over is over. */
  async ask(
    ask: Ask,
    { voice, boundMs }: { readonly voice: Voice; readonly boundMs: number },
  ): Promise<void> {
    while (!voice.gone) {
      if (this.#forgotten) return voice.refused(this.#notThere());
      this.#replaceTaker(ask);
      let effects: readonly Effect[];
      try {
        effects = this.#step({ kind: "ask", ask }, (state) => {
          if (state.taker?.ask !== ask) return;
          this.#takeOver = new TakeOver({
            ...{ attachment: ask.attachment, voice, boundMs },
            clock: this.#options.clock,
            over: () => this.#boundOver(),
          });
        });
      } catch (thrown) {
        return voice.refused(this.#notKept(thrown));
      }
      const wait = effects.some(({ kind }) => kind === "wait");
      this.#perform(effects, { ask, voice });
      if (!wait) return;
      await Promise.all(this.#clearing);
    }
  }

  /** It lets go. `voice` counts: another may speak for the attachment by now. */
  released(attachment: string, voice: Voice): void {
    if (this.#voices.get(attachment) !== voice) return;
    this.#happens({ kind: "released", attachment });
  }

  /** Whether it is heard of. */
  life(attachment: string, voice: Voice, life: Life): void {
    if (this.#takeOver?.voice === voice && life === "gone") {
      this.#endTakeOver();
      this.#happens({ kind: "withdrawn", attachment });
    }
    if (this.#voices.get(attachment) !== voice) return;
    if (life === "gone") this.#voices.delete(attachment);
    this.#happens({ kind: "life", attachment, life });
  }

  /** A holder tells how far its hand-over is: whoever takes over is told. */
  progress(attachment: string, voice: Voice, text: string): void {
    const holder = this.#holder(attachment, voice);
    if (holder) this.#takeOver?.voice.progress(`${holder.device}: ${text}`);
  }

  /** Asks the initiators of a holder to log out: they are not its own to command. */
  requestLogout(attachment: string, voice: Voice): void {
    const holder = this.#holder(attachment, voice);
    const proof = holder && this.#proofs.get(holder.generation);
    if (!proof?.held) return;
    const leftMs = this.#takeOver?.leftMs ?? DETACH_MS;
    this.#options.place.requestLogout(proof, Math.ceil(leftMs / 1000));
  }

  /** All that hold it lose it; resolves with them when nothing of theirs can reach the volume. @throws {VaultError} where it cannot be stored */
  async end(reason: Reason): Promise<readonly Holding[]> {
    const before = this.holdings;
    let effects: readonly Effect[];
    try {
      effects = this.#step({ kind: "ended", reason });
    } catch (thrown) {
      throw this.#notKept(thrown);
    }
    this.#perform(effects);
    await Promise.all(this.#clearing);
    return before;
  }

  /** The volume goes: nobody is told anything any more. */
  async forget(): Promise<void> {
    this.#forgotten = true;
    this.#takeOver?.voice.refused(this.#notThere());
    if (this.#takeOver) {
      const { attachment } = this.#takeOver;
      this.#endTakeOver();
      this.#happens({ kind: "withdrawn", attachment });
    }
    this.#happens({ kind: "ended", reason: "deleted" });
    await Promise.all(this.#clearing);
  }

  /** The device may do nothing any more. */
  revoked(device: string): void {
    this.#happens({ kind: "revoked", device });
    if (this.#state.taker) return;
    this.#takeOver?.voice.refused(
      new VaultError(`Device "${device}" was revoked`, { kind: "refused" }),
    );
    this.#endTakeOver();
  }

  /** Something that has happened, whether it can be stored or not: then only a restart of the node would bring back what was before. */
  #happens(event: LeaseEvent): void {
    let effects: readonly Effect[];
    try {
      effects = this.#step(event);
    } catch (thrown) {
      this.#options.log.error(this.#notKept(thrown).message);
      effects = this.#adopt(event);
    }
    this.#perform(effects);
  }

  /** What comes of `event`, stored. @throws where it cannot be: then nothing has changed */
  #step(
    event: LeaseEvent,
    stored: (state: LeaseState) => void = () => {},
  ): readonly Effect[] {
    const { place, clock } = this.#options;
    const { state, effects } = step(this.#state, event, clock.now());
    if (state.kept !== this.#state.kept) place.keep(state.kept);
    this.#state = state;
    stored(state);
    return effects;
  }

  #adopt(event: LeaseEvent): readonly Effect[] {
    const next = step(this.#state, event, this.#options.clock.now());
    this.#state = next.state;
    return next.effects;
  }

  #perform(effects: readonly Effect[], asking?: Asking): void {
    const { place, audit } = this.#options;
    for (const effect of effects) {
      const event = auditOf(effect, {
        volume: place.name,
        ...(asking && { device: asking.ask.device }),
      });
      if (event) audit(event);
      const told = progressOf(effect, this.#takeOver?.leftMs ?? 0);
      if (told !== undefined) this.#takeOver?.voice.progress(told);
      this.#do(effect, asking);
    }
  }

  #do(effect: Effect, asking: Asking | undefined): void {
    switch (effect.kind) {
      case "granted": {
        const voice = asking?.voice ?? this.#takeOver?.voice;
        if (!asking) this.#endTakeOver();
        return this.#granted(effect, voice);
      }
      case "refused":
        return asking?.voice.refused(effect);
      case "lost":
        return asking?.voice.lost(effect.how);
      case "wait":
        return asking?.voice.progress(
          `What was written to "${this.#options.place.name}" before is being made stable.`,
        );
      case "hand over": {
        const { holder, to } = effect;
        const boundMs = this.#takeOver?.leftMs ?? 0;
        return this.#voices.get(holder.attachment)?.handOver(to, boundMs);
      }
      case "keep it":
        return this.#voices.get(effect.holder.attachment)?.keepIt();
      case "clear":
        return this.#clear(effect);
    }
  }

  #granted(
    effect: Effect & { readonly kind: "granted" },
    voice: Voice | undefined,
  ): void {
    const { attachment, generation } = effect.holder;
    if (effect.new) this.#proofs.set(generation, new Proof(generation));
    if (!voice) return;
    const before = this.#voices.get(attachment);
    this.#voices.set(attachment, voice);
    // Its link has ended, and this node had not heard of that yet.
    if (before !== voice) before?.over();
    voice.granted(effect.holder);
  }

  #clear({ holder, lost }: Effect & { readonly kind: "clear" }): void {
    const { place, log } = this.#options;
    const { attachment, device, generation } = holder;
    // From here on nothing of it changes the volume.
    const proof = this.#proofs.get(generation);
    this.#proofs.delete(generation);
    proof?.end();
    const voice = this.#voices.get(attachment);
    this.#voices.delete(attachment);
    if (lost) voice?.lost(lost);
    const why = lost ? `The lease was lost: ${reasonWords(lost)}` : "It let go";
    const cleared = (proof ? place.clear(proof, why) : Promise.resolve())
      .catch((thrown) =>
        log.error(
          `What ${device} wrote to "${place.name}" may be lost: ${
            messageOf(thrown)
          }`,
        )
      )
      .then(() => {
        this.#clearing.delete(cleared);
        if (!lost) voice?.over();
        this.#cleared(generation);
      });
    this.#clearing.add(cleared);
  }

  #cleared(generation: number): void {
    const event: LeaseEvent = { kind: "cleared", generation };
    let effects: readonly Effect[];
    try {
      effects = this.#step(event);
    } catch (thrown) {
      // It is the next holder that cannot be kept.
      this.#refuseTaker(this.#notKept(thrown));
      effects = this.#adopt(event);
    }
    this.#perform(effects);
  }

  #boundOver(): void {
    // Nobody is fenced for one that may have been killed since it asked.
    if (this.#takeOver?.voice.paused) return this.#refuseTaker(absent());
    let effects: readonly Effect[];
    try {
      effects = this.#step({ kind: "bound over" });
    } catch (thrown) {
      return this.#refuseTaker(this.#notKept(thrown));
    }
    this.#perform(effects);
  }

  #refuseTaker(why: VaultError): void {
    const takeOver = this.#takeOver;
    if (!takeOver) return;
    this.#endTakeOver();
    const { attachment, voice } = takeOver;
    this.#perform(this.#adopt({ kind: "withdrawn", attachment }));
    voice.refused(why);
  }

  /** A device that asks anew was killed and started again, where its older attachment is not heard of. */
  #replaceTaker({ device, attachment }: Ask): void {
    const older = this.#state.taker?.ask;
    if (older?.device !== device || older.attachment === attachment) return;
    if (this.#takeOver?.voice.paused) this.#refuseTaker(absent());
  }

  /** The holder for which `voice` speaks. */
  #holder(attachment: string, voice: Voice): Holder | undefined {
    if (this.#voices.get(attachment) !== voice) return undefined;
    return this.#state.kept.holders.find((holder) =>
      holder.attachment === attachment
    );
  }

  #endTakeOver(): void {
    this.#takeOver?.end();
    this.#takeOver = undefined;
  }

  #notThere(): VaultError {
    return new VaultError(`There is no volume "${this.#options.place.name}"`);
  }

  #notKept(cause: unknown): VaultError {
    return new VaultError(
      `The node cannot keep the lease of "${this.#options.place.name}": ${
        messageOf(cause)
      }`,
      { hint: "Look at the node's disk, and try again.", cause },
    );
  }
}
