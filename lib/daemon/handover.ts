/** Letting go of a volume that another device wants: what is done before the lease goes over. */

import type { Clock } from "../base/clock.ts";

/** What has to be done on this machine before the disk may go: unmounting it, say. */
export interface Handover {
  /**
   * Resolves when nothing of this machine needs the disk any more. `tell` passes a step on to people at both ends. `signal` aborts when nobody
   * waits for it any more: the bound is over, or the other device has given up.
   *
   * @throws where it cannot be done: the lease is kept then, until the bound is over
   */
  run(
    ask: HandoverAsk,
    tell: (step: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** What is asked for. */
export interface HandoverAsk {
  /** The device that wants the volume. */
  readonly by: string;
  /** How long it may take. Past that, the volume is taken. */
  readonly boundMs: number;
  /** The volume's name. */
  readonly volume: string;
  /** The disk, where the operating system's initiator was logged in. */
  readonly device: string | undefined;
}

/** What is left of the bound for what comes after the initiators are out. */
const RESERVE_MS = 1000;

export interface HandingOver {
  readonly ask: HandoverAsk;
  readonly handover: Handover | undefined;
  /** Gets the disk out of use where nobody has said how; undefined where it is not ours. */
  readonly letGo: ((tell: (step: string) => void) => Promise<void>) | undefined;
  /** Logs the operating system's initiator out; undefined where that is not ours to do. */
  readonly logout: (() => Promise<void>) | undefined;
  /** Asks initiators through the node to log out. */
  readonly requestLogout: () => boolean;
  /** Resolves when no initiator is connected any more. */
  readonly initiatorsGone: (signal: AbortSignal) => Promise<void>;
  readonly tell: (step: string) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Resolves when the lease may go over. @throws where it may not */
export async function handOver(options: HandingOver): Promise<void> {
  const { ask, handover, logout, tell, signal, clock } = options;
  const untilMs = clock.monotonic() + ask.boundMs - RESERVE_MS;
  if (handover) await handover.run(ask, tell, signal);
  else await options.letGo?.(tell);
  signal.throwIfAborted();
  if (logout) {
    tell("logging its initiator out");
    return await logout();
  }
  tell("asking its initiators to log out");
  options.requestLogout();
  // Who does not by then is cut: the volume goes over all the same.
  const patience = new AbortController();
  const cancel = clock.after(
    Math.max(0, untilMs - clock.monotonic()),
    () => patience.abort(),
  );
  try {
    await options.initiatorsGone(AbortSignal.any([signal, patience.signal]));
  } finally {
    cancel();
  }
  signal.throwIfAborted();
}
