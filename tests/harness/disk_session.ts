/** The project's own initiator at a portal, for scenarios that look at statuses and sense data. */

import { equalBytes } from "../../lib/base/bytes.ts";
import {
  openDisk,
  type RemoteDisk,
  ScsiError,
} from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type {
  InitiatorSession,
  SessionEvent,
} from "../../lib/initiator/initiator_session.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { eventually } from "./until.ts";
import type { Tunnel } from "./vault.ts";

export interface DiskSession {
  readonly session: InitiatorSession;
  readonly disk: RemoteDisk;
}

/** The name of the target of the tunnel's volume. */
export async function targetOf(tunnel: Tunnel): Promise<string> {
  const { iqn } = await tunnel.node.json<{ iqn: string }>(
    ...["volume", "show", tunnel.volume],
  );
  return iqn;
}

/** Logs in to the tunnel's volume, through the portal or another. */
export async function logIn(
  tunnel: Tunnel,
  options: {
    readonly portal?: string;
    readonly initiatorName?: string;
    readonly onEvent?: (event: SessionEvent) => void;
  } = {},
): Promise<DiskSession> {
  const iqn = await targetOf(tunnel);
  const { portal = tunnel.portal, ...rest } = options;

  const session = await connectInitiator({
    duplex: await connectTcp(parseAddress(portal)),
    primitives: systemPrimitives,
    initiatorName: "iqn.2026-11.internal.vault:scenario",
    targetName: iqn,
    ...rest,
  });
  return { session, disk: await openDisk(session) };
}

/** The same after `serve` was started again: the link may have to find that out first. */
export function logInAgain(tunnel: Tunnel): Promise<DiskSession> {
  return eventually("login", () => logIn(tunnel), { timeoutMs: 30_000 });
}

/** Sense key and code of what `work` is refused with, "7 2707" say; undefined where it is not. @throws what is no refusal */
export async function senseOf(
  work: Promise<unknown>,
): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ScsiError) || !thrown.sense) throw thrown;
    const { key, code } = thrown.sense;
    return `${key} ${code.toString(16).padStart(4, "0")}`;
  }
}

/** Compares without a list of a million differences. */
export function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  if (found.length === wanted.length && equalBytes(found, wanted)) return;
  const at = found.findIndex((byte, n) => byte !== wanted[n]);
  throw new Error(
    `${found.length} bytes of ${wanted.length}, the first difference at ${at}`,
  );
}

/** Bytes that tell where they belong. */
export function numbered(lengthBytes: number, number: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at++) bytes[at] = (at >> 4) + 31 * number;
  return bytes;
}
