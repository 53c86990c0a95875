/** `vault volume resize` */

import { command, jsonOption, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize, parseSize } from "./size.ts";
import { confirm, note, print, printJson } from "./terminal.ts";

export function volumeResizeCommand() {
  return command("resize", {
    summary: "grow or shrink a volume",
    description:
      "Gives a volume another size. Growing is seen at once by initiators that are logged in. Shrinking cuts off what lies behind the new end for good, so it asks first: shrink the file system before.",
    examples: [
      ["vault volume resize photos 200GiB", "grow it"],
      [
        "vault volume resize photos 50GiB --yes",
        "shrink it without a question",
      ],
    ],
  })
    .argument("<name>", "the volume")
    .argument("<size>", "its new size: 200GiB, 500M, 1.5T or bytes")
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (name, size, options, self) => {
      const sizeBytes = parseSize(size);
      const stateDir = stateDirOf(self);
      const before = await withNode(stateDir, (node) => node.showVolume(name));
      const shrinks = sizeBytes < before.sizeBytes;
      if (shrinks && !options.yes && !await mayShrink(before, sizeBytes)) {
        return note("Nothing was changed.");
      }
      const after = await withNode(
        stateDir,
        (node) => node.resizeVolume(name, sizeBytes),
      );
      if (options.json) return printJson(after);
      print(
        `Volume "${name}" has ${formatSize(after.sizeBytes)} now; it had ${
          formatSize(before.sizeBytes)
        }.`,
      );
    });
}

function mayShrink(
  before: { readonly name: string; readonly sizeBytes: number },
  sizeBytes: number,
): Promise<boolean> {
  return confirm(
    `Shrink volume "${before.name}" from ${formatSize(before.sizeBytes)} to ${
      formatSize(sizeBytes)
    }? What lies behind is lost.`,
    {
      what:
        `Shrinking volume "${before.name}" loses what lies behind its new end`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
