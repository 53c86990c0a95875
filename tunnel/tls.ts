/**
 * TLS, and the only file of the tunnel that names the platform.
 *
 * node:tls at both ends. Deno.listenTls cannot ask for a client's certificate. Deno.connectTls would be quicker (4.5 against 6 µs of
 * CPU for a 4 KiB message at depth 32, 135 against 200 µs for one of 256 KiB), but it trusts public authorities besides the pinned
 * one, and shows neither the peer's certificate nor anything that binds to the connection: something in between could pass the inner
 * handshake through and read along.
 *
 * What this runtime does and does not do, and what follows:
 * - a client is told that it is connected before the server has looked at its certificate: nothing counts before the inner handshake;
 * - `crl` is ignored: revocation is the registry's;
 * - a TLSSocket made by hand accepts any certificate: only `tls.createServer` refuses, and `authorized` is checked again here;
 * - getFinished and getPeerFinished are exporters (RFC 8446 section 7.5) of 32 bytes under two labels of the runtime's, the same at
 *   both ends: the binding. A runtime where that is not so is refused at once, see `bindingOf`.
 */

import net, { type Socket } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import {
  ConnectionLost,
  invariant,
  messageOf,
  VaultError,
} from "../lib/base/errors.ts";
import { Inbox } from "./inbox.ts";
import { bindingOf, serverNameOf } from "./tls_facts.ts";
import {
  type Alpn,
  ALPNS,
  HANDSHAKE_TIMEOUT_MS,
  type SideDoor,
  type TlsConnection,
  type TlsConnectOptions,
  type TlsListener,
  type TlsListenOptions,
} from "./transport.ts";
import { cannotListen, notConnected, unreachable } from "./transport_errors.ts";
import { Waiting } from "./waiting.ts";

/** Both ends speak this version and no other. */
const VERSION = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;

/** @throws {VaultError} where the address cannot be listened on */
export async function listenTls(
  options: TlsListenOptions,
): Promise<TlsListener> {
  let { credentials, trustedPems } = options;
  const context = () => ({
    cert: credentials.certificatePem,
    key: credentials.keyPem,
    ca: [...trustedPems],
    ...VERSION,
  });
  const handshakes = tls.createServer({
    ...context(),
    requestCert: true,
    rejectUnauthorized: true,
    // The runtime's own time-out (120 s unless told otherwise) keeps a connection in memory until it is over, also one that has ended.
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // No SNICallback: with one, this runtime never forgets a connection that does not speak.
    ALPNProtocols: [...ALPNS],
  });
  const waiting = new Waiting<Socket>({
    clock: options.clock,
    timeoutMs: HANDSHAKE_TIMEOUT_MS,
    drop: (socket) => socket.destroy(),
    crowded: options.crowded,
  });
  settle(handshakes, { ...options, waiting });
  const server = net.createServer((socket) => {
    // An error here is followed by "close", and told of by "tlsClientError".
    socket.on("error", () => {});
    const key = peerKey(socket);
    waiting.add(key, socket.remoteAddress ?? "", socket);
    socket.on("close", () => waiting.remove(key, socket));
    onFirstBytes(socket, () => handshakes.emit("connection", socket));
  });
  const port = await listening(server, options);
  return {
    port,
    atSideDoor: (use) => atSideDoor(handshakes, { ...options, use }),
    setCredentials(next) {
      credentials = next;
      handshakes.setSecureContext(context());
    },
    setTrusted(next) {
      trustedPems = next;
      handshakes.setSecureContext(context());
    },
    close() {
      server.close();
      waiting.dropAll();
    },
  };
}

/** Gives the port. @throws {VaultError} where the address cannot be listened on */
async function listening(
  server: net.Server,
  at: { readonly hostname: string; readonly port: number },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(at, cause)));
    server.listen(at.port, at.hostname, resolve);
  });
  // One connection that could not be accepted, for want of a file descriptor say, ends no listener.
  server.on("error", () => {});
  const address = server.address();
  invariant(typeof address === "object" && address, "a TCP listener");
  return address.port;
}

