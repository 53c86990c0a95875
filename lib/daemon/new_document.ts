/** The document that a new volume begins with. */

import { toHex } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Primitives } from "../base/primitives.ts";
import type { VolumeSpec } from "../control/operations.ts";
import type { VolumeDocument } from "./documents.ts";
import type { Behind } from "./placement.ts";

/** NAA 3h, locally assigned (SPC-5 section 7.7.6.6.4), in the first digit. */
export const NAA_LOCALLY_ASSIGNED = "3";

/** What is asked for, and what tells it from every other disk. */
export function newDocument(
  spec: VolumeSpec,
  { behind, primitives, clock }: {
    readonly behind: Behind | undefined;
    readonly primitives: Primitives;
    readonly clock: Clock;
  },
): VolumeDocument {
  return {
    version: 1,
    name: spec.name,
    sizeBytes: spec.sizeBytes,
    blockSizeBytes: spec.blockSizeBytes,
    readOnly: spec.readOnly,
    ...(spec.removable ? { removable: true } : {}),
    serial: toHex(primitives.random(8)),
    naa: NAA_LOCALLY_ASSIGNED + toHex(primitives.random(8)).slice(1),
    ...(behind ? { behind } : {}),
    createdAt: new Date(clock.now()).toISOString(),
    chap: { users: [] },
  };
}
