/** Where the command line meets the daemons: the one that runs, or else what lies in the state folder. */

import type { Clock } from "../lib/base/clock.ts";
import { VaultError } from "../lib/base/errors.ts";
import { AttachmentClient, NodeClient } from "../lib/control/client.ts";
import type {
  AttachmentOperations,
  AttachmentStatus,
  NodeOperations,
} from "../lib/control/operations.ts";
import {
  attachmentSocket,
  isAttachmentSocket,
  NODE_SOCKET,
} from "../lib/daemon/sockets.ts";
import { systemClock } from "../lib/os/clock.ts";
import { connectLocal, localNames } from "../lib/os/local_socket.ts";
import { logFrom } from "./log.ts";

/** A daemon that is to say how it is, and hangs, is not waited for as long as one that has work to do. */
export const STATUS_TIMEOUT_MS = 5000;
/** How long another process that changes the same node is waited for. */
const LOCK_TIMEOUT_MS = 10_000;
const LOCK_POLL_MS = 50;

/**
 * Asks the node of a state folder: the running one, or else the folder itself.
 *
 * @param timeoutMs how long the running one may take for an answer; long unless told otherwise
 * @throws {VaultError} where there is no node, and whatever `ask` throws
 */
export async function withNode<T>(
  stateDir: string,
  ask: (node: NodeOperations) => Promise<T>,
  timeoutMs?: number,
): Promise<T> {
  const clock: Clock = systemClock;
  const until = clock.monotonic() + LOCK_TIMEOUT_MS;
  while (true) {
    const connection = await connectLocal({ stateDir, name: NODE_SOCKET });
    if (connection) {
      const client = new NodeClient({
        connection,
        clock,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      try {
        return await ask(client);
      } finally {
        client.close();
      }
    }
    const stopped = await openStopped(stateDir);
    if (stopped instanceof VaultError) {
      if (clock.monotonic() >= until) throw stopped;
      await clock.sleep(LOCK_POLL_MS);
      continue;
    }
    try {
      return await ask(stopped.operations);
    } finally {
      stopped.release();
    }
  }
}

/** The node in the folder, or why it cannot be had just now. */
async function openStopped(stateDir: string) {
  const { openNode } = await import("../lib/daemon/stopped_node.ts");
  try {
    return await openNode({ stateDir, log: logFrom("error") });
  } catch (thrown) {
    if (thrown instanceof VaultError && thrown.kind === "conflict") {
      return thrown;
    }
    throw thrown;
  }
}

/** Whether `vault serve` answers. */
export async function isServing(stateDir: string): Promise<boolean> {
  const connection = await connectLocal({ stateDir, name: NODE_SOCKET });
  if (!connection) return false;
  const client = new NodeClient({
    connection,
    clock: systemClock,
    timeoutMs: STATUS_TIMEOUT_MS,
  });
  try {
    await client.status();
    return true;
  } finally {
    client.close();
  }
}

/** Asks the running attachment of a volume. @throws {VaultError} `not-found` where there is none, and whatever `ask` throws */
export async function withAttachment<T>(
  at: { readonly stateDir: string; readonly volume: string },
  ask: (attachment: AttachmentOperations) => Promise<T>,
): Promise<T> {
  const name = attachmentSocket(at.volume);
  const connection = await connectLocal({ stateDir: at.stateDir, name });
  if (!connection) throw await notAttached(at);
  const client = new AttachmentClient({ connection, clock: systemClock });
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

async function notAttached(
  { stateDir, volume }: { stateDir: string; volume: string },
): Promise<VaultError> {
  const attached = (await attachments(stateDir)).map((one) => one.volume);
  return new VaultError(`Volume "${volume}" is not attached`, {
    hint: attached.length === 0
      ? "Nothing is attached here."
      : `Attached are: ${attached.join(", ")}.`,
    kind: "not-found",
  });
}

/** All that is attached from this state folder. One that does not answer in time is passed over. */
export async function attachments(
  stateDir: string,
): Promise<readonly AttachmentStatus[]> {
  const names = localNames(stateDir).filter(isAttachmentSocket);
  const found = await Promise.all(names.map(async (name) => {
    const connection = await connectLocal({ stateDir, name });
    if (!connection) return [];
    const client = new AttachmentClient({
      connection,
      clock: systemClock,
      timeoutMs: STATUS_TIMEOUT_MS,
    });
    try {
      return [await client.status()];
    } catch {
      return [];
    } finally {
      client.close();
    }
  }));
  return found.flat();
}
