/** `vault volume create` */

import { VaultError } from "../lib/base/errors.ts";
import { Option } from "@commander-js/extra-typings";
import {
  bucketOptionsOf,
  chosenStore,
  keyForNew,
  takeOptionalStore,
} from "./bucket_options.ts";
import { UNFENCED } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { tellRecovery } from "./recovery_sheet.ts";
import { formatSize, parseSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";

/** What LUN a volume has in a target of its own. */
const OWN_LUN = 0;

export function volumeCreateCommand() {
  const create = command("create", {
    summary: "make a volume",
    description:
      "Makes a volume that takes room on this machine only as it is written to. Sizes: 100GiB, 500M, 1.5T or bytes; GiB and G are powers of 1024, GB is a power of 1000.",
    examples: [
      ["vault volume create photos --size 100GiB", "100 × 1024³ bytes"],
      [
        "vault volume create vm --size 1T --block-size 4096",
        "a disk with 4096-byte blocks",
      ],
      [
        "vault volume create photos --size 2TiB --store s3://backup/photos --cache 20GiB",
        "in a bucket, sealed, with what was used lately on this machine",
      ],
      [
        "vault volume create logs --size 10GiB --target vm",
        "another disk behind the target of vm: vault attach vm gives both",
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
    .option(
      "--removable",
      "make a disk whose medium can be ejected and loaded, like a card reader's",
    )
    .option(
      "--target <volume>",
      "put it behind the target of that volume, as another LUN",
    )
    .option("--lun <number>", "with --target: its LUN (default: the next)");
  return takeOptionalStore(create)
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      // Not a required option of the parser, which would complain of it before it looks at a mistyped one.
      const sizeBytes = parseSize(expectSize(options.size));
      const spec = chosenStore(self);
      const chosen = spec && await keyForNew(bucketOptionsOf(self));
      const bucket = spec && chosen && { ...spec, key: chosen.key };
      const volume = await withNode(
        stateDirOf(self),
        (node) =>
          node.createVolume({
            name,
            sizeBytes,
            blockSizeBytes: options.blockSize === "512" ? 512 : 4096,
            readOnly: options.readOnly ?? false,
            ...(options.removable ? { removable: true } : {}),
            ...(options.target === undefined ? {} : { target: options.target }),
            ...(options.lun === undefined
              ? {}
              : { lun: parseLun(options.lun) }),
          }, bucket),
      );
      const recovery = chosen?.recovery;
      if (options.json) {
        return printJson({ ...volume, ...(recovery && { recovery }) });
      }
      print(
        `Made volume "${volume.name}": ${formatSize(volume.sizeBytes)}${
          volume.lun === OWN_LUN
            ? ""
            : `, LUN ${volume.lun} of the target of "${volume.target}"`
        }${spec ? `, in ${spec.url}` : ""}.`,
      );
      if (volume.bucket?.unconditional) note(UNFENCED);
      if (recovery) tellRecovery(volume.name, recovery);
    });
}

function parseLun(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new VaultError(`"${text}" is no LUN`, {
    hint: "A LUN is a number: 1 to 255.",
    kind: "usage",
  });
}

function expectSize(size: string | undefined): string {
  if (size !== undefined) return size;
  throw new VaultError("How large shall it be?", {
    hint: "vault volume create NAME --size 100GiB",
    kind: "usage",
  });
}
