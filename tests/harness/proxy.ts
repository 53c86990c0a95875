/**
 * A proxy on loopback between two ends, which can do to the bytes what a network or a thief on it can do: flip, drop, repeat, swap,
 * cut short, splice, delay, slow down and hold. It sees TLS records (RFC 8446 section 5.1), not what is in them.
 */
import { pause } from "./until.ts";

export type Direction = "toServer" | "toClient";

/** One TLS record, header included, and its place in its direction of its connection: the first is 0. */
export interface TlsRecord {
  readonly bytes: Uint8Array;
  readonly index: number;
}

/** What goes on in place of a record: none, one or more, and perhaps the end of the connection after them. */
export interface Instead {
  readonly send: readonly Uint8Array[];
  readonly cut?: boolean;
}

/** Asked about every record once it is set; undefined lets the record pass as it is. */
export type Meddler = (record: TlsRecord) => Instead | undefined;

const TLS_HEADER_BYTES = 5;
/** Record type of application data, which in TLS 1.3 is everything after the hellos. */
const APPLICATION_DATA = 0x17;

export class Proxy implements AsyncDisposable {
  readonly port: number;
  /** Connections taken so far. */
  taken = 0;
  /** Connections open now. */
  readonly open: Set<Passage> = new Set();
  /** Where new connections go. */
  targetPort: number;
  /** Bytes a second in each direction of each connection; undefined for as fast as it goes. */
  bytesPerSecond: number | undefined;
  /** How long each piece waits before it goes on. */
  delayMs = 0;
  #listener: Deno.TcpListener;
  #meddlers: Partial<Record<Direction, Meddler>> = {};
  #held: Partial<Record<Direction, PromiseWithResolvers<void>>> = {};
  #passages: Set<Promise<void>> = new Set();

  private constructor(targetPort: number) {
    this.targetPort = targetPort;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accept();
  }

  static start(targetPort: number): Proxy {
    return new Proxy(targetPort);
  }

  /** Asks `meddler` about every further record in `direction`, until another is set. */
  meddle(direction: Direction, meddler: Meddler | undefined): void {
    if (meddler === undefined) delete this.#meddlers[direction];
    else this.#meddlers[direction] = meddler;
  }

  /**
   * Meddles once: with the first record in `direction` that is `wanted`, or with as many in a row as `records` says. All but the last
   * of them are held back until `act` says what goes on in place of them all. Resolves then.
   */
  meddleOnce(
    direction: Direction,
    plan: {
      readonly wanted: (record: TlsRecord) => boolean;
      readonly records?: number;
      readonly act: (records: readonly Uint8Array[]) => Instead;
    },
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const met: Uint8Array[] = [];
    this.meddle(direction, (record) => {
      if (met.length === 0 && !plan.wanted(record)) return undefined;
      met.push(record.bytes);
      if (met.length < (plan.records ?? 1)) return { send: [] };
      this.meddle(direction, undefined);
      resolve();
      return plan.act(met);
    });
    return promise;
  }

  /** Reads nothing more in `direction` until {@linkcode release}: what is a slow reader to the sender. */
  hold(direction: Direction): void {
    this.#held[direction] ??= Promise.withResolvers<void>();
  }

  release(direction: Direction): void {
    this.#held[direction]?.resolve();
    delete this.#held[direction];
  }

  /** Resets every connection. */
  cutAll(): void {
    for (const passage of this.open) passage.cut();
  }

  /** @internal For {@linkcode Passage}. */
  meddlerOf(direction: Direction): Meddler | undefined {
    return this.#meddlers[direction];
  }

