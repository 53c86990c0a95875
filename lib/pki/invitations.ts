/**
 * Open invitations, as the node keeps them.
 *
 * The secret in the code is not kept. Both sides derive an Ed25519 key from it; the node keeps that key's self-signed certificate (the
 * verifier) and trusts it for nothing but joining, while the invitation is open. The device proves that it has the secret by a
 * certificate that this key signed.
 *
 *     add ──► open ──take──► used (gone)          failed: n = 1 … FREE_ATTEMPTS - 1  the next may come at once
 *               ├── expires, is withdrawn, replaced by another for its name ──► gone
 *               └── failed MAX_ATTEMPTS times ──► gone     n beyond that: not even the right one before a pause that doubles
 *
 * Every wrong guess is counted, also one during a pause: whoever guesses sees TLS turn him away, and needs no answer.
 */

import { VaultError } from "../base/errors.ts";
import { readCertificatePem } from "./certificate.ts";
import { deviceName } from "./names.ts";

/** Attempts that wait for nothing. */
export const FREE_ATTEMPTS = 4;
/** With that many that failed the invitation is closed: somebody else is trying it. */
export const MAX_ATTEMPTS = 20;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Open invitations of a node, at most. */
export const MAX_INVITATIONS = 64;

/** One open invitation. Nothing in it lets anyone join: the secret is in the code alone. */
export interface InvitationRecord {
  /** 16 hexadecimal digits. Not secret: it crosses the wire in the clear. */
  readonly id: string;
  /** The device that it is for. */
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** The certificate whose private key the code's secret yields, PEM. */
  readonly verifierPem: string;
  /** How often somebody has tried it in vain. */
  readonly attempts: number;
  /** No earlier than this may it be tried again. */
  readonly notBefore?: string;
}

export class Invitations {
  readonly #records = new Map<string, InvitationRecord>();
  readonly #watchers = new Set<() => void>();

  /** @throws {VaultError} where `records` are not those of {@linkcode Invitations.toJSON} */
  constructor(records: readonly InvitationRecord[] = []) {
    for (const record of records) {
      const checked = checkedRecord(record);
      this.#records.set(checked.id, checked);
    }
  }

  /** What `new Invitations` takes again. */
  toJSON(): readonly InvitationRecord[] {
    return [...this.#records.values()];
  }

  /** Those that can still be used at `nowMs`, oldest first. */
  open(nowMs: number): readonly InvitationRecord[] {
    return this.toJSON().filter((record) => !expired(record, nowMs));
  }

  /** The invitation while it is open. */
  find(id: string, nowMs: number): InvitationRecord | undefined {
    const record = this.#records.get(id);
    return record && !expired(record, nowMs) ? record : undefined;
  }

  /** Calls `then` after one was opened, used or closed, until the returned function is called. Those that expire tell nothing. */
  watch(then: () => void): () => void {
    this.#watchers.add(then);
    return () => this.#watchers.delete(then);
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Opens one. An older one for the same name is closed. @throws {VaultError} where there are too many */
  add(record: InvitationRecord, nowMs: number): void {
    for (const old of this.toJSON()) {
      if (expired(old, nowMs) || old.name === record.name) {
        this.#records.delete(old.id);
      }
    }
    if (this.#records.size >= MAX_INVITATIONS) {
      throw new VaultError(
        `${MAX_INVITATIONS} invitations are open, which is the most there may be`,
        { kind: "conflict", hint: "wait until some of them expire" },
      );
    }
    this.#records.set(record.id, checkedRecord(record));
    this.#tell();
  }

  /** Counts an attempt that failed. True where there is such an invitation: the change is to be persisted. */
  failed(id: string, nowMs: number): boolean {
    const record = this.find(id, nowMs);
    if (!record) return false;
    const attempts = record.attempts + 1;
    if (attempts >= MAX_ATTEMPTS) this.#close(id);
    else {
      this.#records.set(id, {
        ...record,
        attempts,
        ...pausedUntil(nowMs + pauseAfter(attempts), nowMs),
      });
    }
    return true;
  }

  /** How long the invitation may not be used yet, because of attempts that failed; 0: it may. */
  remainingMs(id: string, nowMs: number): number {
    const { notBefore } = this.#records.get(id) ?? {};
    const leftMs = notBefore === undefined ? 0 : Date.parse(notBefore) - nowMs;
    // No pause is that long: the clock was set back, and what is left of the pause cannot be told.
    return leftMs > LONGEST_PAUSE_MS ? 0 : Math.max(0, leftMs);
  }

  /** Closes the open invitation for `name`; undefined where there is none. The change is to be persisted. */
  withdraw(name: string, nowMs: number): InvitationRecord | undefined {
    const record = this.open(nowMs).find((record) => record.name === name);
    return record && this.take(record.id, nowMs);
  }

  /** Uses the invitation up, once. The change is to be persisted before anything is given for it. */
  take(id: string, nowMs: number): InvitationRecord | undefined {
    const record = this.find(id, nowMs);
    this.#close(id);
    return record;
  }

  #close(id: string): void {
    if (this.#records.delete(id)) this.#tell();
  }
}

function pausedUntil(atMs: number, nowMs: number): { notBefore?: string } {
  return atMs > nowMs ? { notBefore: new Date(atMs).toISOString() } : {};
}

/** How long nobody may try after the n-th attempt that failed. */
function pauseAfter(attempts: number): number {
  if (attempts < FREE_ATTEMPTS) return 0;
  const doubled = FIRST_PAUSE_MS * 2 ** (attempts - FREE_ATTEMPTS);
  return Math.min(doubled, LONGEST_PAUSE_MS);
}

function expired(record: InvitationRecord, nowMs: number): boolean {
  return nowMs >= Date.parse(record.expiresAt);
}

/** A record read from outside, with nothing in it that was not checked. */
function checkedRecord(record: InvitationRecord): InvitationRecord {
  const { id, name, createdAt, expiresAt, verifierPem, attempts, notBefore } =
    record;
  const whole = typeof id === "string" && /^[0-9a-f]{16}$/.test(id) &&
    typeof name === "string" && isTime(createdAt) && isTime(expiresAt) &&
    typeof verifierPem === "string" && Number.isSafeInteger(attempts) &&
    attempts >= 0 && (notBefore === undefined || isTime(notBefore));
  if (!whole) throw new VaultError("The list of invitations is damaged");
  deviceName(name);
  readCertificatePem(verifierPem);
  return {
    id,
    name,
    createdAt,
    expiresAt,
    verifierPem,
    attempts,
    ...(notBefore === undefined ? {} : { notBefore }),
  };
}

function isTime(text: unknown): boolean {
  return typeof text === "string" && Number.isFinite(Date.parse(text));
}
