/** `vault volume export` */

import { resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { makeSnapshot } from "./snapshot_work.ts";
import { print, printJson } from "./terminal.ts";
import { TransferBar } from "./volume_import.ts";

export function volumeExportCommand() {
  return command("export", {
    summary: "write a volume as an image",
    description:
      "Writes a volume as an image into a new file, raw or qcow2; the latter needs qemu-img and a volume in a file. One in a bucket is fetched from there, with the store's keys from the environment. A snapshot is what is written: the one that is named, or one of now, made for it and deleted in the end, so the volume may be in use. Zeros take no room. All of it is read back, and its SHA-256 printed. Where it is cut off, the same command goes on with the same snapshot: a raw image where it was, after what is there was compared; a qcow2 image from its beginning.",
    examples: [
      ["vault volume export photos photos.img", "as it is now"],
      [
        "vault volume export photos old.qcow2 --snapshot monday --format qcow2",
        "as it was",
      ],
    ],
  })
    .argument("<name>", "the volume")
    .argument("<file>", "the file to make")
    .option("--snapshot <snapshot>", "as it was then (default: as it is now)")
    .addOption(
      new Option("--format <format>", "of the image")
        .choices(["raw", "qcow2"] as const).default("raw" as const),
    )
    .addOption(jsonOption())
    .action(async (volume, file, options, self) => {
      const stateDir = stateDirOf(self);
      const { exportVolume } = await import("../lib/daemon/volume_export.ts");
      const bar = new TransferBar();
      try {
        const done = await exportVolume({
          stateDir,
          volume,
          file: resolve(file),
          format: options.format,
          ...(options.snapshot === undefined
            ? {}
            : { snapshot: options.snapshot }),
          askNode: (ask) => withNode(stateDir, ask),
          makeSnapshot: (name) =>
            withNode(stateDir, (node) => makeSnapshot(node, { volume, name })),
          say: (line) => bar.say(line),
          progress: (phase, done, total) => bar.show(phase, done, total),
        });
        bar.clear();
        if (options.json) return printJson(done);
        print(
          `Wrote volume "${volume}" to ${file}: ${
            formatSize(done.sizeBytes)
          }, ${options.format}.`,
        );
        print(`SHA-256 ${done.sha256}`);
      } finally {
        bar.clear();
      }
    });
}
