/** `vault status` */

import { formatTime } from "../lib/daemon/lease_refusal.ts";
import { VaultError } from "../lib/base/errors.ts";
import type {
  AttachmentStatus,
  Flow,
  ForwardedInfo,
  LinkInfo,
  NodeStatus,
  SessionInfo,
} from "../lib/control/operations.ts";
import { fenceWords, pendingWords, storedWords } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { attachments, STATUS_TIMEOUT_MS, withNode } from "./daemons.ts";
import { formatDuration } from "./duration.ts";
import { holderNames } from "./holders.ts";
import { formatRate, formatSize } from "./size.ts";
import {
  colours,
  note,
  print,
  printFacts,
  printJson,
  printTable,
} from "./terminal.ts";
import { VOLUME } from "./volume_columns.ts";

export function statusCommand() {
  return command("status", {
    summary: "show what is served and attached here, by whom and how fast",
    examples: [
      ["vault status", "volumes, links, sessions and attachments"],
      ["vault status --json", "the same for programs"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const stateDir = stateDirOf(self);
      const node = await nodeStatus(stateDir);
      const attached = await attachments(stateDir);
      if (options.json) {
        return printJson({ node: node ?? null, attachments: attached });
      }
      if (node) await showNode(node);
      if (node && attached.length > 0) print();
      if (attached.length > 0) await showAttachments(attached);
      if (!node && attached.length === 0) {
        note(`Nothing is served or attached from ${stateDir}.`);
      }
    });
}

/** Undefined where the state folder holds no node. */
async function nodeStatus(stateDir: string): Promise<NodeStatus | undefined> {
  try {
    return await withNode(
      stateDir,
      (node) => node.status(),
      STATUS_TIMEOUT_MS,
    );
  } catch (thrown) {
    if (thrown instanceof VaultError && thrown.kind === "not-found") {
      return undefined;
    }
    throw thrown;
  }
}

async function showNode(node: NodeStatus): Promise<void> {
  printFacts([
    ["node", node.node.slice(0, 12)],
    [
      "state",
      node.running
        ? `serving for ${age(node.since)}, process ${node.pid}`
        : "not running (vault serve)",
    ],
    ["listens at", node.listen],
    ["forwards to", node.forward],
    ["MAC failures", failures(node.macFailures)],
  ]);
  if (node.volumes.length > 0) await showVolumes(node);
  if (node.forwarded?.length) await showForwarded(node.forwarded);
  if (node.links.length > 0) await showLinks(node.links);
  if (node.sessions.length > 0) await showSessions(node.sessions);
}

function age(since: string | undefined): string {
  return since === undefined
    ? "some time"
    : formatDuration(Date.now() - Date.parse(since));
}

function failures(count: number | undefined): string | undefined {
  if (count === undefined || count === 0) return count?.toString();
  return `${count}: records were changed on the way`;
}

async function showVolumes(node: NodeStatus): Promise<void> {
  const { red } = colours("stdout");
  print();
  await printTable(node.volumes, [
    VOLUME.name,
    VOLUME.size,
    VOLUME.used,
    VOLUME.target,
    VOLUME.lun,
    {
      head: "SESSIONS",
      cell: ({ target }) =>
        String(node.sessions.filter((one) => one.volume === target).length),
      align: "right",
    },
    { head: "HELD BY", cell: ({ holders }) => holderNames(holders) },
    VOLUME.health,
  ]);
  for (const { name, bucket } of node.volumes) {
    if (!bucket) continue;
    const pending = pendingWords(bucket);
    if (pending !== undefined) {
      const stored = storedWords(bucket);
      const takes = stored === undefined ? "" : `; takes ${stored}`;
      const fence = fenceWords(bucket);
      const by = fence === undefined ? "" : `; fence: ${fence}`;
      print(
        `"${name}" in ${bucket.url}: not uploaded: ${pending}${takes}${by}`,
      );
    }
    if (bucket.trouble !== undefined) {
      note(`Volume "${name}": ${bucket.trouble}`, red);
    }
  }
  const ill = node.volumes.filter((volume) => volume.health !== "ok");
  for (const volume of ill) {
    const what = volume.health.startsWith("not served")
      ? "is"
      : volume.health.startsWith("no room")
      ? "takes no more than it holds:"
      : "takes no more writes:";
    note(`Volume "${volume.name}" ${what} ${volume.health}`, red);
  }
}

async function showForwarded(
  targets: readonly ForwardedInfo[],
): Promise<void> {
  print();
  await printTable(targets, [
    { head: "FORWARDED", cell: ({ iqn }) => iqn },
    { head: "HELD BY", cell: ({ holders }) => holderNames(holders) },
  ]);
}

async function showLinks(links: readonly LinkInfo[]): Promise<void> {
  print();
  await printTable(links, [
    { head: "LINK", cell: (link) => link.device },
    { head: "FROM", cell: (link) => link.address },
    { head: "STATE", cell: (link) => `${link.state} ${age(link.since)}` },
    { head: "SENT", cell: (link) => flow(link.sent), align: "right" },
    { head: "RECEIVED", cell: (link) => flow(link.received), align: "right" },
    {
      head: "MAC FAILURES",
      cell: (link) => String(link.macFailures),
      align: "right",
    },
  ]);
}

async function showSessions(sessions: readonly SessionInfo[]): Promise<void> {
  print();
  await printTable(sessions, [
    { head: "SESSION", cell: (session) => session.volume },
    { head: "DEVICE", cell: (session) => session.device },
    { head: "INITIATOR", cell: (session) => session.initiator },
    { head: "FOR", cell: (session) => age(session.since) },
    { head: "READ", cell: (session) => flow(session.read), align: "right" },
    {
      head: "WRITTEN",
      cell: (session) => flow(session.written),
      align: "right",
    },
  ]);
}

async function showAttachments(
  attached: readonly AttachmentStatus[],
): Promise<void> {
  await printTable(attached, [
    {
      head: "ATTACHED",
      cell: attachedName,
    },
    { head: "NODE", cell: (one) => one.nodeAddress },
    { head: "LINK", cell: (one) => `${one.link.state} ${age(one.link.since)}` },
    { head: "PORTAL", cell: (one) => one.portal },
    { head: "DISK", cell: (one) => one.device ?? "-" },
    { head: "SESSIONS", cell: (one) => String(one.sessions), align: "right" },
    { head: "SENT", cell: (one) => flow(one.link.sent), align: "right" },
    {
      head: "RECEIVED",
      cell: (one) => flow(one.link.received),
      align: "right",
    },
    {
      head: "MAC FAILURES",
      cell: (one) => String(one.link.macFailures),
      align: "right",
    },
  ]);
}

function attachedName({ volume, lease }: AttachmentStatus): string {
  const wanted = lease.wantedBy === undefined
    ? ""
    : `, wanted by ${lease.wantedBy}`;
  const shown = lease.view === undefined
    ? "read-only"
    : `as of ${formatTime(lease.view, Date.now())}`;
  const how = { write: "", shared: "shared", read: shown }[lease.mode];
  const also = how === "" ? wanted.slice(2) : `${how}${wanted}`;
  return also === "" ? volume : `${volume} (${also})`;
}

function flow({ bytes, bytesPerSecond }: Flow): string {
  return `${formatSize(bytes)} (${formatRate(bytesPerSecond)})`;
}
