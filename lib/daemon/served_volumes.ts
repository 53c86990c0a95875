/** The volumes of a running node: each one's store open, its disk offered as a target. */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { stackStore } from "../store/stack.ts";
import type { Store } from "../store/store.ts";
import type { Resize, Target } from "../target/target.ts";
import type { Targets } from "../target/targets.ts";
import type { Catalog } from "./catalog.ts";
import { chapPolicy } from "./chap_policy.ts";
import { addDiskTarget, resizeDisk } from "./disk_target.ts";
import type { VolumeDocument } from "./documents.ts";
import { targetName } from "./target_name.ts";

export interface ServedVolumesOptions {
  readonly catalog: Catalog;
  readonly targets: Targets;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Served {
  readonly target: Target;
  readonly store: Store;
}

export class ServedVolumes {
  readonly #options: ServedVolumesOptions;
  readonly #served = new Map<string, Served>();

  constructor(options: ServedVolumesOptions) {
    this.#options = options;
  }

  /** Opens the volume and offers it. @throws {VaultError} where its data cannot be opened */
  open(document: VolumeDocument): void {
    const { catalog, targets, nodeId, clock, log } = this.#options;
    const file = catalog.openData(document);
    const store = stackStore({
      bottom: { kind: "file", file },
      readOnly: document.readOnly,
    });
    const { name, serial, naa, blockSizeBytes, readOnly, chap } = document;
    const target = addDiskTarget(targets, {
      store,
      iqn: targetName(nodeId, name),
      name,
      product: "VOLUME",
      serial,
      naa,
      blockSizeBytes,
      readOnly,
      chap: chapPolicy(chap),
      clock,
      log,
    });
    this.#served.set(document.name, { target, store });
  }

  /** The target of a volume. @throws {VaultError} where there is none of that name */
  target(name: string): Target {
    return this.#get(name).target;
  }

  /** Whether the volume still takes writes, for people. */
  health(name: string): string {
    const served = this.#served.get(name);
    // It is being deleted, or could not be.
    if (!served) return "not served";
    const { health } = served.store;
    return health.state === "ok" ? "ok" : `failed: ${health.why}`;
  }

  /** Logged-in initiators learn it from a unit attention. */
  async resize(name: string, to: Resize): Promise<void> {
    await resizeDisk(this.#get(name).target, to);
  }

  /** Counts for logins from now on. */
  setChap(document: VolumeDocument): void {
    this.#get(document.name).target.chap = chapPolicy(document.chap);
  }

  /** Ends its sessions and lets go of its data, which nobody wants any more: a volume that failed can be discarded, too. */
  async discard(name: string): Promise<void> {
    const served = this.#served.get(name);
    if (!served) return;
    this.#served.delete(name);
    const { targets, log } = this.#options;
    for (
      const step of [
        () => targets.remove(served.target.iqn),
        () => served.store.close(),
      ]
    ) {
      try {
        await step();
      } catch (thrown) {
        log.warn(`While discarding "${name}": ${messageOf(thrown)}`);
      }
    }
  }

  /** Lets go of all data, flushed. Every session must have ended. @throws the first error, after all are closed */
  async close(): Promise<void> {
    const stores = [...this.#served.values()].map(({ store }) => store.close());
    this.#served.clear();
    for (const result of await Promise.allSettled(stores)) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  #get(name: string): Served {
    const served = this.#served.get(name);
    if (served) return served;
    throw new VaultError(`There is no volume "${name}"`, { kind: "not-found" });
  }
}
