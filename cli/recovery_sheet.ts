/** What is shown of the key of a new volume. */

import { isTerminal } from "../lib/os/terminal.ts";
import { note, print } from "./terminal.ts";

/** Once, and to a person's eyes alone. */
export function tellRecovery(name: string, lines: readonly string[]): void {
  if (!isTerminal("stdout")) {
    return note(
      `Its key lies in volumes/${name}/key of the node's state folder, and nowhere else: without a copy of it the bucket is worth nothing when this machine is lost.`,
    );
  }
  print();
  for (const line of lines) print(`  ${line}`);
  note(
    `This is the recovery sheet of "${name}": its key, shown this once. Write it down: whoever has it and the bucket has the volume, and without it nobody has when this machine is lost (vault volume recover).`,
  );
}
