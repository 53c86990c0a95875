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

import type { Socket } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { concat, equalBytes } from "../lib/base/bytes.ts";
import {
  ConnectionLost,
  invariant,
  messageOf,
  VaultError,
} from "../lib/base/errors.ts";
import {
  ALPN_JOIN,
  ALPN_LINK,
  HANDSHAKE_TIMEOUT_MS,
  type TlsConnection,
  type TlsConnectOptions,
  type TlsListener,
  type TlsListenOptions,
} from "./transport.ts";
import { Waiting } from "./waiting.ts";

/** Both ends speak this version and no other. */
const VERSION = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;

/** The socket is not read while more than this waits for a reader. */
const MAX_UNREAD_BYTES = 256 * 1024;

/** One exporter value of each end. */
const EXPORTER_BYTES = 32;

/** @throws {VaultError} where the address cannot be listened on */
export async function listenTls(
  options: TlsListenOptions,
): Promise<TlsListener> {
  const { clock, caPem } = options;
  let { credentials } = options;
  const waiting = new Waiting<Socket>({
    clock,
    timeoutMs: HANDSHAKE_TIMEOUT_MS,
    drop: (socket) => socket.destroy(),
    crowded: options.crowded,
  });
  const context = (ca: string) => ({
    cert: credentials.certificatePem,
    key: credentials.keyPem,
    ca: [ca],
    ...VERSION,
  });
  const server = tls.createServer({
    ...context(caPem),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [ALPN_LINK, ALPN_JOIN],
    SNICallback: (serverName, done) => {
      const joinCa = options.trustedToJoin(serverName);
      done(null, joinCa ? tls.createSecureContext(context(joinCa)) : undefined);
    },
  });
  server.on("connection", (socket: Socket) => {
    // An error here is followed by "close", and told of by "tlsClientError".
    socket.on("error", () => {});
    waiting.add(peerKey(socket), socket.remoteAddress ?? "", socket);
    const key = peerKey(socket);
    socket.on("close", () => waiting.remove(key));
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const key = peerKey(socket);
    const settled = () => waiting.remove(key);
    try {
      options.connected(new TlsWire(socket, { settled, serverSide: true }));
    } catch (thrown) {
      socket.destroy();
      options.refused({
        host: socket.remoteAddress ?? "",
        reason: messageOf(thrown),
        serverName: serverNameOf(socket),
      });
    }
  });
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.on("error", () => {});
    options.refused({
      host: hostOfRefused(socket),
      reason: messageOf(error),
      serverName: serverNameOf(socket),
    });
    // The runtime ends the connection after its alert; one that is left all the same runs into the time-out.
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(options, cause)));
    server.listen(options.port, options.hostname, resolve);
  });
  // One connection that could not be accepted, for want of a file descriptor say, ends no listener.
  server.on("error", () => {});
  const address = server.address();
  invariant(typeof address === "object" && address, "a TCP listener");
  return {
    port: address.port,
    setCredentials(next) {
      credentials = next;
      server.setSecureContext(context(caPem));
    },
    close() {
      server.close();
      waiting.dropAll();
    },
  };
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
    socket.on("error", (error) => fail(notConnected(options, error)));
    socket.on("close", () => fail(unreachable(options, "closed")));
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
  readonly alpn: typeof ALPN_LINK | typeof ALPN_JOIN;
  readonly serverName: string;
  readonly peerCertificate: Uint8Array;
  readonly binding: Uint8Array;
  readonly address: string;
  readonly host: string;
  readonly settled: () => void;
  readonly #socket: TLSSocket;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #ended = false;
  #lost: Error | undefined;
  #reader:
    | {
      resolve(bytes: Uint8Array | undefined): void;
      reject(reason: Error): void;
    }
    | undefined;

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
    socket.on("data", (bytes: Uint8Array) => this.#received(bytes));
    socket.on("end", () => this.#end());
    socket.on("error", (error: Error) => this.#lose(messageOf(error)));
    socket.on("close", () => this.#lose("closed"));
  }

  read(): Promise<Uint8Array | undefined> {
    const next = this.#unread.shift();
    if (next) {
      this.#unreadBytes -= next.length;
      if (this.#unreadBytes <= MAX_UNREAD_BYTES && this.#socket.isPaused()) {
        this.#socket.resume();
      }
      return Promise.resolve(next);
    }
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (!error) return resolve();
        this.#lose(messageOf(error));
        reject(this.#lost);
      });
    });
  }

  close(): Promise<void> {
    if (!this.#lost) this.#socket.end();
    return Promise.resolve();
  }

  abort(reason: Error = new ConnectionLost("Aborted")): void {
    this.#lost ??= reason;
    this.#unread = [];
    this.#reader?.reject(this.#lost);
    this.#reader = undefined;
    this.#socket.destroy();
  }

  #received(bytes: Uint8Array): void {
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      return reader.resolve(bytes);
    }
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) this.#socket.pause();
  }

  #end(): void {
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  #lose(how: string): void {
    this.#lost ??= new ConnectionLost(
      `The connection with ${this.address} was cut: ${how}`,
    );
    this.#reader?.reject(this.#lost);
    this.#reader = undefined;
  }
}

function checkedAlpn(socket: TLSSocket) {
  const { alpnProtocol } = socket;
  if (alpnProtocol === ALPN_LINK || alpnProtocol === ALPN_JOIN) {
    return alpnProtocol;
  }
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

/**
 * The client's exporter value, then the server's.
 *
 * @throws {InvariantError} where the runtime does not give two different ones of 32 bytes: without a binding the inner handshake
 * would not know what it runs over, and there is no way on
 */
function bindingOf(socket: TLSSocket, serverSide: boolean): Uint8Array {
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
function serverNameOf(socket: TLSSocket): string {
  const { servername } = socket as { servername?: unknown };
  return typeof servername === "string" ? servername : "";
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

function cannotListen(options: TlsListenOptions, cause: Error): VaultError {
  const where = `${options.hostname}:${options.port}`;
  const taken = (cause as { code?: string }).code === "EADDRINUSE";
  return new VaultError(
    taken
      ? `Cannot listen on ${where}: another program does`
      : `Cannot listen on ${where}: ${messageOf(cause)}`,
    {
      cause,
      ...(taken
        ? {
          kind: "conflict",
          hint: "Name another port, or end the program that holds it.",
        }
        : {}),
    },
  );
}

/** Errors of TLS have codes that begin so; others are those of TCP and of names. */
const TLS_CODES = /^(ERR_SSL|ERR_TLS|CERT|DEPTH_|SELF_SIGNED|UNABLE_)/;

function notConnected(options: TlsConnectOptions, error: Error): VaultError {
  const code = String((error as { code?: unknown }).code ?? "");
  if (code && !TLS_CODES.test(code)) {
    return unreachable(options, messageOf(error), error);
  }
  return new VaultError(
    `Something that is not the pinned node answers at ${options.hostname}:${options.port}: ${
      messageOf(error)
    }`,
    { kind: "unreachable", cause: error },
  );
}

function unreachable(
  options: TlsConnectOptions,
  why: string,
  cause?: Error,
): VaultError {
  return new VaultError(
    `Cannot reach the node at ${options.hostname}:${options.port}: ${why}`,
    {
      kind: "unreachable",
      hint: "Is it running there, and does a firewall let the port through?",
      ...(cause ? { cause } : {}),
    },
  );
}
