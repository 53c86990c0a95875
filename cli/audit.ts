/** `vault audit` */

import { Option } from "@commander-js/extra-typings";
import {
  AUDIT_KIND_NAMES,
  type AuditLine,
  type AuditNews,
  AuditReader,
} from "../lib/daemon/audit_reader.ts";
import { StateFolder } from "../lib/daemon/state_folder.ts";
import { systemClock } from "../lib/os/clock.ts";
import { onStopSignals } from "../lib/os/signals.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { note, print, printJson, printJsonLine, warn } from "./terminal.ts";

/** How often --follow looks. */
const LOOK_MS = 500;

/** So wide are the columns that most lines have. */
const KIND_WIDTH = Math.max(...AUDIT_KIND_NAMES.map(({ length }) => length));

export function auditCommand() {
  return command("audit", {
    summary: "show who came, was refused, shut out, and what was changed",
    description:
      "Shows what this node and the attachments of this machine have written down: who attached, was refused, revoked, whose records were tampered with, with time and address. Where somebody brings about more lines than are kept, they are counted.",
    examples: [
      ["vault audit --since 24h", "what happened since yesterday"],
      ["vault audit --kind refused tampered", "who was kept out, and why"],
      ["vault audit --device laptop --follow", "one device, and what comes"],
    ],
  })
    .option("--since <duration>", "nothing older: 90s, 15m, 24h, 7d")
    .addOption(
      new Option("--kind <kinds...>", "only these kinds of lines")
        .choices(AUDIT_KIND_NAMES.map(typed)),
    )
    .option("--device <name>", "only what is about this device")
    .option("--follow", "go on with what comes, until Ctrl-C")
    .addOption(jsonOption())
    .action(async (options, self) => {
      const wanted = filterOf(options);
      const reader = new AuditReader(new StateFolder(stateDirOf(self)));
      const first = reader.next();
      const lines = first.lines.filter(wanted);
      if (options.json && !options.follow) return printJson(lines);
      const show = options.json ? printJsonLine : showLine;
      for (const line of lines) show(line);
      tellUnreadable(first);
      if (options.follow) return await follow(reader, { wanted, show });
      if (lines.length === 0) note("Nothing of that was written down.");
    });
}

/** A kind as it is typed: "link up" would want quotes. */
function typed(kind: string): string {
  return kind.replaceAll(" ", "-");
}

interface Filter {
  readonly since?: string;
  readonly kind?: readonly string[];
  readonly device?: string;
}

type Wanted = (line: AuditLine) => boolean;

function filterOf({ since, kind, device }: Filter): Wanted {
  const from = since === undefined
    ? ""
    : new Date(Date.now() - parseDuration(since)).toISOString();
  return (line) =>
    line.time >= from &&
    (kind === undefined || kind.includes(typed(line.kind))) &&
    (device === undefined || line.device === device);
}

async function follow(
  reader: AuditReader,
  how: { readonly wanted: Wanted; readonly show: (line: AuditLine) => void },
): Promise<void> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  const forget = onStopSignals({ first: stop, again: stop });
  try {
    while (!stopped.signal.aborted) {
      await systemClock.sleep(LOOK_MS, stopped.signal).catch(() => {});
      const news = reader.next();
      for (const line of news.lines.filter(how.wanted)) how.show(line);
      tellUnreadable(news);
    }
  } finally {
    forget();
  }
}

function tellUnreadable({ unreadable }: AuditNews): void {
  if (unreadable === 0) return;
  warn(
    unreadable === 1
      ? "1 line is damaged, and left out"
      : `${unreadable} lines are damaged, and left out`,
    "A crash or a full disk can leave half a line.",
  );
}

/** `2026-11-22 12:00:00Z  refused  laptop  from 192.0.2.7:4711: revoked`, on one line whatever others have called themselves. */
function showLine(line: AuditLine): void {
  const { time, kind, device, volume, initiator, address, by, reason } = line;
  const facts = [
    device,
    volume === undefined ? undefined : `volume ${volume}`,
    initiator === undefined ? undefined : `by ${initiator}`,
    address === undefined ? undefined : `from ${address}`,
    by === undefined ? undefined : `because of ${by}`,
  ].filter((fact) => fact !== undefined);
  const why = reason === undefined
    ? ""
    : `${facts.length ? ": " : ""}${reason}`;
  print(
    [
      `${time.slice(0, 10)} ${time.slice(11, 19)}Z`,
      kind.padEnd(KIND_WIDTH),
      facts.join(", ") + why,
    ].join("  ").replaceAll(/[\n\t]/g, "\ufffd"),
  );
}
