/** What the tunnel asks of TLS. `tls.ts` does it. */

import type { Clock } from "../lib/base/clock.ts";
import type { Credentials } from "../lib/pki/identity.ts";
import type { Wire } from "./sender.ts";

export const ALPN_LINK = "vault/1";
export const ALPN_JOIN = "vault-join/1";
export const ALPN_RESUME = "vault-resume/1";
export const ALPNS = [ALPN_LINK, ALPN_JOIN, ALPN_RESUME] as const;
/** What a connection is for, as TLS is told. */
export type Alpn = typeof ALPNS[number];

/** A connection that was not admitted after that long is cut. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A TLS connection with both certificates verified. */
export interface TlsConnection extends Wire {
  readonly alpn: Alpn;
  /** The name that the client asked for. */
  readonly serverName: string;
  /** DER. */
  readonly peerCertificate: Uint8Array;
  /** 64 bytes, the same at both ends and for no other connection; secret. */
  readonly binding: Uint8Array;
  /** HOST:PORT of the peer. */
  readonly address: string;
  /** The peer's address alone. */
  readonly host: string;
  /** The inner handshake is over: the connection is not counted among those that wait for one any more. */
  settled(): void;
}

export interface TlsListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** Whose certificates TLS lets in, PEM: what each may do is decided behind it. */
  readonly trustedPems: readonly string[];
  readonly clock: Clock;
  readonly connected: (connection: TlsConnection) => void;
  /** A connection that TLS did not let in. `serverName` where it got that far. */
  readonly refused: (
    how: { host: string; reason: string; serverName: string },
  ) => void;
  /** A connection turned away because there are too many. */
  readonly crowded: (host: string) => void;
}

/** What is done at a door that nobody else has been told of. */
export type SideDoor = (
  door: { readonly hostname: string; readonly port: number },
) => Promise<void>;

export interface TlsListener {
  readonly port: number;
  /**
   * Answers at a port of loopback, too, that nobody has been told of, for as long as `use` takes: nobody can crowd out who comes there.
   * Whoever is there yet when it has resolved is cut.
   *
   * @throws {VaultError} where there is no such port, and what `use` throws
   */
  atSideDoor(use: SideDoor): Promise<void>;
  /** Shows another certificate to those who connect from now on. */
  setCredentials(credentials: Credentials): void;
  /** Lets others in from now on; connections that are up stay. */
  setTrusted(trustedPems: readonly string[]): void;
  close(): void;
}

export interface TlsConnectOptions {
  readonly hostname: string;
  readonly port: number;
  readonly credentials?: Credentials;
  /** The only authority that is trusted, PEM. Undefined: the certificate is not verified at all, for asking what it is. */
  readonly caPem: string | undefined;
  readonly serverName: string;
  readonly alpn: Alpn;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}
