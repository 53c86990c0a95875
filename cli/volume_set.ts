/** `vault volume set` */

import { VaultError } from "../lib/base/errors.ts";
import type { BucketChange } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { parseSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";

export function volumeSetCommand() {
  return command("set", {
    summary: "change the limits of a volume in a bucket",
    description:
      "Changes what was said of a volume in a bucket when it was made: how much of it is kept on the local disk, and how fast it is exchanged with the store. That holds at once, while the volume is in use, within 15 s where something waits for a limit; --prefetch holds when `vault serve` is started next.",
    examples: [
      [
        'vault volume set photos --upload-limit "08:00,1M 19:00,off"',
        "by day 1 MiB/s, by night as fast as it goes",
      ],
      [
        "vault volume set photos --cache 100GiB --download-limit off",
        "more room, and no limit",
      ],
    ],
  })
    .argument("<name>", "the volume")
    .option("--cache <size>", "how much is kept on the local disk")
    .option("--prefetch", "bring all of it into the cache, as far as it fits")
    .option("--no-prefetch", "bring into the cache what is read")
    .option("--upload-limit <rates>", "20Mbit/s, or 08:00,1M 19:00,off")
    .option("--download-limit <rates>", "the same for what is fetched")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const { cache, uploadLimit, downloadLimit } = options;
      const prefetch = self.getOptionValueSource("prefetch") === "cli"
        ? options.prefetch
        : undefined;
      const change: BucketChange = {
        ...(cache !== undefined && { cacheBytes: parseSize(cache) }),
        ...(prefetch !== undefined && { prefetch }),
        ...(uploadLimit !== undefined && { upload: uploadLimit }),
        ...(downloadLimit !== undefined && { download: downloadLimit }),
      };
      if (Object.keys(change).length === 0) {
        throw new VaultError("What shall be changed?", {
          kind: "usage",
          hint: "vault volume set NAME --upload-limit 1M",
        });
      }
      const { volume, running } = await withNode(
        stateDirOf(self),
        async (node) => ({
          volume: await node.changeBucket(name, change),
          running: (await node.status()).running,
        }),
      );
      if (options.json) return printJson(volume);
      print(`Volume "${name}" was changed.`);
      if (running && prefetch !== undefined) {
        note("--prefetch holds when `vault serve` is started again.");
      }
    });
}
