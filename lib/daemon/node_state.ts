/**
 * What a node keeps: its keys, whom it admits, its volumes. Whoever holds one holds the node's lock, so nobody else changes it.
 */

import { VaultError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import { type FileLock, makeFolder } from "../os/file.ts";
import { createAuthority, createNodeIdentity } from "../pki/authority.ts";
import { renewalDue } from "../pki/certificate.ts";
import type { Authority, NodeIdentity } from "../pki/identity.ts";
import { Invitations } from "../pki/invitations.ts";
import { Registry } from "../pki/registry.ts";
import { AuditLog } from "./audit_log.ts";
import { Catalog } from "./catalog.ts";
import { Imports } from "./imports.ts";
import {
  AuthorityDocument,
  IdentityDocument,
  readDocument,
  RegistryDocument,
  writeDocument,
} from "./documents.ts";
import type { StateFolder } from "./state_folder.ts";

export interface NodeStateOptions {
  readonly folder: StateFolder;
  readonly primitives: Primitives;
  readonly clock: Clock;
  /** Nowhere unless given. */
  readonly log?: Log;
  /** How long another process that has the node may take to end; no time unless given. */
  readonly waitMs?: number;
}

/** How often it is looked whether it has. */
const LOCK_POLL_MS = 50;

export class NodeState {
  readonly authority: Authority;
  readonly registry: Registry;
  readonly invitations: Invitations;
  readonly catalog: Catalog;
  readonly imports: Imports;
  readonly audit: AuditLog;
  #listen: string | undefined;
  #identity: NodeIdentity;
  #unsaved = false;
  #released = false;
  readonly #folder: StateFolder;
  readonly #lock: FileLock;

  private constructor(
    folder: StateFolder,
    parts: {
      lock: FileLock;
      authority: Authority;
      identity: NodeIdentity;
      primitives: Primitives;
      clock: Clock;
      log: Log;
    },
  ) {
    this.#folder = folder;
    this.#lock = parts.lock;
    this.#identity = parts.identity;
    this.authority = parts.authority;
    const document = readDocument(folder.registry, RegistryDocument);
    this.registry = new Registry(document?.devices);
    this.invitations = new Invitations(document?.invitations);
    this.#listen = document?.listen;
    this.catalog = new Catalog(folder.volumes, parts);
    this.catalog.recover();
    this.imports = new Imports(folder.imports, this.catalog);
    this.imports.recover();
    this.audit = new AuditLog({ place: folder.nodeAudit, ...parts });
  }

  /** Whether a node was ever made in the folder. */
  static exists(folder: StateFolder): boolean {
    return readDocument(folder.identity, IdentityDocument) !== undefined;
  }

  /**
   * Takes the node for this process; makes its keys where there are none yet.
   *
   * @throws {VaultError} `conflict` where another process has it, and does not end in time
   */
  static async open(options: NodeStateOptions): Promise<NodeState> {
    const { folder, primitives, clock, log = silent } = options;
    const lock = await lockOf(options);
    try {
      const nowMs = clock.now();
      const authority = await keptAuthority(folder, nowMs);
      const identity = await keptIdentity(folder, authority, nowMs);
      const parts = { lock, authority, identity, primitives, clock, log };
      return new NodeState(folder, parts);
    } catch (thrown) {
      lock.release();
      throw thrown;
    }
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** A fresh certificate where the present one has little time left; true where that was so. */
  async renewIdentity(nowMs: number): Promise<boolean> {
    const renewed = await keptIdentity(this.#folder, this.authority, nowMs);
    if (renewed.certificatePem === this.#identity.certificatePem) return false;
    this.#identity = renewed;
    return true;
  }

  /** Where the last `serve` listened. */
  get listen(): string | undefined {
    return this.#listen;
  }

  /** On stable storage when it returns. Where it is as before there is nothing to write: a disk that is full keeps no node from starting. */
  rememberListen(listen: string): void {
    if (listen === this.#listen) return;
    this.#listen = listen;
    this.persist();
  }

  /**
   * Stores who is admitted and invited; on stable storage when it returns.
   *
   * @throws {VaultError} after `release`: by now another process may have shut somebody out, which must not be undone
   */
  persist(): void {
    this.#unsaved = true;
    if (this.#released) {
      throw new VaultError("This node has ended, and stores no more", {
        kind: "conflict",
      });
    }
    writeDocument(this.#folder.registry, {
      version: 1,
      ...(this.#listen === undefined ? {} : { listen: this.#listen }),
      devices: this.registry.toJSON(),
      invitations: this.invitations.toJSON(),
    });
    this.#unsaved = false;
  }

  /** Whether the last `persist` failed: what holds now would not hold after a restart. */
  get unsaved(): boolean {
    return this.#unsaved;
  }

  /** Lets another process have the node. */
  release(): void {
    this.#released = true;
    this.audit.close();
    this.#lock.release();
  }
}

async function keptAuthority(
  folder: StateFolder,
  nowMs: number,
): Promise<Authority> {
  const kept = readDocument(folder.authority, AuthorityDocument);
  if (kept) return { certificatePem: kept.certificatePem, keyPem: kept.keyPem };
  const authority = await createAuthority({ nowMs });
  makeFolder(folder.node);
  writeDocument(folder.authority, { version: 1, ...authority });
  return authority;
}

async function keptIdentity(
  folder: StateFolder,
  authority: Authority,
  nowMs: number,
): Promise<NodeIdentity> {
  const document = readDocument(folder.identity, IdentityDocument);
  const previous = document && withoutVersion(document);
  if (previous && !renewalDue(previous.certificatePem, nowMs)) return previous;
  const identity = await createNodeIdentity({
    authority,
    nowMs,
    ...(previous ? { previous } : {}),
  });
  writeDocument(folder.identity, { version: 1, ...identity });
  return identity;
}

function withoutVersion(
  { version: _, ...identity }: { version: 1 } & NodeIdentity,
): NodeIdentity {
  return identity;
}

/** @throws {VaultError} `conflict` where another process has it, and does not end in time */
async function lockOf(
  { folder, clock, waitMs = 0 }: NodeStateOptions,
): Promise<FileLock> {
  const until = clock.monotonic() + waitMs;
  for (;;) {
    const lock = folder.lockNode();
    if (lock) return lock;
    if (clock.monotonic() >= until) break;
    await clock.sleep(LOCK_POLL_MS);
  }
  throw new VaultError("Another vault process is changing this node", {
    kind: "conflict",
    hint: "Wait for it to end; `vault status` tells whether `serve` runs.",
  });
}
