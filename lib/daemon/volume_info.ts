/** A volume as people are told of it. */

import { VaultError } from "../base/errors.ts";
import type { VolumeInfo } from "../control/operations.ts";
import type { Catalog } from "./catalog.ts";
import type { Leases } from "./leases.ts";
import { holdersOf } from "./volume_holders.ts";
import type { VolumeDocument } from "./documents.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { targetName } from "./target_name.ts";
import { allocatedBytes } from "./volume_data.ts";
import { faultsOf, notServed, type Survey } from "./volume_faults.ts";

interface Known {
  readonly catalog: Catalog;
  readonly nodeId: string;
  readonly health: string;
  /** Those of a node that runs. */
  readonly leases: Leases | undefined;
  readonly volumes: ServedVolumes | undefined;
}

/** Of all that there are, those that cannot be served, too. */
export function volumeInfos(
  { catalog, nodeId, live }: {
    readonly catalog: Catalog;
    readonly nodeId: string;
    /** Of a node that runs. */
    readonly live?: {
      readonly volumes: ServedVolumes;
      readonly leases: Leases;
    };
  },
): VolumeInfo[] {
  const { volumes, leases } = live ?? {};
  const survey = catalog.survey();
  const healthOf = volumes
    ? (name: string) => volumes.health(name)
    : healthAtRest(catalog, survey);
  return [...survey].map(([name, found]) => {
    const known = { catalog, nodeId, health: healthOf(name), leases, volumes };
    return found instanceof VaultError
      ? damagedVolumeInfo(name, known)
      : volumeInfo(found, known);
  });
}

/** What would become of each if the node were started now. */
function healthAtRest(
  catalog: Catalog,
  survey: Survey,
): (name: string) => string {
  const faults = faultsOf(survey, (volume) => catalog.expectServable(volume));
  return (name) => faults.has(name) ? notServed(faults.get(name)) : "ok";
}

export function volumeInfo(
  document: VolumeDocument,
  node: Known,
): VolumeInfo {
  const { name, createdAt, serial, naa, behind } = document;
  const { catalog, nodeId, health } = node;
  const target = behind?.target ?? name;
  const inBucket = document.bucket &&
    { ...document.bucket, ...node.volumes?.bucketDisk(name)?.info() };
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
    allocatedBytes: inBucket
      ? inBucket.objectBytes ?? 0
      : allocatedBytes(catalog.dataPath(name)),
    createdAt,
    health,
    chapUsers: chap.users.map(({ user }) => user),
    ...(chap.mutual ? { chapMutualUser: chap.mutual.user } : {}),
    holders: holdersOf(target, node),
    ...(inBucket && { bucket: inBucket }),
  };
}

/** Of one whose document cannot be used: its name is known, and what it takes. */
function damagedVolumeInfo(
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
    allocatedBytes: allocatedBytes(catalog.dataPath(name)),
    createdAt: "",
    health,
    chapUsers: [],
    holders: [],
  };
}
