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
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";

export function volumeRecoverCommand() {
  const recover = command("recover", {
    summary: "take over a volume from its bucket, on another machine",
    description:
      "Finds a volume in the bucket that it was made in, says of what time its state is, and makes it a volume of this node. What the node that had it before has not uploaded is not in it, and from now on that node can write to it no more.",
    examples: [
      [
        "vault volume recover s3://backup/photos --name photos --recovery-sheet",
        "asks for the four lines of the sheet",
      ],
      [
        "vault volume recover s3://backup/photos --name photos --key-file photos.key",
        "with the file that holds its key",
      ],
    ],
  })
    .argument("<url>", "s3://BUCKET/PREFIX, where it was made")
    .option("--name <name>", "what it is called here (required)");
  return takeLocal(takeStore(recover))
    .option("--key-file <file>", "the file that holds its key")
    .option("--recovery-sheet", "type the key's recovery sheet")
    .option("--passphrase", "ask for the passphrase that locks the key file")
    .option("--passphrase-file <file>", "the file that holds the passphrase")
    .addOption(jsonOption())
    .action(async (url, options, self) => {
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
          found: await node.recoverVolume(name, { ...spec, key }),
          volume: await node.showVolume(name),
        }),
      );
      if (options.json) return printJson({ ...volume, recovered: found });
      const { stateOf, liveBytes } = found;
      print(
        `Volume "${name}" has ${formatSize(volume.sizeBytes)}, of which ${
          formatSize(liveBytes)
        } are in use. Its state is ${
          stateOf === undefined ? "empty" : `that of ${stateOf}`
        }.`,
      );
      if (volume.bucket?.unconditional) note(UNFENCED);
    });
}
