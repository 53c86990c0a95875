/** `vault volume recover --accept-rollback` */

import type {
  Recovery,
  Rollback,
  VolumeInfo,
} from "../lib/control/operations.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { confirm, note, print, printJson } from "./terminal.ts";

/** Takes the volume `name` as its bucket shows it, after a question unless `yes`. @throws {VaultError} */
export async function acceptRollback(
  name: string,
  { stateDir, yes, json }: {
    readonly stateDir: string;
    readonly yes: boolean;
    readonly json: boolean;
  },
): Promise<void> {
  const volume = await withNode(stateDir, (node) => node.showVolume(name));
  if (!yes && !await mayAccept(volume)) return note("Nothing was changed.");
  const { found, after } = await withNode(stateDir, async (node) => ({
    found: await node.acceptRollback(name),
    after: await node.showVolume(name),
  }));
  if (json) return printJson({ ...after, accepted: found });
  print(sentence(after, found));
  noteCut(found);
  if (found.keptIn !== undefined) {
    note(
      `${
        formatSize(found.givenUpBytes)
      } that waited to be uploaded are in ${found.keptIn}, and in no volume any more. Delete that folder when you are sure.`,
    );
  }
}

/** Says what was not taken, where there was more. */
export function noteCut({ cut }: Recovery): void {
  if (cut !== undefined) note(`What comes then is cut off: ${cut}.`);
}

function sentence(
  { name, sizeBytes }: VolumeInfo,
  { liveBytes, stateOf }: Rollback,
): string {
  const [size, live] = [formatSize(sizeBytes), formatSize(liveBytes)];
  const state = stateOf === undefined ? "empty" : `that of ${stateOf}`;
  return `Volume "${name}" is what its bucket shows: ${size}, of which ${live} are in use. Its state is ${state}.`;
}

function mayAccept({ name, health }: VolumeInfo): Promise<boolean> {
  const why = health === "ok" ? "" : ` (${health})`;
  return confirm(
    `Take volume "${name}"${why} as its bucket shows it? What was written since then, what comes behind anything that is missing or damaged there, and all that is not uploaded, is given up for good.`,
    {
      what:
        `Accepting what the bucket shows of volume "${name}" gives up what was written since`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
