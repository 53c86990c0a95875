/**
 * Conversations between this user's processes on this machine: a Unix socket in the state folder, a named pipe on Windows. For
 * each a daemon holds `run/NAME.lock` locked as long as it lives, and `run/NAME.at` says where it is to be reached.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import { dirname, join } from "node:path";
import { equalBytes } from "../base/bytes.ts";
import type { Duplex, Listener } from "../base/duplex.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";
import { discard, readWhole, writeWhole } from "./file.ts";
import { privateFolder, runDir, socketPath } from "./paths.ts";

/** Which conversation: a state folder's, by name. The name becomes part of file names. */
export interface LocalName {
  readonly stateDir: string;
  readonly name: string;
}

const NAME = /^[a-z0-9][a-z0-9.@_-]{0,127}$/;

function file(at: LocalName, suffix: string): string {
  if (!NAME.test(at.name)) {
    throw new VaultError(`"${at.name}" cannot name a socket`, {
      kind: "usage",
    });
  }
  return join(runDir(at.stateDir), `${at.name}.${suffix}`);
}

/** The names under which something listens, or did until it was killed. */
export function localNames(stateDir: string): readonly string[] {
  let files: string[];
  try {
    files = fs.readdirSync(runDir(stateDir));
  } catch {
    return [];
  }
  return files.filter((name) => name.endsWith(".at"))
    .map((name) => name.slice(0, -".at".length)).sort();
}

/**
 * Listens under a name that nobody else listens under. What a killed process left behind is replaced, and what this one made is
 * removed when the listener closes.
 *
 * @throws {VaultError} `conflict` where another process does
 */
export async function listenLocal(at: LocalName): Promise<Listener<Duplex>> {
  privateFolder(at.stateDir);
  privateFolder(runDir(at.stateDir));
  const lock = await lockName(at);
  try {
    const path = Deno.build.os === "windows"
      // Other users can list the names of pipes, but by the default rights of one they may at most read from it, and only what is
      // written upon a request is ever read: they can be in the way. The name is new each time so that nobody has it first.
      ? `\\\\.\\pipe\\vault-${randomBytes(16).toString("hex")}`
      : await freePath(at);
    const listener = await listen(path);
    tellWhere(file(at, "at"), path);
    return {
      address: path,
      accept: () => listener.accept(),
      close() {
        listener.close();
        discard(file(at, "at"));
        lock.release();
      },
    };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** A conversation with whoever of this user's listens under the name, or undefined where nobody does. */
export async function connectLocal(
  at: LocalName,
): Promise<Duplex | undefined> {
  const bytes = readWhole(file(at, "at"));
  if (!bytes) return undefined;
  const path = new TextDecoder().decode(bytes);
  // What a killed daemon left may point below /tmp, where the folder has gone since and somebody else has made one of its name.
  if (Deno.build.os !== "windows" && !isPrivate(dirname(path))) {
    return undefined;
  }
  return await connect(path);
}

/** Whether the folder is this user's own and nobody else may enter it. */
function isPrivate(folder: string): boolean {
  try {
    const stat = fs.lstatSync(folder);
    return stat.isDirectory() && stat.uid === Deno.uid() &&
      (stat.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** Where a killed process has left the same, there is nothing to write: a disk that is full keeps nobody from starting. */
function tellWhere(at: string, path: string): void {
  const bytes = new TextEncoder().encode(path);
  const before = readWhole(at);
  if (!before || !equalBytes(before, bytes)) writeWhole(at, bytes);
}

/** Holds `NAME.lock`; the kernel lets go of it when the process ends, however it ends. */
async function lockName(at: LocalName): Promise<{ release(): void }> {
  const path = file(at, "lock");
  while (true) {
    const handle = await Deno.open(path, {
      create: true,
      read: true,
      write: true,
      mode: 0o600,
    });
    if (!await handle.tryLock(true)) {
      handle.close();
      throw new VaultError(
        `Another vault process already runs as "${at.name}"`,
        {
          hint: `It keeps its state in ${at.stateDir}; vault status shows it.`,
          kind: "conflict",
        },
      );
    }
    // Whoever held it before may have removed the file between our opening and our locking it: then it protects nothing.
    if (isSameFile(handle, path)) {
      return {
        release() {
          discard(path);
          // A child that is just being started holds a copy of the descriptor, and would hold the lock with it.
          handle.unlockSync();
          handle.close();
        },
      };
    }
    handle.close();
  }
}

function isSameFile(handle: Deno.FsFile, path: string): boolean {
  if (Deno.build.os === "windows") return true;
  try {
    return handle.statSync().ino === Deno.statSync(path).ino;
  } catch {
    return false;
  }
}

/** A path to listen on, where a stale socket may have been. @throws {VaultError} `conflict` where somebody answers there */
async function freePath(at: LocalName): Promise<string> {
  const path = socketPath(at);
  if (dirname(path) !== runDir(at.stateDir)) privateFolder(dirname(path));
  const other = await connect(path);
  if (other) {
    other.abort();
    throw new VaultError(`Another program answers on ${path}`, {
      hint: "End it first.",
      kind: "conflict",
    });
  }
  fs.rmSync(path, { force: true });
  return path;
}

function connect(path: string): Promise<Duplex | undefined> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path, allowHalfOpen: true });
    const fail = (cause: unknown) => {
      const code = cause instanceof Error && "code" in cause && cause.code;
      if (code === "ENOENT" || code === "ECONNREFUSED") resolve(undefined);
      else {
        reject(
          new VaultError(`Cannot connect to ${path}: ${messageOf(cause)}`, {
            ...(code === "EACCES" ? { kind: "refused" } : {}),
            cause,
          }),
        );
      }
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.off("error", fail);
      resolve(new SocketDuplex(socket));
    });
  });
}

