/** Waiting for a snapshot that is made or put back. */

import { InvariantError } from "../lib/base/errors.ts";
import type {
  NodeOperations,
  SnapshotInfo,
  SnapshotWork,
} from "../lib/control/operations.ts";
import { systemClock } from "../lib/os/clock.ts";
import { Bar } from "./bar.ts";
import { formatSize } from "./size.ts";
import { note } from "./terminal.ts";

/** How often it is asked how far a copy is. */
const POLL_MS = 200;

/** Makes one, and resolves when it is there. @throws {VaultError} */
export async function makeSnapshot(
  node: NodeOperations,
  asked: { readonly volume: string; readonly name: string | undefined },
): Promise<SnapshotInfo> {
  const { volume, name } = asked;
  const { snapshot } = await finished(
    node,
    await node.createSnapshot(volume, name),
  );
  const snapshots = await node.listSnapshots(volume);
  const made = snapshots.find((one) => one.name === snapshot);
  if (made) return made;
  throw new InvariantError(`Snapshot "${snapshot}" has gone`);
}

/** Resolves when it is done, with a bar where it takes its time. @throws {VaultError} what has ended it before */
export async function finished(
  node: NodeOperations,
  work: SnapshotWork,
): Promise<SnapshotWork> {
  if (work.done) return work;
  const isUpload = work.by === "upload";
  if (!isUpload) {
    const { used, what } = await wordsFor(node, work);
    note(
      `The file system below cannot share bytes between files: ${what} is a copy, which takes time and ${used} of space.`,
    );
  } else if (work.totalBytes > 0) {
    note(
      `${
        formatSize(work.totalBytes)
      } are not uploaded yet, and go to the bucket first.`,
    );
  }
  const bar = new Bar(isUpload ? "uploading" : "copying");
  try {
    for (
      let now = work;
      !now.done;
      now = await node.snapshotWork(work.volume)
    ) {
      bar.show(now.copiedBytes, now.totalBytes);
      await systemClock.sleep(POLL_MS);
    }
  } finally {
    bar.clear();
  }
  return { ...work, copiedBytes: work.totalBytes, done: true };
}

async function wordsFor(
  node: NodeOperations,
  { kind, volume, snapshot }: SnapshotWork,
): Promise<{ used: string; what: string }> {
  if (kind === "create") {
    const { allocatedBytes } = await node.showVolume(volume);
    return { used: formatSize(allocatedBytes), what: "the snapshot" };
  }
  const snapshots = await node.listSnapshots(volume);
  const from = snapshots.find(({ name }) => name === snapshot);
  const used = formatSize(from?.allocatedBytes ?? 0);
  return { used, what: "what is put back" };
}
