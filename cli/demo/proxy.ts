/**
 * Somebody on the network between `vault attach` and `vault serve`, who may do to the bytes what the network lets them. They see TLS
 * records (RFC 8446 section 5.1), not what is in them.
 */

import { concat, u16 } from "../../lib/base/bytes.ts";

/** From the attaching end to the serving one, or back. */
export type Direction = "up" | "down";

/** What goes on in the place of one record. */
export type Deed = (record: Uint8Array) => readonly Uint8Array[];

const HEADER_BYTES = 5;
/** Longer ones carry blocks of the volume rather than answers. */
const LONG_RECORD_BYTES = 1000;
/** So many of those pass before one is meddled with, so that it is one in the midst of others. */
const PASSED_FIRST = 4;

/** A deed that was asked for, and the time of what came of it, in milliseconds of `performance.now()`. */
export interface Meddling {
  /** Resolves when the deed is done. */
  readonly done: Promise<number>;
  /** Resolves when the connection that it was done to has ended. */
  readonly ended: Promise<number>;
}

interface Order {
  readonly direction: Direction;
  readonly deed: Deed;
  readonly done: PromiseWithResolvers<number>;
  readonly ended: PromiseWithResolvers<number>;
  passed: number;
}

export class Proxy {
  readonly port: number;
  /** Connections that were taken so far. */
  taken = 0;
  readonly #listener: Deno.TcpListener;
  readonly #targetPort: number;
  readonly #open = new Set<Deno.TcpConn>();
  #order: Order | undefined;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accept();
  }

  /** Does `deed` to one long record in `direction`. */
  meddle(direction: Direction, deed: Deed): Meddling {
    const done = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<number>();
    this.#order = { direction, deed, done, ended, passed: 0 };
    return { done: done.promise, ended: ended.promise };
  }

  close(): void {
    this.#listener.close();
    for (const conn of this.#open) end(conn);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.taken += 1;
      this.#pass(client).catch(() => end(client));
    }
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    const server = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#targetPort,
    });
    const ended = Promise.withResolvers<number>();
    this.#open.add(client).add(server);
    await Promise.race([
      this.#relay({ from: client, to: server, direction: "up", ended }),
      this.#relay({ from: server, to: client, direction: "down", ended }),
    ].map((way) => way.catch(() => {})));
    ended.resolve(performance.now());
    for (const conn of [client, server]) {
      end(conn);
      this.#open.delete(conn);
    }
  }

  /** Until one of the two ends, whichever way, the connection is over. */
  async #relay(
    way: {
      from: Deno.TcpConn;
      to: Deno.TcpConn;
      direction: Direction;
      ended: PromiseWithResolvers<number>;
    },
  ): Promise<void> {
    let held: Uint8Array = new Uint8Array();
    const buffer = new Uint8Array(64 * 1024);
    for (let n; (n = await way.from.read(buffer)) !== null;) {
      held = concat([held, buffer.subarray(0, n)]);
      for (let record; (record = firstRecord(held));) {
        held = held.subarray(record.length);
        for (const piece of this.#meddleWith(record, way)) {
          await writeAll(way.to, piece);
        }
      }
    }
  }

  #meddleWith(
    record: Uint8Array,
    way: { direction: Direction; ended: PromiseWithResolvers<number> },
  ): readonly Uint8Array[] {
    const order = this.#order;
    const wanted = order?.direction === way.direction &&
      record.length >= LONG_RECORD_BYTES && ++order.passed > PASSED_FIRST;
    if (!order || !wanted) return [record];
    this.#order = undefined;
    order.done.resolve(performance.now());
    way.ended.promise.then(order.ended.resolve);
    return order.deed(record);
  }
}

function firstRecord(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const length = HEADER_BYTES + u16(bytes, 3);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await conn.write(bytes.subarray(at));
  }
}

function end(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

/** The record with one bit in its midst the other way round. */
export const flipOneBit: Deed = (record) => {
  const changed = record.slice();
  const at = HEADER_BYTES + (record.length - HEADER_BYTES >> 1);
  changed[at] = changed[at]! ^ 0x01;
  return [changed];
};

/** The record, and once more. */
export const replay: Deed = (record) => [record, record];

/** No record. */
export const drop: Deed = () => [];
