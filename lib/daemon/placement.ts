/** Where a volume is among the logical units of a target. */

import { VaultError } from "../base/errors.ts";
import type { VolumeSpec } from "../control/operations.ts";
import { MAX_LUN, type VolumeDocument } from "./documents.ts";

/** The place of a volume that has no target of its own. */
export type Behind = NonNullable<VolumeDocument["behind"]>;

/**
 * Where a new volume goes; undefined where it gets a target of its own. `volumes` are those that there are.
 *
 * @throws {VaultError} where there is no such target, or no such place is free there
 */
export function placeOf(
  spec: Pick<VolumeSpec, "target" | "lun">,
  volumes: readonly VolumeDocument[],
): Behind | undefined {
  if (spec.target === undefined) {
    if (spec.lun === undefined) return undefined;
    throw new VaultError("A volume with a target of its own is LUN 0 there", {
      kind: "usage",
      hint: "--lun goes with --target.",
    });
  }
  const target = targetOf(spec.target, volumes);
  if (volumes.some(({ name, bucket }) => name === target && bucket)) {
    throw new VaultError(
      `Nothing can be put behind the target of "${target}", whose bytes are in a bucket`,
      { kind: "usage", hint: "Without --target it gets a target of its own." },
    );
  }
  const taken = new Map([[0, target]]);
  for (const { name, behind } of volumes) {
    if (behind?.target === target) taken.set(behind.lun, name);
  }
  if (spec.lun === undefined) return { target, lun: freeLun(target, taken) };
  checkLun(spec.lun);
  const holder = taken.get(spec.lun);
  if (holder === undefined) return { target, lun: spec.lun };
  throw new VaultError(
    `LUN ${spec.lun} of the target of "${target}" is volume "${holder}"`,
    { kind: "conflict", hint: "Without --lun, the next free one is taken." },
  );
}

/** @throws {VaultError} while other volumes are behind the target of `name` */
export function expectNobodyBehind(
  name: string,
  volumes: readonly VolumeDocument[],
): void {
  const others = volumes.filter(({ behind }) => behind?.target === name)
    .map((volume) => volume.name);
  if (others.length === 0) return;
  throw new VaultError(
    `Cannot delete volume "${name}": ${
      others.length === 1 ? "another is" : "others are"
    } behind its target`,
    { kind: "conflict", hint: `Delete first: ${others.join(", ")}` },
  );
}

/** The volume at LUN 0 of the target that `name` is behind. */
function targetOf(name: string, volumes: readonly VolumeDocument[]): string {
  const volume = volumes.find((volume) => volume.name === name);
  if (volume) return volume.behind?.target ?? volume.name;
  throw new VaultError(`There is no volume "${name}"`, {
    kind: "not-found",
    hint: "--target names the volume whose target it is.",
  });
}

function freeLun(target: string, taken: ReadonlyMap<number, string>): number {
  for (let lun = 1; lun <= MAX_LUN; lun++) if (!taken.has(lun)) return lun;
  throw new VaultError(`The target of "${target}" has no LUN left`, {
    kind: "conflict",
    hint: `A target has at most ${MAX_LUN + 1}.`,
  });
}

function checkLun(lun: number): void {
  if (Number.isInteger(lun) && lun >= 0 && lun <= MAX_LUN) return;
  throw new VaultError(`There is no LUN ${lun}`, {
    kind: "usage",
    hint: `Choose 1 to ${MAX_LUN}.`,
  });
}
