/** `vault volume recover --accept-rollback` */

import { VaultError } from "../lib/base/errors.ts";
import type { Rollback, VolumeInfo } from "../lib/control/operations.ts";
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
  if (name.startsWith("s3://")) {
    throw new VaultError("--accept-rollback is said of a volume of this node", {
      kind: "usage",
      hint: "vault volume recover NAME --accept-rollback",
    });
  }
  const volume = await withNode(stateDir, (node) => node.showVolume(name));
  if (!yes && !await mayAccept(volume)) return note("Nothing was changed.");
  const { found, after } = await withNode(stateDir, async (node) => ({
    found: await node.acceptRollback(name),
    after: await node.showVolume(name),
  }));
  if (json) return printJson({ ...after, accepted: found });
  print(sentence(after, found));
  if (found.keptIn !== undefined) {
    note(
      `${
        formatSize(found.givenUpBytes)
      } that waited to be uploaded are in ${found.keptIn}, and in no volume any more. Delete that folder when you are sure.`,
    );
  }
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
    `Take volume "${name}"${why} as its bucket shows it? What was written since then, and all that is not uploaded, is given up.`,
    {
      what:
        `Accepting what the bucket shows of volume "${name}" gives up what was written since`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
