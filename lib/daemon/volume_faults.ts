/**
 * Which volumes of a node can be served, and what is in the way of the others. One that cannot be served is offered not at all, keeps no
 * other from it, and is named wherever volumes are told of.
 *
 * Of two volumes that claim the same place neither is served: an initiator would get one of them in the place of the other.
 */

import { messageOf, VaultError } from "../base/errors.ts";
import type { Health } from "../store/store.ts";
import type { VolumeDocument } from "./documents.ts";

/** Each volume's document, or why it cannot be used, by name. */
export type Survey = ReadonlyMap<string, VolumeDocument | VaultError>;

/** Why volumes are not served, by name. */
export type Faults = ReadonlyMap<string, unknown>;

/** Attempts each volume, a target before what is behind it; what is thrown is that volume's fault. */
export function faultsOf(
  survey: Survey,
  attempt: (volume: VolumeDocument) => void,
): Faults {
  const faults = new Map<string, unknown>();
  const documents: VolumeDocument[] = [];
  for (const [name, found] of survey) {
    if (found instanceof VaultError) faults.set(name, found);
    else documents.push(found);
  }
  const tryOut = (document: VolumeDocument, before: () => void) => {
    try {
      before();
      attempt(document);
    } catch (thrown) {
      faults.set(document.name, thrown);
    }
  };
  for (const document of documents) {
    if (!document.behind) tryOut(document, () => {});
  }
  const luns = Map.groupBy(documents, placeOf);
  for (const document of documents) {
    if (!document.behind) continue;
    tryOut(document, () => {
      expectTarget(document, survey, faults);
      expectAlone(document, luns.get(placeOf(document)) ?? []);
    });
  }
  return faults;
}

/** What is told of a volume's health. */
export function notServed(fault: unknown): string {
  return `not served: ${messageOf(fault)}`;
}

/** What is told to whoever asks for a volume that is not served. */
export function withoutService(name: string, fault: unknown): VaultError {
  const hint = fault instanceof VaultError ? fault.hint : undefined;
  return new VaultError(`Volume "${name}" is ${notServed(fault)}`, {
    hint: hint ?? "`vault doctor` on the node looks at all its volumes.",
    cause: fault,
  });
}

/** The fault of a volume that could be served and is not any more. */
export function outOfService(): VaultError {
  return new VaultError("it was taken out of service", {
    hint: "It is looked at again when `vault serve` is started again.",
  });
}

function placeOf({ name, behind }: VolumeDocument): string {
  return behind ? `${behind.target} ${behind.lun}` : `${name} 0`;
}

/** @throws {VaultError} unless the target that the volume is behind is there and can be served */
function expectTarget(
  { name, behind }: VolumeDocument,
  survey: Survey,
  faults: Faults,
): void {
  if (!behind) return;
  const { target } = behind;
  const found = survey.get(target);
  if (!found) {
    throw new VaultError(
      `there is no volume "${target}", behind whose target it is`,
      { hint: `Put it back from a copy, or: vault volume delete ${name}` },
    );
  }
  if (faults.has(target)) {
    throw new VaultError(
      `volume "${target}", behind whose target it is, is not served`,
      { hint: `Mend "${target}" first.` },
    );
  }
  if ("behind" in found && found.behind) {
    throw new VaultError(
      `volume "${target}", behind whose target it is said to be, has no target of its own`,
      { hint: `Name "${found.behind.target}" in its volume.json.` },
    );
  }
}

/** @throws {VaultError} where others claim the same LUN */
function expectAlone(
  { name, behind }: VolumeDocument,
  claiming: readonly VolumeDocument[],
): void {
  const others = claiming.map((volume) => volume.name)
    .filter((other) => other !== name);
  if (!behind || others.length === 0) return;
  throw new VaultError(
    `LUN ${behind.lun} of the target of "${behind.target}" is claimed by ${
      others.map((other) => `"${other}"`).join(", ")
    }, too`,
    {
      hint:
        "vault gives no LUN twice, so a volume.json was changed from outside: give one of them another LUN there, or delete it.",
    },
  );
}

/** What somebody wants to do with it that cannot be done while sessions are logged in. */
export function inUse(name: string, sessions: number): VaultError {
  return new VaultError(
    `Volume "${name}" is in use: ${sessions} ${
      sessions === 1 ? "session is" : "sessions are"
    } logged in`,
    {
      kind: "conflict",
      hint:
        "`vault status` shows by whom. Detach it there, and try again: vault detach VOLUME",
    },
  );
}

/** Whether a store that is served takes writes, for people; `noRoomSinceMs` is asked where it has no room for them. */
export function told(
  health: Health,
  noRoomSinceMs: () => number | undefined,
): string {
  if (health.state === "failed") return `failed: ${health.why}`;
  if (health.noRoom === undefined) return "ok";
  const sinceMs = noRoomSinceMs();
  const since = sinceMs === undefined
    ? ""
    : ` since ${new Date(sinceMs).toISOString()}`;
  return `no room${since}: ${health.noRoom}`;
}
