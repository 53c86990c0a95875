/** `vault volume import` */

import { resolve } from "node:path";
import { VaultError } from "../lib/base/errors.ts";
import { Option } from "@commander-js/extra-typings";
import { Bar } from "./bar.ts";
import {
  bucketOptionsOf,
  chosenStore,
  keysForImport,
  recoveryOf,
  takeOptionalStore,
} from "./bucket_options.ts";
import { UNFENCED } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { tellRecovery } from "./recovery_sheet.ts";
import { formatSize } from "./size.ts";
import { note, print, printJson } from "./terminal.ts";

export function volumeImportCommand() {
  const imports = command("import", {
    summary: "make a volume of an image",
    description:
      "Makes a volume of a raw or qcow2 image; the latter needs qemu-img. Zeros take no room. All of it is read back, and its SHA-256 printed. Where it is cut off, by Ctrl-C, kill -9 or a power cut, the same command goes on where it was, after it has compared what is there. The image must not change meanwhile. With --store it goes into a bucket, which this command asks itself: it takes the store's keys from its own environment. The volume is there when all of it is uploaded; that is read back by vault volume verify.",
    examples: [
      ["vault volume import disk.img --name photos", "a raw image"],
      [
        "vault volume import vm.qcow2 --name vm --block-size 4096",
        "a qcow2 one",
      ],
      [
        "vault volume import disk.img --name photos --store s3://backup/photos",
        "into a bucket, sealed",
      ],
    ],
  })
    .argument("<file>", "the image")
    .option("--name <volume>", "the volume to make (required)")
    .addOption(
      new Option("--format <format>", "(default: what its first bytes say)")
        .choices(["raw", "qcow2"] as const),
    )
    .addOption(
      new Option("--block-size <bytes>", "bytes in a block of the disk")
        .choices(["512", "4096"] as const).default("512" as const),
    )
    .option("--read-only", "make a disk that nobody can write to")
    .option("--pad", "let zeros follow an image that ends within a block");
  return takeOptionalStore(imports)
    .addOption(jsonOption())
    .action(async (file, options, self) => {
      const stateDir = stateDirOf(self);
      const name = expectVolume(options.name);
      const ofBucket = bucketOptionsOf(self);
      const spec = chosenStore(self);
      const { importVolume } = await import("../lib/daemon/volume_import.ts");
      const bar = new TransferBar();
      try {
        const made = await importVolume({
          file: resolve(file),
          ...(options.format ? { format: options.format } : {}),
          volume: {
            name,
            blockSizeBytes: options.blockSize === "512" ? 512 : 4096,
            readOnly: options.readOnly ?? false,
          },
          ...(spec && { bucket: { spec, ...keysForImport(ofBucket) } }),
          pad: options.pad ?? false,
          askNode: (ask) => withNode(stateDir, ask),
          say: (line) => bar.say(line),
          progress: (phase, done, total) => bar.show(phase, done, total),
        });
        bar.clear();
        const { key, ...volume } = made;
        const recovery = key && recoveryOf(key, ofBucket);
        if (options.json) {
          return printJson({ ...volume, ...(recovery && { recovery }) });
        }
        const where = spec ? `, in ${spec.url}` : "";
        print(`Made volume "${name}": ${formatSize(made.sizeBytes)}${where}.`);
        print(`SHA-256 ${made.sha256}`);
        if (volume.bucket?.unconditional) note(UNFENCED);
        if (recovery) tellRecovery(name, recovery);
        if (spec && made.health !== "ok") {
          note(`It is there, and ${made.health}`);
        }
      } finally {
        bar.clear();
      }
    });
}

/** A bar for each phase of a transfer. */
export class TransferBar {
  #phase = "";
  #bar = new Bar("");

  show(phase: string, doneBytes: number, totalBytes: number): void {
    if (phase !== this.#phase) {
      this.#bar.clear();
      this.#phase = phase;
      this.#bar = new Bar(phase);
    }
    this.#bar.show(doneBytes, totalBytes);
  }

  say(line: string): void {
    this.#bar.clear();
    note(line);
  }

  clear(): void {
    this.#bar.clear();
  }
}

function expectVolume(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new VaultError("What shall the volume be called?", {
    hint: "vault volume import FILE --name NAME",
    kind: "usage",
  });
}
