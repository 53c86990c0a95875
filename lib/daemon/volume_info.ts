/** A volume as people are told of it. */

import type { VolumeInfo } from "../control/operations.ts";
import { openFile } from "../os/file.ts";
import type { Catalog } from "./catalog.ts";
import type { VolumeDocument } from "./documents.ts";
import { targetName } from "./target_name.ts";

export function volumeInfo(
  document: VolumeDocument,
  node: {
    readonly catalog: Catalog;
    readonly nodeId: string;
    readonly health: string;
  },
): VolumeInfo {
  const { name, createdAt, serial, naa, behind } = document;
  const { catalog, nodeId, health } = node;
  const target = behind?.target ?? name;
  // CHAP is the target's.
  const { chap } = catalog.find(target) ?? document;
  return {
    name,
    sizeBytes: document.sizeBytes,
    blockSizeBytes: document.blockSizeBytes,
    readOnly: document.readOnly,
    removable: document.removable ?? false,
    target,
    lun: behind?.lun ?? 0,
    iqn: targetName(nodeId, target),
    serial,
    naa,
    allocatedBytes: allocatedBytes(catalog.dataPath(name)),
    createdAt,
    health,
    chapUsers: chap.users.map(({ user }) => user),
    ...(chap.mutual ? { chapMutualUser: chap.mutual.user } : {}),
  };
}

function allocatedBytes(path: string): number {
  const file = openFile(path, { readOnly: true });
  try {
    return file.allocated();
  } finally {
    file.close();
  }
}
