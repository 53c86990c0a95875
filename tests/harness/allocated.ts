/** How far something has got that is being copied. */

import { exists } from "./exists.ts";
import type { Machine } from "./vault.ts";

/** Bytes that a file occupies; 0 where there is none. */
export function allocatedBytes(path: string): number {
  return exists(path) ? 512 * (Deno.statSync(path).blocks ?? 0) : 0;
}

/** Bytes that the snapshots of the volume "disk" occupy, halves of them, too. */
export function snapshotBytes(node: Machine): number {
  const folder = snapshotsOf(node);
  if (!exists(folder)) return 0;
  return [...Deno.readDirSync(folder)].reduce(
    (sum, { name }) => sum + allocatedBytes(`${folder}/${name}/data`),
    0,
  );
}

/** Where they are. */
export function snapshotsOf({ state }: Machine): string {
  return `${state}/node/volumes/disk/snapshots`;
}
