/**
 * `--metrics`: answers `GET /metrics` over plain HTTP on loopback, one request a connection. Those who ask are somebody's programs and may be
 * slow, many or rude: each has a bound on its time, all together one on their number, and who asks within a second of another gets the same.
 */

import { utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Duplex, Listener } from "../base/duplex.ts";
import { ConnectionLost, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import {
  type Answer,
  encodeHead,
  isForeignName,
  RefusedRequest,
  type Request,
  RequestReader,
  type Status,
} from "../control/http.ts";
import { metricsPage } from "../control/metrics.ts";
import type { NodeStatus } from "../control/operations.ts";
import { type Address, isLoopback, listenTcp } from "../os/tcp.ts";
import { boundedLog } from "./bounded_log.ts";

/** How many may be asking at once; who comes while so many are there is cut. */
export const MAX_SCRAPERS = 8;
/** How long one may take, from its connection to its end. Prometheus gives up after 10 s by itself. */
export const SCRAPE_MS = 10_000;
/** For so long a page is good for all who ask: to make one, each volume's files are looked at. */
export const PAGE_MS = 1000;

export interface MetricsServiceOptions {
  readonly listener: Listener<Duplex>;
  /** Whether only this machine reaches the listener. */
  readonly isPrivate: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Listens where Prometheus is to ask. Nobody is answered before `serve`. @throws {VaultError} where the port is taken */
export function listenForMetrics(
  address: Address,
  world: Pick<MetricsServiceOptions, "clock" | "log">,
): MetricsService {
  const listener = listenTcp(address);
  return new MetricsService({
    ...{ listener, isPrivate: isLoopback(address) },
    ...world,
  });
}

export class MetricsService {
  readonly #options: MetricsServiceOptions;
  readonly #log: Log;
  readonly #open = new Set<Duplex>();
  #page: { readonly atMs: number; readonly made: Promise<Answer> } | undefined;
  #served: Promise<void> | undefined;

  constructor(options: MetricsServiceOptions) {
    this.#options = options;
    this.#log = boundedLog(options.log, options.clock);
  }

  /** HOST:PORT. */
  get address(): string {
    return this.#options.listener.address;
  }

  /** Answers from now on. */
  serve(status: () => Promise<NodeStatus>): void {
    this.#served = this.#serve(status);
  }

  /** Cuts all who ask; nothing of it is left when it resolves. */
  async close(): Promise<void> {
    this.#options.listener.close();
    for (const connection of this.#open) connection.abort();
    await this.#served;
  }

  async #serve(status: () => Promise<NodeStatus>): Promise<void> {
    const { listener } = this.#options;
    const scrapes = new Set<Promise<void>>();
    for (let connection; (connection = await listener.accept());) {
      if (this.#open.size >= MAX_SCRAPERS) {
        connection.abort();
        continue;
      }
      this.#open.add(connection);
      const scrape = this.#scrape(connection, status)
        .finally(() => scrapes.delete(scrape));
      scrapes.add(scrape);
    }
    await Promise.all(scrapes);
  }

  async #scrape(
    connection: Duplex,
    status: () => Promise<NodeStatus>,
  ): Promise<void> {
    const { clock } = this.#options;
    const inTime = clock.after(SCRAPE_MS, () => connection.abort());
    try {
      await this.#converse(connection, status);
      await connection.close();
      // Who is cut while something of theirs is unread may lose the answer.
      while (await connection.read()) continue;
    } catch (thrown) {
      connection.abort();
      if (!(thrown instanceof ConnectionLost)) {
        this.#log.error(`The metrics failed: ${messageOf(thrown)}`);
      }
    } finally {
      inTime();
      this.#open.delete(connection);
    }
  }

  async #converse(
    connection: Duplex,
    status: () => Promise<NodeStatus>,
  ): Promise<void> {
    const reader = new RequestReader();
    let request: Request | undefined;
    let answer: Answer;
    try {
      while (!request) {
        const bytes = await connection.read();
        // Somebody who only looked whether anybody listens.
        if (!bytes) return;
        request = reader.receive(bytes);
      }
      answer = await this.#answerTo(request, status);
    } catch (thrown) {
      if (!(thrown instanceof RefusedRequest)) throw thrown;
      answer = told(thrown.status, thrown.message);
    }
    await connection.write(encodeHead(answer, this.#options.clock.now()));
    // RFC 9110 section 9.3.2: to HEAD the head is all.
    if (request?.method !== "HEAD") await connection.write(answer.body);
  }

  async #answerTo(
    { method, path, host }: Request,
    status: () => Promise<NodeStatus>,
  ): Promise<Answer> {
    if (this.#options.isPrivate && isForeignName(host)) {
      return told(
        421,
        "Ask by address, or as localhost: by a name a web page may ask, too",
      );
    }
    if (path !== "/metrics") return told(404, "There is /metrics, and no more");
    if (method !== "GET") {
      return { ...told(405, "Only GET"), fields: ["Allow: GET"] };
    }
    try {
      return await this.#pageOf(status);
    } catch (thrown) {
      this.#log.error(`The metrics cannot be told: ${messageOf(thrown)}`);
      return told(500, "The node's log says why");
    }
  }

  /** Slow ones share its bytes, too. */
  #pageOf(status: () => Promise<NodeStatus>): Promise<Answer> {
    const { clock } = this.#options;
    const atMs = clock.monotonic();
    if (!this.#page || atMs - this.#page.atMs >= PAGE_MS) {
      this.#page = { atMs, made: makePage(status, clock) };
    }
    return this.#page.made;
  }
}

async function makePage(
  status: () => Promise<NodeStatus>,
  clock: Clock,
): Promise<Answer> {
  const { contentType, text } = await metricsPage(await status(), clock.now());
  return { status: 200, contentType, body: utf8(text) };
}

function told(status: Status, message: string): Answer {
  return { status, body: utf8(`${message}\n`) };
}
