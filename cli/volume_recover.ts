/** `vault volume recover` */

import { VaultError } from "../lib/base/errors.ts";
import {
  bucketOptionsOf,
  bucketSpecOf,
  knownKey,
  takeLocal,
  takeStore,
} from "./bucket_options.ts";
import { UNFENCED } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";
import { acceptRollback, noteCut } from "./volume_rollback.ts";

const SCHEME = "s3://";

/** What goes with --accept-rollback: all else is known of the volume already. */
const WITH_ROLLBACK: readonly string[] = ["acceptRollback", "yes", "json"];

export function volumeRecoverCommand() {
  const recover = command("recover", {
    summary: "take over a volume from its bucket, on another machine",
    description:
      "Finds a volume in the bucket that it was made in, says of what time its state is, and makes it a volume of this node. What the node that had it before has not uploaded is not in it, and from now on that node can write to it no more. Where something is missing or damaged there it is refused; with --accept-rollback it is taken up to there. So is, by its name, a volume of this node that is refused because its bucket shows less than was written here, or what another node has written since. What it does not show is given up: unmount the volume first wherever it is in use.",
    examples: [
      [
        "vault volume recover s3://backup/photos --name photos --recovery-sheet",
        "asks for the four lines of the sheet",
      ],
      [
        "vault volume recover s3://backup/photos --name photos --key-file photos.key",
        "with the file that holds its key",
      ],
      [
        "vault volume recover photos --accept-rollback",
        "the bucket was put back to yesterday, and that is to count",
      ],
    ],
  })
    .argument("<url>", "s3://BUCKET/PREFIX, where it was made; or a volume")
    .option("--name <name>", "what it is called here (required)");
  return takeLocal(takeStore(recover))
    .option("--key-file <file>", "the file that holds its key")
    .option("--recovery-sheet", "type the key's recovery sheet")
    .option("--passphrase", "ask for the passphrase that locks the key file")
    .option("--passphrase-file <file>", "the file that holds the passphrase")
    .option(
      "--accept-rollback",
      "take what the bucket shows, and give up the rest",
    )
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (url, options, self) => {
      const { yes = false, json = false, acceptRollback: less = false } =
        options;
      if (less && !url.startsWith(SCHEME)) {
        expectNothingElse(self);
        const stateDir = stateDirOf(self);
        return await acceptRollback(url, { stateDir, yes, json });
      }
      const { name } = options;
      if (name === undefined) {
        throw new VaultError("What shall it be called here?", {
          kind: "usage",
          hint: "vault volume recover s3://BUCKET/PREFIX --name NAME",
        });
      }
      const ofBucket = bucketOptionsOf(self);
      const spec = bucketSpecOf(url, ofBucket);
      const key = await knownKey({ ...ofBucket, ...options });
      const { found, volume } = await withNode(
        stateDirOf(self),
        async (node) => ({
          found: await node.recoverVolume(name, { ...spec, key }, less),
          volume: await node.showVolume(name),
        }),
      );
      if (json) return printJson({ ...volume, recovered: found });
      const { stateOf, liveBytes } = found;
      print(
        `Volume "${name}" has ${formatSize(volume.sizeBytes)}, of which ${
          formatSize(liveBytes)
        } are in use. Its state is ${
          stateOf === undefined ? "empty" : `that of ${stateOf}`
        }.`,
      );
      noteCut(found);
      if (volume.bucket?.unconditional) note(UNFENCED);
    });
}

/** @throws {VaultError} `usage` */
function expectNothingElse(
  self: {
    readonly options: readonly {
      readonly long?: string | undefined;
      attributeName(): string;
    }[];
    getOptionValueSource(name: string): string | undefined;
  },
): void {
  const given = self.options.find((option) => {
    const name = option.attributeName();
    return !WITH_ROLLBACK.includes(name) &&
      self.getOptionValueSource(name) === "cli";
  });
  if (!given) return;
  throw new VaultError(`${given.long} does not go with --accept-rollback`, {
    kind: "usage",
  });
}