/** See {@linkcode TlsListener.atSideDoor}. The same server answers as at the front door, and only the queue is not the same. */
async function atSideDoor(
  handshakes: tls.Server,
  { hostname, use }: { hostname: string; use: SideDoor },
): Promise<void> {
  const come = new Set<Socket>();
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    come.add(socket);
    onFirstBytes(socket, () => handshakes.emit("connection", socket));
  });
  const loopback = hostname.includes(":") ? "::1" : "127.0.0.1";
  const port = await listening(server, { hostname: loopback, port: 0 });
  try {
    await use({ hostname: loopback, port });
  } finally {
    server.close();
    for (const socket of come) socket.destroy();
  }
}

/**
 * Calls `then` once there is something to read, which is then still there. TLS costs the runtime some 30 KiB a connection and gives them
 * back late; whoever does not speak is not worth that.
 */
function onFirstBytes(socket: Socket, then: () => void): void {
  socket.once("data", (bytes: Uint8Array) => {
    socket.pause();
    socket.unshift(bytes);
    then();
  });
}

/** Passes on what the handshakes come to: connections that TLS let in, and those that it refused. */
function settle(
  handshakes: tls.Server,
  options: TlsListenOptions & { readonly waiting: Waiting<Socket> },
): void {
  const { waiting } = options;
  const refused = (socket: TLSSocket, host: string, thrown: unknown) => {
    const serverName = serverNameOf(socket);
    options.refused({ host, reason: messageOf(thrown), serverName });
  };
  handshakes.on("secureConnection", (socket: TLSSocket) => {
    const key = peerKey(socket);
    const settled = () => waiting.remove(key);
    try {
      options.connected(new TlsWire(socket, { settled, serverSide: true }));
    } catch (thrown) {
      socket.destroy();
      refused(socket, socket.remoteAddress ?? "", thrown);
    }
  });
  handshakes.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.on("error", () => {});
    // The runtime ends the connection after its alert; one that is left all the same runs into the time-out.
    refused(socket, hostOfRefused(socket), error);
  });
}

/**
 * Connects. That the server has accepted the client's certificate is not known then.
 *
 * @throws {VaultError} `unreachable`, also where something else than the pinned node answers
 */
export function connectTls(options: TlsConnectOptions): Promise<TlsConnection> {
  const { hostname, port, credentials, caPem, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const socket = tls.connect({
      host: hostname,
      port,
      servername: options.serverName,
      ALPNProtocols: [options.alpn],
      ...(credentials
        ? { cert: credentials.certificatePem, key: credentials.keyPem }
        : {}),
      ...(caPem === undefined
        ? { rejectUnauthorized: false }
        : { ca: [caPem], rejectUnauthorized: true }),
      ...VERSION,
    });
    const finish = (settle: () => void) => {
      cancel();
      signal?.removeEventListener("abort", stop);
      settle();
    };
    let reached = false;
    const fail = (reason: unknown) =>
      finish(() => {
        socket.destroy();
        reject(reason);
      });
    const stop = () => fail(signal?.reason);
    const cancel = options.clock.after(
      HANDSHAKE_TIMEOUT_MS,
      () => fail(unreachable(options, "no answer")),
    );
    signal?.addEventListener("abort", stop, { once: true });
    // What is cut from here on may be so because of this end's certificate.
    const cut = () => reached ? new ConnectionLost("Cut in TLS") : undefined;
    socket.once("connect", () => reached = true);
    socket.on("error", (error) => fail(notConnected(options, error, cut())));
    socket.on("close", () => fail(unreachable(options, "closed", cut())));
    socket.once("secureConnect", () =>
      finish(() => {
        socket.removeAllListeners("close");
        try {
          resolve(
            new TlsWire(socket, {
              settled: () => {},
              serverSide: false,
              unverified: caPem === undefined,
            }),
          );
        } catch (thrown) {
          socket.destroy();
          reject(thrown);
        }
      }));
  });
}

