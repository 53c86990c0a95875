/** `vault volume clone` */

import { VaultError } from "../lib/base/errors.ts";
import {
  bucketOptionsOf,
  bucketSpecOf,
  keyForNew,
  takeLocal,
  takeNewKey,
} from "./bucket_options.ts";
import { UNFENCED } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { tellRecovery } from "./recovery_sheet.ts";
import { formatSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";

export function volumeCloneCommand() {
  const clone = command("clone", {
    summary: "make a volume of a snapshot, which shares what is in it",
    description:
      "Makes a volume of its own, that can be written to, of a snapshot of a volume in a bucket, at once: nothing of it is copied, and what neither of the two changes is in the bucket once. The clone lies in the same bucket under another prefix and has its own key; whoever has that can read what its source holds, too. The snapshot cannot be deleted, nor its volume with what is in its bucket, as long as there is the clone. The node has to run, and to serve the source.",
    examples: [
      [
        "vault volume clone photos@before-upgrade try --store s3://backup/try",
        "the volume try, with what photos had then",
      ],
      [
        "vault volume clone photos@monday test --store s3://backup/test --key-file test.key",
        "with its key in a file",
      ],
    ],
  })
    .argument("<source>", "VOLUME@SNAPSHOT: what it begins with")
    .argument("<name>", "1 to 63 of a-z, 0-9 and -")
    .option(
      "--store <url>",
      "where it shall lie: s3://BUCKET/PREFIX (required)",
    );
  return takeNewKey(takeLocal(clone))
    .addOption(jsonOption())
    .action(async (of, name, options, self) => {
      const { source, snapshot } = parseSource(of);
      const { store } = options;
      if (store === undefined) {
        throw new VaultError("Where shall it lie?", {
          kind: "usage",
          hint: `vault volume clone ${of} ${name} --store s3://BUCKET/PREFIX`,
        });
      }
      const ofBucket = bucketOptionsOf(self);
      const spec = bucketSpecOf(store, ofBucket);
      const { key, recovery } = await keyForNew(ofBucket);
      const volume = await withNode(
        stateDirOf(self),
        (node) =>
          node.cloneVolume({ source, snapshot, name }, { ...spec, key }),
      );
      if (options.json) {
        return printJson({ ...volume, ...(recovery && { recovery }) });
      }
      print(
        `Made volume "${name}" of "${source}" at "${snapshot}": ${
          formatSize(volume.sizeBytes)
        }, in ${store}.`,
      );
      if (volume.bucket?.unconditional) note(UNFENCED);
      if (recovery) tellRecovery(name, recovery);
    });
}

function parseSource(text: string) {
  const [, source, snapshot] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  if (source !== undefined && snapshot !== undefined) {
    return { source, snapshot };
  }
  throw new VaultError(`"${text}" names no snapshot of a volume`, {
    kind: "usage",
    hint: "Write VOLUME@SNAPSHOT. vault snapshot list shows those there are.",
  });
}