function listen(path: string): Promise<Listener<Duplex>> {
  const waiting: Duplex[] = [];
  let wake = () => {};
  let closed = false;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    waiting.push(new SocketDuplex(socket));
    wake();
  });
  const listener: Listener<Duplex> = {
    address: path,
    async accept() {
      while (waiting.length === 0 && !closed) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      return closed ? undefined : waiting.shift();
    },
    close() {
      if (closed) return;
      closed = true;
      server.close();
      if (Deno.build.os !== "windows") discard(path);
      for (const connection of waiting.splice(0)) connection.abort();
      wake();
    },
  };
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new VaultError(`Cannot listen on ${path}: ${messageOf(cause)}`, {
          cause,
        }),
      ));
    server.listen({ path }, () => {
      // Its folder keeps others out; this does where the folder is opened up later.
      if (Deno.build.os !== "windows") fs.chmodSync(path, 0o600);
      server.on("error", () => {});
      resolve(listener);
    });
  });
}

/** A Unix socket or a pipe. */
class SocketDuplex implements Duplex {
  readonly #socket: net.Socket;
  #chunk: Uint8Array | undefined;
  #ended = false;
  #lost: Error | undefined;
  #wake = () => {};

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      // One chunk at a time: a paused socket's buffers fill up, and its writer waits.
      socket.pause();
      this.#chunk = chunk;
      this.#wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (cause) => this.#cut(cause));
    socket.on("close", () => {
      if (!this.#ended) this.#cut("closed");
      this.#wake();
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    while (true) {
      const chunk = this.#chunk;
      if (chunk) {
        this.#chunk = undefined;
        return chunk;
      }
      if (this.#ended) return undefined;
      if (this.#lost) throw this.#lost;
      this.#socket.resume();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes.slice(), (cause) => {
        if (cause) reject(this.#cut(cause));
        else resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.#lost || this.#socket.writableEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.end(() => resolve());
    });
  }

  abort(reason: Error = new ConnectionLost("Aborted")): void {
    this.#lost ??= reason;
    this.#chunk = undefined;
    this.#ended = false;
    this.#socket.destroy();
    this.#wake();
  }

  #cut(cause: unknown): Error {
    this.#lost ??= new ConnectionLost(
      `The local connection was cut: ${messageOf(cause)}`,
      { cause },
    );
    return this.#lost;
  }
}