/** A TLS socket as a conversation. */
class TlsWire implements TlsConnection {
  readonly alpn: Alpn;
  readonly serverName: string;
  readonly peerCertificate: Uint8Array;
  readonly binding: Uint8Array;
  readonly address: string;
  readonly host: string;
  readonly settled: () => void;
  readonly #socket: TLSSocket;
  readonly #inbox = new Inbox();

  /** @throws {VaultError} where the connection is not what it has to be */
  constructor(
    socket: TLSSocket,
    options: {
      settled: () => void;
      serverSide: boolean;
      unverified?: boolean;
    },
  ) {
    this.#socket = socket;
    this.settled = options.settled;
    this.alpn = checkedAlpn(socket);
    if (!options.unverified && !socket.authorized) {
      throw new VaultError("TLS did not verify the certificate", {
        kind: "refused",
      });
    }
    if (socket.getProtocol() !== VERSION.minVersion) {
      throw new VaultError("TLS is not of version 1.3", { kind: "refused" });
    }
    this.serverName = serverNameOf(socket);
    this.peerCertificate = peerCertificateOf(socket);
    this.binding = bindingOf(socket, options.serverSide);
    this.host = socket.remoteAddress ?? "";
    this.address = peerKey(socket);
    socket.setNoDelay(true);
    socket.on("data", (bytes: Uint8Array) => {
      this.#inbox.push(bytes);
      if (this.#inbox.full) socket.pause();
    });
    socket.on("end", () => this.#inbox.end());
    socket.on("error", (error: Error) => this.#lose(messageOf(error), error));
    socket.on("close", () => this.#lose("closed"));
  }

  read(): Promise<Uint8Array | undefined> {
    const reading = this.#inbox.read();
    if (!this.#inbox.full && this.#socket.isPaused()) this.#socket.resume();
    return reading;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#inbox.lost) return Promise.reject(this.#inbox.lost);
    return new Promise((resolve, reject) => {
      this.#socket.write(
        bytes,
        (error) =>
          error ? reject(this.#lose(messageOf(error), error)) : resolve(),
      );
    });
  }

  close(): Promise<void> {
    if (!this.#inbox.lost) this.#socket.end();
    return Promise.resolve();
  }

  abort(reason?: Error): void {
    this.#inbox.drop(reason);
    this.#socket.destroy();
  }

  #lose(how: string, cause?: Error): Error {
    const lost = new ConnectionLost(
      `The connection with ${this.address} was cut: ${how}`,
      ...(cause ? [{ cause }] : []),
    );
    this.#inbox.lose(lost);
    return lost;
  }
}

function checkedAlpn(socket: TLSSocket): Alpn {
  const alpn = ALPNS.find((known) => known === socket.alpnProtocol);
  if (alpn !== undefined) return alpn;
  throw new VaultError("The other end does not speak the tunnel's protocol", {
    kind: "refused",
  });
}

function peerCertificateOf(socket: TLSSocket): Uint8Array {
  const raw = socket.getPeerX509Certificate()?.raw;
  if (!raw) {
    throw new VaultError("The other end has no certificate", {
      kind: "refused",
    });
  }
  return new Uint8Array(raw);
}

function peerKey(socket: Socket | TLSSocket): string {
  const host = socket.remoteAddress ?? "";
  const shown = host.includes(":") ? `[${host}]` : host;
  return `${shown}:${socket.remotePort}`;
}

/** A socket that TLS refused no longer knows its peer; what it was made from does. Where the runtime hides that, sources are counted as one. */
function hostOfRefused(socket: TLSSocket): string {
  const parent = (socket as { _parent?: Socket })._parent;
  return socket.remoteAddress ?? parent?.remoteAddress ?? "unknown";
}
