/** A conversation in lines of JSON, of which each is checked and none is believed before. */

import * as v from "valibot";
import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import { encodeLine, LineReader } from "../control/lines.ts";

/** Lines that wait to be sent, because the other end does not read or a link is paused. One more ends the conversation. */
export const MAX_WAITING_LINES = 64;

export class LineTalk<In, Out> {
  readonly #duplex: Duplex;
  readonly #schema: v.GenericSchema<unknown, In>;
  readonly #lines: LineReader;
  readonly #ready: In[] = [];
  #waiting = 0;
  #sent: Promise<void> = Promise.resolve();

  constructor(
    duplex: Duplex,
    options: {
      readonly schema: v.GenericSchema<unknown, In>;
      readonly maxLineBytes: number;
    },
  ) {
    this.#duplex = duplex;
    this.#schema = options.schema;
    this.#lines = new LineReader(options.maxLineBytes);
  }

  /** Says it after all that was said before. Where the conversation is cut it is lost, and `receive` tells. */
  say(line: Out): void {
    if (this.#waiting >= MAX_WAITING_LINES) {
      this.abort("The other end does not read");
      return;
    }
    this.#waiting++;
    this.#sent = this.#duplex.write(encodeLine(line))
      .catch(() => {})
      .finally(() => this.#waiting--);
  }

  /** Says what can be left out: it is, where much waits already. */
  mention(line: Out): void {
    if (this.#waiting < MAX_WAITING_LINES / 2) this.say(line);
  }

  /** The next line; undefined once the other end has nothing more to say. @throws {PeerError} on junk, {ConnectionLost} where it was cut */
  async receive(): Promise<In | undefined> {
    while (true) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      const bytes = await this.#duplex.read();
      if (!bytes) {
        if (this.#lines.midLine) throw new PeerError("A line was cut off");
        return undefined;
      }
      for (const value of this.#lines.receive(bytes)) {
        const checked = v.safeParse(this.#schema, value);
        if (!checked.success) {
          throw new PeerError(
            `A line makes no sense: ${v.summarize(checked.issues)}`,
          );
        }
        this.#ready.push(checked.output);
      }
    }
  }

  /** Has nothing more to say; resolves when all is sent. */
  async end(): Promise<void> {
    await this.#sent;
    await this.#duplex.close().catch(() => {});
  }

  abort(why: string): void {
    this.#duplex.abort(new ConnectionLost(why));
  }
}
