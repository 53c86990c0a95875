/** `serve --forward`: another iSCSI target of this machine in the place of the node's own volumes. */

import type { Duplex } from "../base/duplex.ts";
import type { Clock } from "../base/clock.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import { connectInitiator } from "../initiator/initiator.ts";
import { type Address, connectTcp } from "../os/tcp.ts";
import { ownAddress } from "../portal/own_address.ts";
import { relay } from "../portal/relay.ts";

/** How the node introduces itself when it asks the other target what it offers. */
const DISCOVERER = "iqn.2026-11.internal.vault:forward";
/** How long the other target may take to say what it offers. */
export const DISCOVERY_MS = 10_000;
/** What `vault attach` may say where the other target offers one volume only. */
const THE_ONLY_ONE = "forward";

export interface ForwardOptions {
  /** Where the other target listens. */
  readonly address: Address;
  readonly primitives: Primitives;
  readonly clock: Clock;
}

export class Forward {
  readonly #options: ForwardOptions;
  #discovery: Promise<string[]> | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  /**
   * The name of the target that `wanted` means: the name itself, what follows its last colon, or "forward" for the only one.
   *
   * @throws {VaultError} where none or several fit, or the target does not answer
   */
  async find(wanted: string): Promise<string> {
    // One at a time, for all who ask: whoever asks often makes no more of them.
    this.#discovery ??= this.#discover().finally(() =>
      this.#discovery = undefined
    );
    const names = await this.#discovery;
    const fitting = names.filter((name) =>
      name === wanted || name.slice(name.lastIndexOf(":") + 1) === wanted
    );
    if (fitting.length === 1) return fitting[0]!;
    if (wanted === THE_ONLY_ONE && names.length === 1) return names[0]!;
    const what = fitting.length === 0 ? "no target" : "several targets";
    // What else there is, nobody is told who cannot name it: any device may ask.
    throw new VaultError(`The node forwards to ${what} "${wanted}"`, {
      kind: "not-found",
      hint:
        "Say the target's whole name. Who runs the node can list them where they are.",
    });
  }

  /** Passes one initiator's connection on. Resolves when it has ended. */
  async relay(
    asked: {
      readonly channel: Duplex;
      readonly iqn: string;
      readonly portal: string;
    },
  ): Promise<void> {
    const { channel, iqn, portal } = asked;
    let target: Duplex;
    try {
      target = await connectTcp(this.#options.address);
    } catch (thrown) {
      channel.abort(thrown instanceof Error ? thrown : undefined);
      throw thrown;
    }
    await relay({
      initiator: channel,
      target,
      rewrite: ownAddress({ iqn, portal }),
      only: iqn,
    });
  }

  async #discover(): Promise<string[]> {
    const { address, primitives, clock } = this.#options;
    const duplex = await connectTcp(address).catch((cause) => {
      throw silence(cause);
    });
    const cancel = clock.after(
      DISCOVERY_MS,
      () => duplex.abort(new ConnectionLost("it does not answer")),
    );
    try {
      const session = await connectInitiator({
        duplex,
        primitives,
        initiatorName: DISCOVERER,
      });
      const targets = await session.discover();
      await session.logout();
      return targets.map(({ name }) => name);
    } catch (cause) {
      throw silence(cause);
    } finally {
      cancel();
      duplex.abort();
    }
  }
}

/** Devices are told this: it does not say where the target is. */
function silence(cause: unknown): VaultError {
  const why = cause instanceof VaultError ? "" : `: ${messageOf(cause)}`;
  return new VaultError(
    `The target that the node forwards to does not say what it offers${why}`,
    { kind: "unreachable", cause },
  );
}
