/** What TLS tells of a connection, as far as it takes no platform to look at it. */

import { concat, equalBytes } from "../lib/base/bytes.ts";
import { invariant } from "../lib/base/errors.ts";

/** One exporter value of each end. */
const EXPORTER_BYTES = 32;

/** A TLS socket, as far as it is looked at here. */
export interface Exporting {
  getFinished(): Uint8Array | undefined;
  getPeerFinished(): Uint8Array | undefined;
}

/**
 * The client's exporter value, then the server's.
 *
 * @throws {InvariantError} where the runtime does not give two different ones of 32 bytes: without a binding the inner handshake
 * would not know what it runs over, and there is no way on
 */
export function bindingOf(socket: Exporting, serverSide: boolean): Uint8Array {
  const own = new Uint8Array(socket.getFinished() ?? []);
  const peer = new Uint8Array(socket.getPeerFinished() ?? []);
  invariant(
    own.length === EXPORTER_BYTES && peer.length === EXPORTER_BYTES &&
      !equalBytes(own, peer),
    "this runtime's TLS gives nothing to bind a connection by",
  );
  return serverSide ? concat([peer, own]) : concat([own, peer]);
}

/** The name that the client asked for, or none. */
export function serverNameOf(socket: object): string {
  const { servername } = socket as { servername?: unknown };
  return typeof servername === "string" ? servername : "";
}
