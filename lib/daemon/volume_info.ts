/** A volume as people are told of it. */

import { VaultError } from "../base/errors.ts";
import type { VolumeInfo } from "../control/operations.ts";
import type { Catalog } from "./catalog.ts";
import type { VolumeDocument } from "./documents.ts";
import { targetName } from "./target_name.ts";

interface Known {
  readonly catalog: Catalog;
  readonly nodeId: string;
  readonly health: string;
}

export function volumeInfo(
  document: VolumeDocument,
  node: Known,
): VolumeInfo {
  const { name, createdAt, serial, naa, behind } = document;
  const { catalog, nodeId, health } = node;
  const target = behind?.target ?? name;
  // CHAP is the target's.
  const found = catalog.look(target);
  const { chap } = found instanceof VaultError ? document : found;
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
    allocatedBytes: catalog.allocatedBytes(name),
    createdAt,
    health,
    chapUsers: chap.users.map(({ user }) => user),
    ...(chap.mutual ? { chapMutualUser: chap.mutual.user } : {}),
  };
}

/** Of one whose document cannot be used: its name is known, and what it takes. */
export function damagedVolumeInfo(
  name: string,
  { catalog, nodeId, health }: Known,
): VolumeInfo {
  return {
    name,
    sizeBytes: 0,
    blockSizeBytes: 512,
    readOnly: false,
    removable: false,
    target: name,
    lun: 0,
    iqn: targetName(nodeId, name),
    serial: "",
    naa: "",
    allocatedBytes: catalog.allocatedBytes(name),
    createdAt: "",
    health,
    chapUsers: [],
  };
}
