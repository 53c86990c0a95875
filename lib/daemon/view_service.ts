/**
 * A node's end of a channel over which a device looks at a view (views.ts): what a lease's channel says (lease_lines.ts), without a lease. The
 * view lives as long as the channel: over a later link there is another one, of another moment, so a device is told that its own is gone.
 */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Channel } from "../../tunnel/channel.ts";
import type { Link } from "../../tunnel/link.ts";
import {
  DETACH_MS,
  DeviceLine,
  MAX_LINE_BYTES,
  type NodeLine,
} from "./lease_lines.ts";
import { LineTalk } from "./line_talk.ts";
import type { LeaseAsk } from "./requests.ts";
import type { View, Views } from "./views.ts";

export interface ViewCall {
  readonly link: Link;
  readonly channel: Channel;
  readonly ask: LeaseAsk;
  readonly view: View;
}

export class ViewService {
  readonly #views: Views;
  readonly #clock: Clock;
  /** By who looks at them. */
  readonly #shown = new Map<string, View>();

  constructor(views: Views, clock: Clock) {
    this.#views = views;
    this.#clock = clock;
  }

  /**
   * What a reader is shown; or why the volume cannot be shown as it is at one moment, where it can be read only while nobody writes.
   *
   * @throws {VaultError} where there is no such snapshot, or no room
   */
  async open({ volume, snapshot }: LeaseAsk): Promise<View | VaultError> {
    if (snapshot !== undefined) {
      return await this.#views.ofSnapshot(volume, snapshot);
    }
    try {
      return await this.#views.ofNow(volume);
    } catch (thrown) {
      if (thrown instanceof VaultError && thrown.kind === "refused") {
        return thrown;
      }
      throw thrown;
    }
  }

  /** What the attachment looks at. */
  find(
    who: { readonly device: string; readonly attachment: string },
  ): View | undefined {
    return this.#shown.get(keyOf(who));
  }

  /** Shows it for as long as the channel is there. */
  async serve({ link, channel, ask, view }: ViewCall): Promise<void> {
    const talk = talkOver(channel);
    const key = keyOf({ device: link.peer.name, attachment: ask.attachment });
    const before = this.#shown.get(key);
    this.#shown.set(key, view);
    try {
      // Over a link that this node has not heard the end of yet.
      await before?.close();
      talk.say({
        kind: "granted",
        iqn: view.target.iqn,
        chap: view.target.chap.users.length > 0,
        generation: 1,
        since: new Date(this.#clock.now()).toISOString(),
        view: new Date(view.atMs).toISOString(),
      });
      for (let line; (line = await talk.receive());) {
        if (line.kind === "released") break;
        if (line.kind === "log-out") askOut(view);
      }
    } catch (thrown) {
      talk.abort("It was ended");
      throw thrown;
    } finally {
      if (this.#shown.get(key) === view) this.#shown.delete(key);
      await view.close();
    }
    await talk.end();
  }

  /** Tells a device that what it has looked at is gone. */
  async refuse(channel: Channel): Promise<void> {
    const talk = talkOver(channel);
    talk.say({
      kind: "fenced",
      why:
        "what it looked at is gone with the link, and the volume may have changed since",
    });
    await talk.end();
  }
}

function askOut({ target }: View): void {
  for (const { control } of target.sessions) {
    control.requestLogout(DETACH_MS / 1000);
  }
}

function talkOver(channel: Channel): LineTalk<DeviceLine, NodeLine> {
  return new LineTalk(channel, {
    schema: DeviceLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
}

function keyOf(
  { device, attachment }: {
    readonly device: string;
    readonly attachment: string;
  },
): string {
  return `${device} ${attachment}`;
}
