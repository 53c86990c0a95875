/** The leases of a running node, by volume, or by target behind `--forward`; and what each of them has to clear away. */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { ConnectionLost, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { ForwardedInfo, HolderInfo } from "../control/operations.ts";
import { type KeptLease, NEVER_HELD } from "../lease/holder.ts";
import type { Address } from "../os/tcp.ts";
import type { Proof } from "../lease/proof.ts";
import type { Session } from "../target/session.ts";
import type { Catalog } from "./catalog.ts";
import { auditLeasesTo } from "./lease_audit.ts";
import { ForwardLeaseFile } from "./lease_file.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import type { LeasePlace } from "./lease_voice.ts";
import { holderInfo, THIS_MACHINE } from "./lease_words.ts";
import type { NodeState } from "./node_state.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import type { StateFolder } from "./state_folder.ts";

export interface LeasesOptions {
  readonly volumes: ServedVolumes;
  readonly catalog: Catalog;
  /** Where the leases of targets behind `--forward` are kept, if there is one. */
  readonly forward: ForwardLeaseFile | undefined;
  /** Whether the device is enrolled, and not revoked. */
  readonly admitted: (device: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** A conversation of an initiator, over a channel. */
interface Conversation {
  abort(reason: Error): void;
  readonly over: Promise<void>;
}

export class Leases {
  readonly #options: LeasesOptions;
  /** By the volume's name. */
  readonly #volumes = new Map<string, LeaseKeeper>();
  /** By the target's. */
  readonly #forwarded = new Map<string, LeaseKeeper>();
  readonly #conversations = new Map<Proof, Set<Conversation>>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** That of a volume with a target of its own, and of all behind it. @throws {VaultError} where it is not served */
  ofVolume(name: string): LeaseKeeper {
    const { volumes, catalog } = this.#options;
    volumes.target(name);
    const file = catalog.lease(name);
    return this.#keeper(this.#volumes, {
      name,
      read: () => file.read(),
      place: {
        name,
        keep: (kept) => file.write(kept),
        clear: (proof, why) => this.#clearVolume(name, proof, why),
        requestLogout: (proof, seconds) => {
          for (const { control } of this.#sessions(name, proof)) {
            control.requestLogout(seconds);
          }
        },
      },
    });
  }

  /** That of a target behind `--forward`. */
  ofForwarded(iqn: string): LeaseKeeper {
    const { forward } = this.#options;
    return this.#keeper(this.#forwarded, {
      name: iqn,
      read: () => forward?.read(iqn),
      place: {
        name: iqn,
        keep: (kept) => forward?.write(iqn, kept),
        clear: (proof, why) => this.#endConversations(proof, why),
        // What passes through is not ours to speak in.
        requestLogout: () => {},
      },
    });
  }

  /** The conversation goes on under the proof until `over`: it is ended with it. */
  goesOn(proof: Proof, conversation: Conversation): void {
    const all = this.#conversations.get(proof) ?? new Set();
    this.#conversations.set(proof, all.add(conversation));
    void conversation.over.finally(() => {
      all.delete(conversation);
      if (all.size === 0) this.#conversations.delete(proof);
    });
  }

  /** Who holds the target of the volume; nobody where it is not served. */
  holders(target: string): readonly HolderInfo[] {
    if (!this.#options.volumes.isServed(target)) return [];
    return this.ofVolume(target).holdings.map(holderInfo);
  }

  /** @throws {VaultError} where it is not served, or that cannot be stored */
  async release(target: string): Promise<readonly HolderInfo[]> {
    const held = await this.ofVolume(target).end("operator");
    return held.map(holderInfo);
  }

  /** The same of one that is not served just now. False where nobody has asked for it since the node runs: what is kept of it stays as it was. */
  async releaseKnown(name: string): Promise<boolean> {
    const known = this.#volumes.get(name);
    await known?.end("operator");
    return known !== undefined;
  }

  /** Of targets behind `--forward`, those that are held. */
  forwarded(): readonly ForwardedInfo[] {
    const names = this.#options.forward?.names ?? [];
    return names.map((iqn) => ({
      iqn,
      holders: this.ofForwarded(iqn).holdings.map(holderInfo),
    })).filter(({ holders }) => holders.length > 0);
  }

  /** Undefined where nobody has held a target behind `--forward` of that name. @throws {VaultError} where it cannot be stored */
  async releaseForwarded(
    iqn: string,
  ): Promise<readonly HolderInfo[] | undefined> {
    if (!this.#options.forward?.names.includes(iqn)) return undefined;
    const held = await this.ofForwarded(iqn).end("operator");
    return held.map(holderInfo);
  }

  /** The volume has gone. */
  async forget(name: string): Promise<void> {
    await this.#volumes.get(name)?.forget();
    this.#volumes.delete(name);
  }

  /** The device may do nothing any more. */
  revoked(device: string): void {
    const keepers = [...this.#volumes.values(), ...this.#forwarded.values()];
    for (const keeper of keepers) keeper.revoked(device);
  }

  #keeper(
    keepers: Map<string, LeaseKeeper>,
    of: {
      readonly name: string;
      readonly read: () => KeptLease | undefined;
      readonly place: LeasePlace;
    },
  ): LeaseKeeper {
    const known = keepers.get(of.name);
    if (known) return known;
    const { admitted } = this.#options;
    const kept = withoutLost(of.read() ?? NEVER_HELD, admitted);
    const keeper = new LeaseKeeper({ ...this.#options, place: of.place, kept });
    keepers.set(of.name, keeper);
    return keeper;
  }

  #sessions(name: string, proof: Proof): readonly Session[] {
    const { volumes } = this.#options;
    if (!volumes.isServed(name)) return [];
    return [...volumes.target(name).sessions]
      .filter(({ nexus }) => nexus.proof === proof);
  }

  async #clearVolume(name: string, proof: Proof, why: string): Promise<void> {
    const { volumes } = this.#options;
    // One that is not served any more has been cleared already.
    if (!volumes.isServed(name)) return;
    const target = volumes.target(name);
    await Promise.all([
      target.endSessions(why, this.#sessions(name, proof)),
      // Those that have not logged in yet are no sessions.
      this.#endConversations(proof, why),
    ]);
    await target.flush();
  }

  async #endConversations(proof: Proof, why: string): Promise<void> {
    const conversations = [...this.#conversations.get(proof) ?? []];
    for (const one of conversations) one.abort(new ConnectionLost(why));
    await Promise.all(conversations.map(({ over }) => over));
  }
}

/**
 * The leases of a node that begins to serve. A device that is revoked loses its own.
 *
 * @throws {VaultError} where what is kept of targets behind `--forward` is damaged
 */
export function openLeases(
  node: {
    readonly state: NodeState;
    readonly folder: StateFolder;
    readonly volumes: ServedVolumes;
    readonly forward?: Address;
    readonly clock: Clock;
    readonly log: Log;
  },
): Leases {
  const { state, folder, volumes, clock, log } = node;
  const { catalog, registry } = state;
  const aloud = auditLeasesTo(log, clock);
  const leases = new Leases({
    volumes,
    catalog,
    forward: node.forward && new ForwardLeaseFile(folder.forwardLeases),
    admitted: (device) => registry.find(device) !== undefined,
    clock,
    log,
    audit: (event) => {
      aloud(event);
      state.audit.tell(event);
    },
  });
  registry.watch(({ kind, device }) => {
    if (kind === "revoked") leases.revoked(device.name);
  });
  return leases;
}

/** What a device is told whose session would begin under a lease that it does not hold. */
export function notHeld(volume: string): VaultError {
  return new VaultError(`This attachment does not hold "${volume}" any more`, {
    kind: "conflict",
    hint: `Attach it again: vault attach ${volume}`,
  });
}

/** The lease as it was kept, without those that cannot come back. */
export function withoutLost(
  kept: KeptLease,
  admitted: (device: string) => boolean,
): KeptLease {
  // Sessions of the node's own machine end with the process.
  const holders = kept.holders.filter(({ device }) =>
    device !== THIS_MACHINE && admitted(device)
  );
  return { ...kept, holders };
}
