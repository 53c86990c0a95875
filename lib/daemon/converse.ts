/** Conversations side by side: what goes wrong with one disturbs no other. */

import type { Listener } from "../base/duplex.ts";
import { ConnectionLost, messageOf, PeerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** Holds a conversation apart from all others. Cut or against the protocol is its own affair; the rest is a defect. Never rejects. */
export async function converse(
  log: Log,
  conversation: () => Promise<void>,
): Promise<void> {
  try {
    await conversation();
  } catch (thrown) {
    if (thrown instanceof ConnectionLost) log.debug(thrown.message);
    else if (thrown instanceof PeerError) log.warn(thrown.message);
    else log.error(`A connection failed: ${messageOf(thrown)}`);
  }
}

/** Converses with all that come until the listener closes. */
export async function converseWithAll<T>(
  listener: Listener<T>,
  options: {
    readonly log: Log;
    readonly serve: (accepted: T) => Promise<void>;
  },
): Promise<void> {
  const { log, serve } = options;
  for (let accepted; (accepted = await listener.accept());) {
    const one = accepted;
    converse(log, () => serve(one));
  }
}
