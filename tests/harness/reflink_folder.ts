/** A folder on a file system that can share bytes between files. */

import {
  MountedFolder,
  type MountOptions,
  whyNoMountedFolder,
} from "./mounted_folder.ts";

/** What XFS wants at least is 300 MB; it is thin. */
const XFS: MountOptions = { type: "xfs", sizeBytes: 512 * 2 ** 20 };

/** Why this machine cannot have one, or undefined where it can. */
export function whyNoReflinkFolder(): string | undefined {
  return whyNoMountedFolder(XFS);
}

export class ReflinkFolder extends MountedFolder {
  /** Makes and mounts one. @throws {Error} where this machine does not let it */
  constructor() {
    super(XFS);
  }
}
