/** What pictures are taken of: the bytes of a volume, served or not, and those of a snapshot. */

import { VaultError } from "../base/errors.ts";
import { openFile } from "../os/file.ts";
import { freeBytes } from "../os/free_space.ts";
import { join } from "../os/paths.ts";
import { stackStore } from "../store/stack.ts";
import type { Store } from "../store/store.ts";
import { expectFile } from "./volume_data.ts";
import type { Catalog } from "./catalog.ts";
import type { SnapshotDocument, VolumeDocument } from "./documents.ts";
import type { ServedVolumes } from "./served_volumes.ts";

/** Bytes of which a picture is taken. */
export interface Subject {
  readonly store: Store;
  /** The file that holds them. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Runs `work` while nobody changes them. */
  standStill<T>(work: () => Promise<T>): Promise<T>;
  release(): Promise<void>;
}

/** The volume, where it is served through what serves it. @throws {VaultError} where its data cannot be opened */
export async function volumeSubject(
  node: {
    readonly catalog: Catalog;
    readonly served: ServedVolumes | undefined;
  },
  { name, sizeBytes, ...rest }: VolumeDocument,
): Promise<Subject> {
  expectFile({ name, ...rest });
  const { catalog, served } = node;
  const path = catalog.dataPath(name);
  if (!served) {
    // What a crash has left half written is made good first.
    const store = await catalog.openStore({ name, sizeBytes, ...rest });
    return {
      store,
      path,
      sizeBytes,
      standStill: (work) => work(),
      release: () => store.close(),
    };
  }
  const unit = served.unit(name);
  return {
    store: unit.store,
    path,
    sizeBytes,
    standStill: (work) => unit.standStill(work),
    release: () => Promise.resolve(),
  };
}

/** A snapshot's file. @throws {VaultError} where it cannot be opened, or is not as long as it was */
export function snapshotSubject(
  path: string,
  { name, sizeBytes }: SnapshotDocument,
): Subject {
  const file = openFile(path, { readOnly: true });
  if (file.size() !== sizeBytes) {
    file.close();
    throw new VaultError(
      `Cannot use snapshot "${name}": ${path} should have ${sizeBytes} bytes`,
      { hint: "The file was changed from outside. Put it back from a copy." },
    );
  }
  return {
    store: stackStore({ bottom: { kind: "file", file }, readOnly: true }),
    path,
    sizeBytes,
    standStill: (work) => work(),
    release: () => Promise.resolve(file.close()),
  };
}

/** What is being erased is out of everybody's reach. @throws {VaultError} `conflict` while the volume is */
export function expectNotErased(catalog: Catalog, volume: string): void {
  if (!catalog.erasure(volume).read()) return;
  throw new VaultError(`Volume "${volume}" is being erased`, {
    kind: "conflict",
    hint: "An initiator has asked for that. Wait until it is over.",
  });
}

/** @throws {VaultError} where a copy of `store` cannot fit beside the file `to` */
export function expectRoom(
  { volume, store, to }: {
    readonly volume: string;
    readonly store: Store;
    readonly to: string;
  },
): void {
  const needed = store.allocatedBytes();
  const free = freeBytes(join(to, ".."));
  if (free === undefined || needed <= free) return;
  throw new VaultError(
    `There is no room for another copy of volume "${volume}": it needs ${needed} bytes, and ${free} are free`,
    {
      hint:
        "Keep the node's state on btrfs or XFS: there, copies share what they have in common.",
    },
  );
}
