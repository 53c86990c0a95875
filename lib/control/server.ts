/**
 * The daemon's end of a control socket. Each connection asks one thing after the other; each request is a line and has one line
 * for an answer:
 *
 *     {"id":1,"method":"showVolume","params":["photos"]}
 *     {"id":1,"result":{"name":"photos",…}}
 *     {"id":2,"error":{"message":"…","hint":"…","kind":"not-found"}}
 *
 * The socket's folder is private, so whoever connects is its owner; what they send is nevertheless checked before it is believed.
 * A connection that sends junk is told so and ended. Connections are bounded: the longest idle one makes room for a new one.
 */

import * as v from "valibot";
import type { Duplex, Listener } from "../base/duplex.ts";
import {
  ConnectionLost,
  messageOf,
  PeerError,
  VaultError,
} from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { encodeLine, LineReader } from "./lines.ts";
import type { AttachmentOperations, NodeOperations } from "./operations.ts";
import {
  ATTACHMENT_METHODS,
  MAX_REQUEST_BYTES,
  NODE_METHODS,
  Request,
} from "./schema.ts";

/** How many connections are held at once. */
export const MAX_CONTROL_CONNECTIONS = 64;

/** What a method does with parameters that nobody has looked at yet. */
type Handler = (params: unknown) => Promise<unknown>;

/** The methods that a daemon answers, by name. */
export type Handlers = ReadonlyMap<string, Handler>;

type Tuple = v.GenericSchema<unknown, readonly unknown[]>;

function method<P extends Tuple>(
  schema: { readonly params: P },
  call: (...params: v.InferOutput<P>) => Promise<unknown>,
): Handler {
  return async (params) => {
    const checked = v.safeParse(schema.params, params);
    if (!checked.success) {
      throw new VaultError(
        `The request is malformed: ${v.summarize(checked.issues)}`,
        { kind: "usage" },
      );
    }
    return await call(...checked.output) ?? null;
  };
}

/** What a running node answers. */
export function nodeHandlers(node: NodeOperations): Handlers {
  const m = NODE_METHODS;
  return new Map([
    ["status", method(m.status, () => node.status())],
    ["listVolumes", method(m.listVolumes, () => node.listVolumes())],
    ["showVolume", method(m.showVolume, (name) => node.showVolume(name))],
    [
      "createVolume",
      method(
        m.createVolume,
        (spec, bucket) => node.createVolume(spec, bucket ?? undefined),
      ),
    ],
    [
      "cloneVolume",
      method(
        m.cloneVolume,
        (source, snapshot, name, bucket) =>
          node.cloneVolume({ source, snapshot, name }, bucket),
      ),
    ],
    [
      "recoverVolume",
      method(
        m.recoverVolume,
        (name, bucket, acceptsLess) =>
          node.recoverVolume(name, bucket, acceptsLess),
      ),
    ],
    [
      "acceptRollback",
      method(m.acceptRollback, (name) => node.acceptRollback(name)),
    ],
    [
      "resizeVolume",
      method(m.resizeVolume, (name, size) => node.resizeVolume(name, size)),
    ],
    [
      "changeBucket",
      method(
        m.changeBucket,
        (name, change) => node.changeBucket(name, change),
      ),
    ],
    [
      "deleteVolume",
      method(
        m.deleteVolume,
        (name, withBucket) => node.deleteVolume(name, withBucket),
      ),
    ],
    [
      "releaseVolume",
      method(m.releaseVolume, (name) => node.releaseVolume(name)),
    ],
    ["stageVolume", method(m.stageVolume, (spec) => node.stageVolume(spec))],
    ["adoptVolume", method(m.adoptVolume, (spec) => node.adoptVolume(spec))],
    [
      "listSnapshots",
      method(m.listSnapshots, (of) => node.listSnapshots(of ?? undefined)),
    ],
    [
      "createSnapshot",
      method(
        m.createSnapshot,
        (of, name) => node.createSnapshot(of, name ?? undefined),
      ),
    ],
    [
      "deleteSnapshot",
      method(m.deleteSnapshot, (of, name) => node.deleteSnapshot(of, name)),
    ],
    [
      "restoreSnapshot",
      method(m.restoreSnapshot, (of, name) => node.restoreSnapshot(of, name)),
    ],
    ["snapshotWork", method(m.snapshotWork, (of) => node.snapshotWork(of))],
    ["verifyVolume", method(m.verifyVolume, (of) => node.verifyVolume(of))],
    ["verifyWork", method(m.verifyWork, (of) => node.verifyWork(of))],
    ["setChap", method(m.setChap, (name, chap) => node.setChap(name, chap))],
    [
      "removeChap",
      method(m.removeChap, (name, user) => node.removeChap(name, user)),
    ],
    [
      "setMutualChap",
      method(
        m.setMutualChap,
        (name, chap) => node.setMutualChap(name, chap ?? undefined),
      ),
    ],
    ["devices", method(m.devices, () => node.devices())],
    ["invitations", method(m.invitations, () => node.invitations())],
    ["invite", method(m.invite, (ask) => node.invite(ask))],
    ["revoke", method(m.revoke, (name) => node.revoke(name))],
  ]);
}

