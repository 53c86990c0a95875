/** `vault volume create` */

import { VaultError } from "../lib/base/errors.ts";
import { Option } from "@commander-js/extra-typings";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize, parseSize } from "./size.ts";
import { print, printJson } from "./terminal.ts";

export function volumeCreateCommand() {
  return command("create", {
    summary: "make a volume",
    description:
      "Makes a volume that takes room on this machine only as it is written to. Sizes: 100GiB, 500M, 1.5T or bytes; GiB and G are powers of 1024, GB is a power of 1000.",
    examples: [
      ["vault volume create photos --size 100GiB", "100 × 1024³ bytes"],
      [
        "vault volume create vm --size 1T --block-size 4096",
        "a disk with 4096-byte blocks",
      ],
    ],
  })
    .argument("<name>", "1 to 63 of a-z, 0-9 and -")
    .option("--size <size>", "how large it is (required)")
    .addOption(
      new Option("--block-size <bytes>", "bytes in a block of the disk")
        .choices(["512", "4096"] as const).default("512" as const),
    )
    .option("--read-only", "make a disk that nobody can write to")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      // Not a required option of the parser, which would complain of it before it looks at a mistyped one.
      const sizeBytes = parseSize(expectSize(options.size));
      const volume = await withNode(
        stateDirOf(self),
        (node) =>
          node.createVolume({
            name,
            sizeBytes,
            blockSizeBytes: options.blockSize === "512" ? 512 : 4096,
            readOnly: options.readOnly ?? false,
          }),
      );
      if (options.json) return printJson(volume);
      print(`Made volume "${volume.name}": ${formatSize(volume.sizeBytes)}.`);
    });
}

function expectSize(size: string | undefined): string {
  if (size !== undefined) return size;
  throw new VaultError("How large shall it be?", {
    hint: "vault volume create NAME --size 100GiB",
    kind: "usage",
  });
}
