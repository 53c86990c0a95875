/** `vault demo` */

import { messageOf } from "../lib/base/errors.ts";
import { systemClock } from "../lib/os/clock.ts";
import { onStopSignals } from "../lib/os/signals.ts";
import { command, jsonOption } from "./command.ts";
import type { Act } from "./demo/acts.ts";
import type { Stage } from "./demo/stage.ts";
import { Ended, EXIT } from "./exit_status.ts";
import { colours, print, printJson, printTable, Progress } from "./terminal.ts";

interface Scene {
  readonly act: string;
  readonly passed: boolean;
  readonly seen: string;
  readonly seconds: number;
}

export function demoCommand() {
  return command("demo", {
    summary: "show it all at work on this machine, in half a minute",
    description:
      "Runs a real `vault serve` and a real `vault attach` as two processes in a temporary folder, writes to a volume and reads it back, and lets a proxy between the two flip a bit, replay a record and drop one. Nothing is left behind.",
    examples: [["vault demo", "no installation, no root, no second machine"]],
  })
    .addOption(jsonOption())
    .action(async (options) => {
      const scenes = await perform();
      if (options.json) printJson(scenes);
      else await show(scenes);
      if (scenes.some(({ passed }) => !passed)) throw new Ended(EXIT.failed);
    });
}

async function perform(): Promise<readonly Scene[]> {
  const { acts } = await import("./demo/acts.ts");
  const { Stage } = await import("./demo/stage.ts");
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => {});
  const forget = onStopSignals({
    first: () => interrupted.reject(new Ended(EXIT.interrupted)),
    // What is left to do is to clean up, which takes a moment.
    again: () => {},
  });
  const stage = new Stage();
  const progress = new Progress();
  try {
    return await playAll({
      acts: acts(),
      stage,
      progress,
      interrupted: interrupted.promise,
    });
  } finally {
    progress.clear();
    await stage.end();
    forget();
  }
}

async function playAll(
  parts: {
    readonly acts: readonly Act[];
    readonly stage: Stage;
    readonly progress: Progress;
    readonly interrupted: Promise<never>;
  },
): Promise<readonly Scene[]> {
  const { acts, stage, progress, interrupted } = parts;
  const scenes: Scene[] = [];
  for (const [at, { title, play }] of acts.entries()) {
    progress.step(`[${at + 1}/${acts.length + 1}] ${title}`);
    const scene = await playOne(
      title,
      () => Promise.race([play(stage), interrupted]),
    );
    scenes.push(scene);
    // Later acts build on what failed.
    if (!scene.passed) return scenes;
  }
  progress.step(`[${acts.length + 1}/${acts.length + 1}] both stop in order`);
  scenes.push(
    await playOne("both stop in order", async () => {
      if (await stage.end()) return "and left nothing behind";
      throw new Error("one of the two had to be killed");
    }),
  );
  return scenes;
}

async function playOne(
  act: string,
  play: () => Promise<string>,
): Promise<Scene> {
  const began = systemClock.monotonic();
  const seconds = () => (systemClock.monotonic() - began) / 1000;
  try {
    return { act, passed: true, seen: await play(), seconds: seconds() };
  } catch (thrown) {
    if (thrown instanceof Ended) throw thrown;
    return {
      act,
      passed: false,
      seen: messageOf(thrown),
      seconds: seconds(),
    };
  }
}

async function show(scenes: readonly Scene[]): Promise<void> {
  const { green, red } = colours("stdout");
  await printTable(scenes, [
    { head: "WHAT", cell: ({ act }) => act },
    { head: "", cell: ({ passed }) => passed ? "ok" : "FAILED" },
    { head: "SEEN", cell: ({ seen }) => seen },
    {
      head: "TIME",
      cell: ({ seconds }) => `${seconds.toFixed(1)} s`,
      align: "right",
    },
  ]);
  const failed = scenes.filter(({ passed }) => !passed).length;
  if (failed === 0) print("All of it held.", green);
  else print(`${failed} of it did not hold.`, red);
}
