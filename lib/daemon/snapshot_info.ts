/** A snapshot as people are told of it. */

import type { SnapshotInfo } from "../control/operations.ts";
import { openFile } from "../os/file.ts";
import type { SnapshotDocument } from "./documents.ts";

export function snapshotInfo(
  volume: string,
  { name, createdAt, sizeBytes, blockSizeBytes }: SnapshotDocument,
  dataPath: string,
): SnapshotInfo {
  const file = openFile(dataPath, { readOnly: true });
  try {
    const allocatedBytes = file.allocated();
    return {
      volume,
      name,
      createdAt,
      sizeBytes,
      blockSizeBytes,
      allocatedBytes,
    };
  } finally {
    file.close();
  }
}

/** What one is called that nobody has named: 2026-11-22-154500, in UTC. */
export function nameAt(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19)
    .replace("T", "-").replaceAll(":", "");
}
