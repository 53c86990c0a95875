/** Whether the peer still lives: a ping every few seconds, and silence means death. */

import { putU64, u64 } from "../lib/base/bytes.ts";
import type { Clock } from "../lib/base/clock.ts";
import { PING_BYTES } from "./frame.ts";

export const PING_MS = 5000;
/** A peer of which nothing was heard for three pings is dead: found within 15 s. */
export const DEAD_PEER_MS = 3 * PING_MS;

export class Keepalive {
  rttMs: number | undefined;
  readonly #clock: Clock;
  readonly #events: { ping(body: Uint8Array): void; silent(): void };
  #cancel: () => void;
  #dueMs: number;
  #heard = true;
  /** Whole periods without a byte. */
  #silentPeriods = 0;
  #pings = 0;
  #sentMs = 0;

  constructor(
    clock: Clock,
    events: { ping(body: Uint8Array): void; silent(): void },
  ) {
    this.#clock = clock;
    this.#events = events;
    this.#dueMs = clock.monotonic() + PING_MS;
    this.#cancel = clock.after(PING_MS, () => this.#tick());
  }

  /** Something came: anything. */
  heard(): void {
    this.#heard = true;
  }

  /** @param body as the last ping had it; older ones tell nothing */
  ponged(body: Uint8Array): void {
    if (u64(body, 0) !== this.#pings) return;
    this.rttMs = this.#clock.monotonic() - this.#sentMs;
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    // A late tick means that this process slept. What the peer sent meanwhile has not been read yet, so it gets another period.
    const slept = now - this.#dueMs > PING_MS;
    this.#silentPeriods = this.#heard || slept ? 0 : this.#silentPeriods + 1;
    this.#heard = false;
    // The byte heard last may be as old as the period in which it was heard.
    if ((this.#silentPeriods + 1) * PING_MS >= DEAD_PEER_MS) {
      return this.#events.silent();
    }
    const body = new Uint8Array(PING_BYTES);
    putU64(body, 0, ++this.#pings);
    this.#sentMs = now;
    this.#dueMs = now + PING_MS;
    this.#cancel = this.#clock.after(PING_MS, () => this.#tick());
    this.#events.ping(body);
  }
}