/** What a running attachment answers. */
export function attachmentHandlers(attachment: AttachmentOperations): Handlers {
  const m = ATTACHMENT_METHODS;
  return new Map([
    ["status", method(m.status, () => attachment.status())],
    ["detach", method(m.detach, () => attachment.detach())],
  ]);
}

/**
 * Answers on every connection that `listener` gives, until it or the returned function closes. `closed` resolves once that is so and
 * the last answer is given.
 */
export function serveControl(options: {
  readonly listener: Listener<Duplex>;
  readonly handlers: Handlers;
  readonly log: Log;
}): { close(): void; readonly closed: Promise<void> } {
  const server = new ControlServer(options.handlers, options.log);
  return {
    close() {
      options.listener.close();
      server.end();
    },
    closed: server.run(options.listener),
  };
}

class ControlServer {
  readonly #handlers: Handlers;
  readonly #log: Log;
  /** Longest idle first: a connection moves to the end with every request. */
  readonly #connections = new Set<Duplex>();
  readonly #busy = new Set<Duplex>();
  #ended = false;

  constructor(handlers: Handlers, log: Log) {
    this.#handlers = handlers;
    this.#log = log;
  }

  async run(listener: Listener<Duplex>): Promise<void> {
    const conversations = new Set<Promise<void>>();
    for (let connection; (connection = await listener.accept());) {
      this.#makeRoom();
      this.#connections.add(connection);
      const conversation = this.#converse(connection)
        .catch((thrown) =>
          this.#log.error(`The control socket failed: ${messageOf(thrown)}`)
        ).finally(() => conversations.delete(conversation));
      conversations.add(conversation);
    }
    await Promise.all(conversations);
  }

  /** Ends idle connections now and busy ones after their answer, which may be the answer to what made the daemon end. */
  end(): void {
    this.#ended = true;
    for (const connection of this.#connections) {
      if (!this.#busy.has(connection)) connection.abort();
    }
  }

  #makeRoom(): void {
    if (this.#connections.size < MAX_CONTROL_CONNECTIONS) return;
    let oldest: Duplex | undefined;
    for (const connection of this.#connections) {
      if (this.#busy.has(connection)) continue;
      oldest = connection;
      break;
    }
    // All of them busy: whoever has waited longest for an answer has most likely gone.
    oldest ??= this.#connections.values().next().value;
    if (!oldest) return;
    this.#connections.delete(oldest);
    oldest.abort(new ConnectionLost("Another connection needed the place"));
  }

  async #converse(connection: Duplex): Promise<void> {
    const lines = new LineReader(MAX_REQUEST_BYTES);
    try {
      while (!this.#ended) {
        const bytes = await connection.read();
        if (!bytes) break;
        for (const value of lines.receive(bytes)) {
          await this.#answer(connection, value);
        }
      }
      await connection.close();
    } catch (thrown) {
      if (thrown instanceof PeerError) {
        this.#log.warn(`The control socket got junk: ${thrown.message}`);
        await this.#refuse(connection, thrown.message);
      } else if (!(thrown instanceof ConnectionLost)) {
        connection.abort();
        throw thrown;
      }
    } finally {
      this.#connections.delete(connection);
      this.#busy.delete(connection);
    }
  }

  async #answer(connection: Duplex, value: unknown): Promise<void> {
    const request = v.safeParse(Request, value);
    if (!request.success) {
      throw new PeerError(
        `A line is not a request: ${v.summarize(request.issues)}`,
      );
    }
    const { id, method, params } = request.output;
    this.#connections.delete(connection);
    this.#connections.add(connection);
    this.#busy.add(connection);
    try {
      await connection.write(encodeLine(await this.#call(id, method, params)));
    } finally {
      this.#busy.delete(connection);
    }
  }

  async #call(id: number, method: string, params: unknown): Promise<unknown> {
    const handler = this.#handlers.get(method);
    if (!handler) {
      return failure(
        id,
        new VaultError(`The running vault does not know how to "${method}"`, {
          hint: "It is another version than this program: restart it.",
        }),
      );
    }
    try {
      return { id, result: await handler(params) };
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) {
        this.#log.error(`${method} failed: ${messageOf(thrown)}`);
      }
      return failure(id, thrown);
    }
  }

  async #refuse(connection: Duplex, message: string): Promise<void> {
    try {
      await connection.write(encodeLine(failure(0, new VaultError(message))));
      await connection.close();
    } catch {
      // It is gone already.
    }
    connection.abort();
  }
}

function failure(id: number, thrown: unknown): unknown {
  const { hint, kind } = thrown instanceof VaultError
    ? thrown
    : { hint: undefined, kind: undefined };
  return {
    id,
    error: {
      message: messageOf(thrown),
      ...(hint === undefined ? {} : { hint }),
      ...(kind === undefined ? {} : { kind }),
    },
  };
}
