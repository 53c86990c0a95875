/** `vault volume verify` */

import type {
  DamageInfo,
  NodeOperations,
  VerifyResult,
  VerifyWork,
} from "../lib/control/operations.ts";
import { systemClock } from "../lib/os/clock.ts";
import { Bar } from "./bar.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { Ended, EXIT } from "./exit_status.ts";
import { formatSize } from "./size.ts";
import { complain, note, print, printJson } from "./terminal.ts";

/** How often it is asked how far it is. */
const POLL_MS = 200;
/** Where no bar moves a line is said for each so many hundredths. */
const STEP_PERCENT = 10;
/** Extents of an object that are shown; `--json` has more. */
const SHOWN_EXTENTS = 8;

export function volumeVerifyCommand() {
  return command("verify", {
    summary: "read a volume in a bucket back, and prove all of it",
    description:
      "Reads everything that the bucket holds of the volume and checks that it is what was written: every byte and every tag, that the segments follow each other, and that nothing is missing; of a clone also what it reads of the volume that it was made of. It works while the volume is in use and disturbs nobody, and keeps to the volume's download limit; all of it is fetched. What was cut off goes on where it was; one that has come to its end begins anew. What is damaged is named, with those bytes of the volume that lie in it, and the command ends with 1.",
    examples: [
      ["vault volume verify photos", "with a bar that shows how far it is"],
      ["vault volume verify photos --json", "what was found, for a program"],
    ],
  })
    .argument("<name>", "the volume")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const result = await withNode(
        stateDirOf(self),
        (node) => verified(node, name),
      );
      if (options.json) printJson(result);
      else tell(name, result);
      if (!isSound(result)) throw new Ended(EXIT.failed);
    });
}

function isSound({ damages, missingClaims }: VerifyResult): boolean {
  return damages.length === 0 && missingClaims.length === 0;
}

/** Resolves when it has come to its end. @throws {VaultError} what has ended it before */
async function verified(
  node: NodeOperations,
  name: string,
): Promise<VerifyResult> {
  const bar = new Bar("reading");
  try {
    let work = await node.verifyVolume(name);
    if (work.resumed) note("It goes on where it was cut off.");
    for (let said = 0; !work.result; work = await node.verifyWork(name)) {
      const { doneBytes, totalBytes } = work;
      if (totalBytes > 0) bar.show(doneBytes, totalBytes);
      said = bar.moves ? said : sayStep(work, said);
      await systemClock.sleep(POLL_MS);
    }
    return work.result;
  } finally {
    bar.clear();
  }
}

/** Gives how many hundredths were said last. */
function sayStep({ doneBytes, totalBytes }: VerifyWork, said: number): number {
  if (totalBytes === 0) return said;
  const percent = Math.floor(doneBytes / totalBytes * 100);
  if (percent < said + STEP_PERCENT) return said;
  note(`${percent} % of ${formatSize(totalBytes)} read`);
  return percent - percent % STEP_PERCENT;
}

function tell(name: string, result: VerifyResult): void {
  const { segments, others, bytes, stateOf, damages, moreDamages } = result;
  const { inherited = 0 } = result;
  const shared = inherited === 0 ? "" : ` (${inherited} of its sources')`;
  const objects = `${segments} segments${shared} and ${others} other objects, ${
    formatSize(bytes)
  }`;
  if (isSound(result)) {
    const state = stateOf === undefined ? "" : `, as of ${stateOf}`;
    print(
      `Volume "${name}" is what was written to it${state}: ${objects}.`,
    );
    return;
  }
  for (const damage of damages) {
    const { kind, number, name, why, prefix } = damage;
    const whose = prefix === undefined ? "" : `, of what it is a clone of`;
    print(`${kind} ${number} (${prefix ?? ""}${name})${whose}: ${why}`);
    for (const line of hitBy(damage)) print(`  ${line}`);
  }
  if (moreDamages > 0) print(`${moreDamages} more objects are damaged.`);
  for (const epoch of result.missingClaims) {
    print(
      `the claim of epoch ${epoch} is missing: a node that has slept since might write where it must not`,
    );
  }
  complain(
    `Volume "${name}" is damaged, of ${objects}`,
    "Copy what can be read while it can be. What the store keeps of earlier versions of these objects brings them back.",
  );
}

/** What of the volume is hit, in lines. */
function hitBy(damage: DamageInfo): readonly string[] {
  const { closes, extents, moreExtents, snapshots } = damage;
  if (closes) return ["the volume cannot be opened as long as it is so"];
  const hit = snapshots.map((name) => `snapshot "${name}" needs it`);
  if (extents.length === 0) {
    return ["nothing of the volume as it is now lies there", ...hit];
  }
  const shown = extents.slice(0, SHOWN_EXTENTS)
    .map(({ offset, length }) => `${formatSize(length)} at byte ${offset}`);
  const more = extents.length - shown.length + moreExtents;
  return [
    ...shown.map((extent) => `cannot be read: ${extent}`),
    ...(more > 0 ? [`and ${more} more such places`] : []),
    ...hit,
  ];
}
