/** A node's end of a lease's channel: what a device asks for, and what it is told (lease_lines.ts). */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Holder, Holding, Lost } from "../lease/holder.ts";
import type { Channel } from "../../tunnel/channel.ts";
import type { Link } from "../../tunnel/link.ts";
import type { LeaseKeeper } from "./lease_keeper.ts";
import {
  DeviceLine,
  MAX_LINE_BYTES,
  type NodeLine,
  said,
} from "./lease_lines.ts";
import type { Voice } from "./lease_voice.ts";
import { holderInfo, reasonWords } from "./lease_words.ts";
import { LineTalk } from "./line_talk.ts";
import type { LeaseAsk } from "./requests.ts";

/** How many steps of a hand-over are passed on. */
const MAX_PROGRESS = 100;
/** How long a device may take to end a channel on which all has been said. */
const LAST_WORDS_MS = 5000;

export interface LeaseCall {
  readonly link: Link;
  readonly channel: Channel;
  readonly ask: LeaseAsk;
  readonly keeper: LeaseKeeper;
  /** The target that the lease is of. */
  readonly iqn: string;
  readonly chap: boolean;
  /** What a reader can do that meets a writer. */
  readonly insteadHint?: string;
}

export class LeaseService {
  readonly #clock: Clock;
  /** Conversations by their link: each link is watched once. */
  readonly #ofLink = new WeakMap<Link, Set<Conversation>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Speaks with the device for as long as the channel is there. */
  async serve(call: LeaseCall): Promise<void> {
    const conversation = new Conversation(call, this.#clock);
    const others = this.#others(call.link);
    others.add(conversation);
    try {
      await conversation.run();
    } finally {
      others.delete(conversation);
    }
  }

  #others(link: Link): Set<Conversation> {
    const known = this.#ofLink.get(link);
    if (known) return known;
    const conversations = new Set<Conversation>();
    this.#ofLink.set(link, conversations);
    link.watch(() => {
      for (const one of conversations) one.lifeChanged();
    });
    return conversations;
  }
}

class Conversation implements Voice {
  gone = false;
  readonly #call: LeaseCall;
  readonly #clock: Clock;
  readonly #talk: LineTalk<DeviceLine, NodeLine>;
  #progress = 0;
  #stopTimer = () => {};

  constructor(call: LeaseCall, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
    this.#talk = new LineTalk(call.channel, {
      schema: DeviceLine,
      maxLineBytes: MAX_LINE_BYTES,
    });
  }

  get paused(): boolean {
    return this.#call.link.state === "paused";
  }

  async run(): Promise<void> {
    const { ask, link, keeper } = this.#call;
    const { mode, attachment, generation, takeOver } = ask;
    const device = link.peer.name;
    const asked = keeper.ask({
      ...{ device, mode, attachment },
      ...(generation === undefined ? {} : { generation }),
      ...(takeOver && { takeOver: { now: takeOver.now } }),
    }, { voice: this, boundMs: takeOver?.boundMs ?? 0 });
    try {
      for (let line; (line = await this.#talk.receive());) this.#take(line);
    } catch (thrown) {
      this.#talk.abort("It was ended");
      throw thrown;
    } finally {
      this.#stopTimer();
      this.gone = true;
      keeper.life(attachment, this, "gone");
      await asked;
    }
    await this.#talk.end();
  }

  /** The link was paused, or goes on. */
  lifeChanged(): void {
    const { keeper, ask } = this.#call;
    const life = this.paused ? "paused" : "up";
    if (!this.gone) keeper.life(ask.attachment, this, life);
  }

  granted({ generation, since }: Holder): void {
    const { iqn, chap } = this.#call;
    this.#talk.say({
      kind: "granted",
      ...{ iqn, chap, generation },
      since: new Date(since).toISOString(),
    });
    this.lifeChanged();
  }

  refused(
    why: { holders: readonly Holding[]; taker?: string } | VaultError,
  ): void {
    const { insteadHint } = this.#call;
    if (why instanceof VaultError) {
      const { message, hint } = why;
      this.#lastWord({
        kind: "refused",
        reason: said(message),
        ...(hint === undefined ? {} : { hint: said(hint) }),
        holders: [],
      });
    } else {
      this.#lastWord({
        kind: "refused",
        reason: "Another holds it",
        ...(insteadHint === undefined ? {} : { hint: said(insteadHint) }),
        holders: why.holders.map((holding) => {
          const { device, mode, since, state, goneSince } = holderInfo(holding);
          return {
            ...{ device, mode, since, state },
            ...(goneSince === undefined ? {} : { goneSince }),
          };
        }),
        ...(why.taker === undefined ? {} : { taker: why.taker }),
      });
    }
  }

  lost(how: Lost | undefined): void {
    this.#lastWord({
      kind: "fenced",
      ...(how?.by === undefined ? {} : { by: how.by }),
      ...(how ? { at: new Date(how.at).toISOString() } : {}),
      why: said(how ? reasonWords(how) : "the node does not remember why"),
    });
  }

  handOver(to: string, boundMs: number): void {
    this.#talk.say({ kind: "handover-wanted", by: to, boundMs });
  }

  keepIt(): void {
    this.#talk.say({ kind: "handover-off" });
  }

  progress(text: string): void {
    this.#talk.mention({ kind: "progress", text: said(text) });
  }

  over(): void {
    this.#end();
  }

  #take(line: DeviceLine): void {
    const { keeper, ask } = this.#call;
    switch (line.kind) {
      case "progress":
        if (this.#progress++ >= MAX_PROGRESS) return;
        return keeper.progress(ask.attachment, this, line.text);
      case "log-out":
        return keeper.requestLogout(ask.attachment, this);
      case "released":
        return keeper.released(ask.attachment, this);
    }
  }

  #lastWord(line: NodeLine): void {
    this.#talk.say(line);
    this.#end();
  }

  /** Whoever does not end its side is cut. */
  #end(): void {
    this.#stopTimer();
    this.#stopTimer = this.#clock.after(
      LAST_WORDS_MS,
      () => this.#talk.abort("All was said"),
    );
    void this.#talk.end();
  }
}
