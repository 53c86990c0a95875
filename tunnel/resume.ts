/** Going on with a link over a new connection: the part that awaits, after the handshake. */

import { toHex } from "../lib/base/bytes.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import { ConnectionLost, PeerError } from "../lib/base/errors.ts";
import type { HandshakeResult } from "./agreement.ts";
import {
  type HandshakeWorld,
  peerOf,
  readSome,
  withinTime,
} from "./handshake_pump.ts";
import type { LinkPeer } from "./link.ts";
import type { LinkPump } from "./link_pump.ts";
import { type Message, MessageReader, MessageType } from "./message.ts";
import {
  decodeResume,
  decodeResumed,
  encodeResume,
  encodeResumed,
  encodeUnknown,
  isProved,
} from "./resume_message.ts";
import type { TlsConnection } from "./transport.ts";

/**
 * The device's side: the paused link is up again when this resolves with true. False: the node has no such link any more.
 *
 * @throws {PeerError} where the other end does not prove to be the link's
 * @throws {ConnectionLost}
 */
export async function resumeAsDevice(
  connection: TlsConnection,
  result: HandshakeResult,
  options: HandshakeWorld & { link: LinkPump },
): Promise<boolean> {
  const { link, clock } = options;
  const { secret } = link.resumption!;
  const keys = { ...keysOf(result, options), linkId: link.linkId, secret };
  const reader = new MessageReader();
  reader.push(result.rest);
  const next = await withinTime(connection, clock, async () => {
    await connection.write(encodeResume(keys, link.next));
    const answer = await nextMessage(connection, reader, MessageType.RESUMED);
    return decodeResumed(keys, answer.body);
  });
  if (next === undefined) {
    connection.abort();
    return false;
  }
  const peer = peerOf(connection, result, { ...options, name: link.peer.name });
  goOn(link, { connection, peer, next, first: reader.rest });
  return true;
}

/**
 * The node's side: goes on with the link that the device asks for and proves to be the other end of; undefined where there is none.
 *
 * @throws {PeerError} where the device breaks the protocol
 * @throws {ConnectionLost}
 */
export async function resumeAsNode(
  connection: TlsConnection,
  result: HandshakeResult,
  options: HandshakeWorld & {
    /** The device that the connection's handshake has proved. */
    name: string;
    /** The link of that id, in hexadecimal digits. */
    find: (id: string) => LinkPump | undefined;
  },
): Promise<LinkPump | undefined> {
  const { primitives, clock, name } = options;
  const reader = new MessageReader();
  reader.push(result.rest);
  const message = await withinTime(
    connection,
    clock,
    () => nextMessage(connection, reader, MessageType.RESUME),
  );
  const asked = decodeResume(message.body);
  const linkId = asked.linkId.slice();
  const link = options.find(toHex(linkId));
  const secret = link?.peer.name === name ? link.resumption?.secret : undefined;
  const keys = { ...keysOf(result, options), linkId };
  const unknown = () => {
    connection.write(encodeUnknown(keys)).catch(() => {});
    return undefined;
  };
  if (!link || !secret || !isProved({ ...keys, secret }, asked)) {
    return unknown();
  }
  // Held up on its way: the device has gone on over a later connection since, and this one is not to disturb it.
  if (!link.keepsFrom(asked.next)) return unknown();
  // Nothing more is taken from the connection that was: this end may not have noticed yet that it is gone.
  link.pause("the device came over another connection");
  if (link.state === "ended") return unknown();
  const { next } = link;
  connection.write(encodeResumed({ ...keys, secret }, next)).catch(() => {});
  goOn(link, {
    connection,
    peer: peerOf(connection, result, { primitives, name }),
    next: asked.next,
    first: reader.rest,
  });
  return link;
}

function goOn(
  link: LinkPump,
  over: {
    connection: TlsConnection;
    peer: LinkPeer;
    next: number;
    first: Uint8Array;
  },
): void {
  if (link.state === "ended") {
    over.connection.abort();
    throw new ConnectionLost("The link ended meanwhile");
  }
  try {
    link.resume(over.connection, over);
  } catch (thrown) {
    over.connection.abort();
    // Both ends are who they are, and do not agree on what was sent: nothing on this link can be trusted to be whole.
    if (thrown instanceof PeerError) link.abort(thrown.message, "violation");
    throw thrown;
  }
}

function keysOf(
  result: HandshakeResult,
  { primitives }: { primitives: Primitives },
) {
  return { primitives, connection: result.keys.resume };
}

async function nextMessage(
  connection: TlsConnection,
  reader: MessageReader,
  type: number,
): Promise<Message> {
  while (true) {
    const message = reader.next();
    if (message?.type === type) return message;
    if (message) throw new PeerError(`Expected a message of type ${type}`);
    reader.push(await readSome(connection));
  }
}
