/** TCP as Duplexes, for the portal, the target's own listener and `--forward`. */

import type { Duplex, Listener } from "../base/duplex.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";

/** A connection begins with a buffer of this size: thousands that say nothing cost little. */
const FIRST_READ_BYTES = 8 * 1024;
/** A buffer that a read has filled grows up to this: a batch of PDUs fits, and one read takes what an initiator sent in a burst. */
const READ_BYTES = 256 * 1024;

/** Where something listens or is to be reached. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly hostname: string;
  /** 0 to 65535. To listen on 0 takes a free one. */
  readonly port: number;
}

/** One TCP connection. */
export interface TcpDuplex extends Duplex {
  /** HOST:PORT of the other end, for logs and status. */
  readonly peerAddress: string;
}

/** What {@linkcode listenTcp} gives. */
export interface TcpListener extends Listener<TcpDuplex> {
  /** The port that it has, also where it was asked for port 0. */
  readonly port: number;
}

/** `HOST:PORT` or `[V6]:PORT`. @throws {VaultError} with a hint */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 0xffff) {
    throw new VaultError(`Cannot read the address "${text}"`, {
      hint: "Write HOST:PORT, 127.0.0.1:3260 say, or [::1]:3260 for IPv6.",
      kind: "usage",
    });
  }
  return { hostname: match[1] ?? match[2]!, port };
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function renderAddress(address: Address): string {
  return address.hostname.includes(":")
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`;
}

/** Whether only this machine can reach the address: 127.0.0.0/8, ::1 and the name localhost. */
export function isLoopback(address: Address): boolean {
  const host = address.hostname.toLowerCase();
  return host === "localhost" || host === "::1" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** The addresses of this machine's interfaces. */
export function ownAddresses(): readonly {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
}[] {
  return Deno.networkInterfaces();
}

/** Listens on `address`; port 0 takes a free one. @throws {VaultError} where the port is taken or the address is not ours */
export function listenTcp(address: Address): TcpListener {
  const listener = openListener(address);
  const bound = listener.addr as Deno.NetAddr;
  let closed = false;
  return {
    address: renderAddress({ hostname: address.hostname, port: bound.port }),
    port: bound.port,
    async accept() {
      while (true) {
        try {
          return new TcpConnection(await listener.accept());
        } catch (thrown) {
          if (
            thrown instanceof Deno.errors.BadResource ||
            thrown instanceof Deno.errors.Interrupted
          ) return undefined;
          // One connection that was reset before it was accepted, or a moment without file descriptors, ends no listener.
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    },
    close() {
      if (!closed) listener.close();
      closed = true;
    },
  };
}

function openListener(address: Address): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: address.hostname, port: address.port });
  } catch (cause) {
    const where = renderAddress(address);
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new VaultError(`Cannot listen on ${where}: another program does`, {
        hint: "Name another port, or end the program that holds it.",
        kind: "conflict",
        cause,
      });
    }
    throw new VaultError(`Cannot listen on ${where}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Dials `address`. @throws {VaultError} `unreachable` where nothing answers */
export async function connectTcp(address: Address): Promise<TcpDuplex> {
  try {
    return new TcpConnection(
      await Deno.connect({ hostname: address.hostname, port: address.port }),
    );
  } catch (cause) {
    throw new VaultError(
      `Cannot connect to ${renderAddress(address)}: ${messageOf(cause)}`,
      { kind: "unreachable", cause },
    );
  }
}

class TcpConnection implements TcpDuplex {
  readonly peerAddress: string;
  readonly #conn: Deno.TcpConn;
  #buffer = new Uint8Array(FIRST_READ_BYTES);
  #lost: Error | undefined;
  #lastWrite: Promise<void> | undefined;
  #writeEnded = false;
  #readEnded = false;
  #closed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.peerAddress = renderAddress(conn.remoteAddr);
    conn.setNoDelay(true);
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#lost) throw this.#lost;
    let length: number | null;
    try {
      length = await this.#conn.read(this.#buffer);
    } catch (cause) {
      throw this.#cut(cause);
    }
    if (length !== null) return this.#received(length);
    this.#readEnded = true;
    this.#closeWhenBothEnded();
    return undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#writeEnded) {
      return Promise.reject(new ConnectionLost("Written after close"));
    }
    const write = this.#lastWrite
      ? this.#lastWrite.then(() => this.#writeAll(bytes))
      : this.#writeAll(bytes);
    this.#lastWrite = write;
    const settled = () => {
      if (this.#lastWrite === write) this.#lastWrite = undefined;
    };
    write.then(settled, settled);
    return write;
  }

  async close(): Promise<void> {
    if (this.#writeEnded || this.#lost) return;
    this.#writeEnded = true;
    try {
      await this.#lastWrite;
      await this.#conn.closeWrite();
    } catch {
      // The peer was quicker; its reset is what a pending read reports.
    }
    this.#closeWhenBothEnded();
  }

  abort(reason: Error = new ConnectionLost("Aborted")): void {
    this.#lost ??= reason;
    this.#closeOnce();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let at = 0;
    try {
      while (at < bytes.length) {
        at += await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      }
    } catch (cause) {
      throw this.#cut(cause);
    }
  }

  #received(length: number): Uint8Array {
    const bytes = this.#buffer.subarray(0, length);
    if (length === this.#buffer.length && length < READ_BYTES) {
      this.#buffer = new Uint8Array(READ_BYTES);
    }
    return bytes;
  }

  #cut(cause: unknown): Error {
    this.#lost ??= new ConnectionLost(
      `The connection with ${this.peerAddress} was cut: ${messageOf(cause)}`,
      { cause },
    );
    this.#closeOnce();
    return this.#lost;
  }

  #closeWhenBothEnded(): void {
    if (this.#readEnded && this.#writeEnded) this.#closeOnce();
  }

  #closeOnce(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}
