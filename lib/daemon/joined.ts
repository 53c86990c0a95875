/** The nodes that this machine has joined: `nodes/NAME.json`, each with the key that this device made for it. */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import { type FileLock, listFolder, lockFile, makeFolder } from "../os/file.ts";
import { join } from "../os/paths.ts";
import type { DeviceIdentity } from "../pki/identity.ts";
import { readDocument, writeDocument } from "./documents.ts";
import type { StateFolder } from "./state_folder.ts";

const Joined = v.object({
  version: v.literal(1),
  name: v.string(),
  certificatePem: v.string(),
  keyPem: v.string(),
  caPem: v.string(),
  nodeId: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  address: v.string(),
});

/** Digits of a node's id that name its file and stand for it on the command line. */
const SHORT_ID_DIGITS = 12;

/** What a person may call a node: the beginning of its id. */
export function shortNodeId(nodeId: string): string {
  return nodeId.slice(0, SHORT_ID_DIGITS);
}

/**
 * Keeps what `join` brought, in the place of an earlier enrolment with the same node.
 *
 * @throws {VaultError} `conflict` where another node's id begins with the same digits: by chance that does not happen
 */
export function rememberNode(
  state: StateFolder,
  identity: DeviceIdentity,
): void {
  makeFolder(state.joined);
  const path = fileOf(state, identity.nodeId, "json");
  const known = readDocument(path, Joined);
  if (known && known.nodeId !== identity.nodeId) {
    throw new VaultError(
      `The node at ${identity.address} passes for the one at ${known.address}`,
      {
        kind: "conflict",
        hint:
          "Their ids begin alike, which somebody has made so. Nothing was changed here; do not trust the new one.",
      },
    );
  }
  writeDocument(path, { version: 1, ...identity });
}

/** What is kept of one node by now, or undefined where it is not. @throws {VaultError} where the document is damaged */
export function recallNode(
  state: StateFolder,
  nodeId: string,
): DeviceIdentity | undefined {
  const known = readDocument(fileOf(state, nodeId, "json"), Joined);
  if (known?.nodeId !== nodeId) return undefined;
  const { version: _, ...identity } = known;
  return identity;
}

/** Takes a node's certificate for renewal by this process; undefined where another one is at it. */
export function lockRenewal(
  state: StateFolder,
  nodeId: string,
): FileLock | undefined {
  makeFolder(state.joined);
  return lockFile(fileOf(state, nodeId, "lock"));
}

function fileOf(
  state: StateFolder,
  nodeId: string,
  suffix: "json" | "lock",
): string {
  return join(state.joined, `${shortNodeId(nodeId)}.${suffix}`);
}

/** All of them, sorted by address. @throws {VaultError} where a document is damaged */
export function joinedNodes(state: StateFolder): DeviceIdentity[] {
  const names = listFolder(state.joined).filter((name) =>
    name.endsWith(".json")
  );
  return names.map((name) => readDocument(join(state.joined, name), Joined))
    .filter((document) => document !== undefined)
    .map(({ version: _, ...identity }) => identity)
    .sort((a, b) => a.address < b.address ? -1 : 1);
}

/**
 * The joined node that `wanted` means: its address, its host, or the beginning of its id. Undefined means the only one.
 *
 * @throws {VaultError} where none or several fit
 */
export function chooseNode(
  state: StateFolder,
  wanted: string | undefined,
): DeviceIdentity {
  const all = joinedNodes(state);
  const fitting = wanted === undefined
    ? all
    : all.filter((node) => fits(node, wanted));
  if (fitting.length === 1) return fitting[0]!;
  if (all.length === 0) {
    throw new VaultError("This machine has joined no node", {
      kind: "not-found",
      hint: "On the node: vault invite NAME. Here: vault join CODE.",
    });
  }
  const list = all.map((node) =>
    `${node.address} (${shortNodeId(node.nodeId)})`
  ).join(", ");
  if (fitting.length === 0) {
    throw new VaultError(`This machine has joined no node "${wanted}"`, {
      kind: "not-found",
      hint: `Those that it has joined: ${list}.`,
    });
  }
  throw new VaultError("This machine has joined several nodes", {
    kind: "usage",
    hint: `Say which one with --node: ${list}.`,
  });
}

function fits(node: DeviceIdentity, wanted: string): boolean {
  return node.address === wanted ||
    node.address.slice(0, node.address.lastIndexOf(":")) === wanted ||
    (wanted.length >= 4 && node.nodeId.startsWith(wanted));
}
