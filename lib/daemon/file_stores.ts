/** The stores of volumes in files: opened when a node starts, and let go of when it ends. */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import type { Catalog } from "./catalog.ts";
import type { VolumeDocument } from "./documents.ts";

/** Volumes that are opened at once: each waits for its disk several times. */
const OPENED_AT_ONCE = 8;
/** How long a node that ends waits until what was written lately is at its place. */
const LET_GO_MS = 5000;

/** A volume's store, or why there is none. */
export type OpenedStore = { readonly store: Store } | {
  readonly fault: unknown;
};

/** Opens them all, by name. */
export async function openStores(
  catalog: Catalog,
  documents: Iterable<VolumeDocument>,
): Promise<Map<string, OpenedStore>> {
  const opened = new Map<string, OpenedStore>();
  const waiting = [...documents];
  const openOneByOne = async () => {
    for (let next; (next = waiting.shift());) {
      try {
        catalog.expectServable(next);
        opened.set(next.name, { store: await catalog.openStore(next) });
      } catch (fault) {
        opened.set(next.name, { fault });
      }
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openOneByOne));
  return opened;
}

/** Closes those that are open; nothing was written to them. */
export async function closeAll(
  stores: ReadonlyMap<string, OpenedStore>,
): Promise<void> {
  for (const found of stores.values()) {
    if ("store" in found) await found.store.close().catch(() => {});
  }
}

/** Closes it, and its file is all of it then, for whoever looks at it while no node runs. */
export async function letGo(
  store: Store,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const over = new AbortController();
  try {
    const drained = store.health.state === "ok" ? store.drain?.() : undefined;
    const late = clock.sleep(LET_GO_MS, over.signal).catch(() => {});
    await Promise.race([drained, late]);
  } catch (thrown) {
    // It lies in the journal all the same.
    log.warn(messageOf(thrown));
  } finally {
    over.abort();
    await store.close();
  }
}