  /** @internal For {@linkcode Passage}. */
  heldIn(direction: Direction): Promise<void> | undefined {
    return this.#held[direction]?.promise;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.taken++;
      const done = this.#pass(client).finally(() =>
        this.#passages.delete(done)
      );
      this.#passages.add(done);
    }
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({
        hostname: "127.0.0.1",
        port: this.targetPort,
      });
    } catch {
      client.close();
      return;
    }
    client.setNoDelay();
    server.setNoDelay();
    const passage = new Passage(this, { client, server });
    this.open.add(passage);
    await passage.ended;
    this.open.delete(passage);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cutAll();
    this.release("toServer");
    this.release("toClient");
    await Promise.all(this.#passages);
  }
}

/** One connection through the proxy. */
export class Passage {
  /** Resolves once both directions have ended. */
  readonly ended: Promise<void>;
  #proxy: Proxy;
  #client: Deno.Conn;
  #server: Deno.Conn;
  #over = false;
  #halfOpen = false;

  constructor(proxy: Proxy, ends: { client: Deno.Conn; server: Deno.Conn }) {
    this.#proxy = proxy;
    this.#client = ends.client;
    this.#server = ends.server;
    this.ended = Promise.all([
      this.#relay("toServer", ends.client, ends.server),
      this.#relay("toClient", ends.server, ends.client),
    ]).then(() => this.cut());
  }

  /** Closes both ends at once. Harmless when repeated. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.#halfOpen) this.#client.close();
    this.#server.close();
  }

  /** The client loses the connection, and the server hears nothing of it. The server's end is closed with the proxy. */
  cutTowardsClient(): void {
    if (this.#over) return;
    this.#halfOpen = true;
    this.#client.close();
  }

  async #relay(
    direction: Direction,
    from: Deno.Conn,
    to: Deno.Conn,
  ): Promise<void> {
    const records = new RecordReader();
    const buffer = new Uint8Array(65536);
    try {
      for (;;) {
        await this.#proxy.heldIn(direction);
        const length = await from.read(buffer);
        if (length === null) break;
        await this.#proxy.heldIn(direction);
        records.push(buffer.subarray(0, length));
        if (!await this.#forward(direction, records, to)) return this.cut();
      }
      await to.closeWrite();
    } catch {
      // One end has gone: so does the other, unless it is not to notice.
      if (!this.#halfOpen) this.cut();
    }
  }

  /** Sends on what is whole. False where the connection shall end. */
  async #forward(
    direction: Direction,
    records: RecordReader,
    to: Deno.Conn,
  ): Promise<boolean> {
    const { bytesPerSecond, delayMs } = this.#proxy;
    if (delayMs > 0) await pause(delayMs);
    for (
      let record = records.next();
      record !== undefined;
      record = records.next()
    ) {
      const instead = this.#proxy.meddlerOf(direction)?.(record) ??
        { send: [record.bytes] };
      for (const bytes of instead.send) {
        if (bytesPerSecond !== undefined) {
          await pause(1000 * bytes.length / bytesPerSecond);
        }
        await writeAll(to, bytes);
      }
      if (instead.cut) return false;
    }
    return true;
  }
}

/** Cuts a stream of bytes into TLS records. */
class RecordReader {
  #pending = new Uint8Array(0);
  #index = 0;

  push(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    this.#pending = joined;
  }

  next(): TlsRecord | undefined {
    if (this.#pending.length < TLS_HEADER_BYTES) return undefined;
    const length = TLS_HEADER_BYTES +
      (this.#pending[3]! << 8 | this.#pending[4]!);
    if (this.#pending.length < length) return undefined;
    const bytes = this.#pending.slice(0, length);
    this.#pending = this.#pending.subarray(length);
    return { bytes, index: this.#index++ };
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/** Whether a record carries application data, as all do that follow a handshake of TLS 1.3. */
export function isApplicationData(record: TlsRecord): boolean {
  return record.bytes[0] === APPLICATION_DATA;
}

/** A copy of `bytes` with one bit changed, counted from the end of the bytes where negative. */
export function flipBit(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  const index = at < 0 ? bytes.length + at : at;
  changed[index] = changed[index]! ^ 0x01;
  return changed;
}
