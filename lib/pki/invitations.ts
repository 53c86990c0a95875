/**
 * Open invitations, as the node keeps them.
 *
 * The secret in the code is not kept. Both sides derive an Ed25519 key from it; the node keeps that key's self-signed certificate (the
 * verifier) and trusts it for nothing but joining, while the invitation is open. The device proves that it has the secret by a
 * certificate that this key signed.
 *
 *     add ──► open ──take──► used (gone)          attempt: n = 1 … FREE_ATTEMPTS  at once
 *               ├── expires, replaced by another invitation for its name ──► gone
 *               └── attempt MAX_ATTEMPTS ──► gone      n beyond that: only after a pause that doubles
 *
 * An attempt is counted when it begins, since whoever guesses does not say when he is done; `excuse` takes back one that was right.
 */

import { VaultError } from "../base/errors.ts";
import { readCertificatePem } from "./certificate.ts";
import { deviceName } from "./names.ts";

/** Attempts that wait for nothing. */
export const FREE_ATTEMPTS = 4;
/** With that many attempts the invitation is closed: somebody else is trying it. */
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
  /** How often somebody has tried it. */
  readonly attempts: number;
  /** No earlier than this may it be tried again. */
  readonly notBefore?: string;
}

/** Whether an invitation may be tried now. */
export type Attempt =
  | { readonly allowed: true; readonly invitation: InvitationRecord }
  | { readonly allowed: false; readonly reason: string };

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

  /** Counts an attempt, where one is allowed at `nowMs`. The change is to be persisted. */
  attempt(id: string, nowMs: number): Attempt {
    const record = this.find(id, nowMs);
    if (!record) {
      return {
        allowed: false,
        reason: "the invitation is used, expired or unknown",
      };
    }
    if (record.notBefore && nowMs < Date.parse(record.notBefore)) {
      const seconds = Math.ceil((Date.parse(record.notBefore) - nowMs) / 1000);
      return {
        allowed: false,
        reason: `the invitation was tried too often; try again in ${seconds} s`,
      };
    }
    const attempts = record.attempts + 1;
    if (attempts > MAX_ATTEMPTS) {
      this.#records.delete(id);
      this.#tell();
      return {
        allowed: false,
        reason: "the invitation was tried too often and is closed",
      };
    }
    const pauseMs = pauseAfter(attempts);
    const invitation = {
      ...record,
      attempts,
      ...(pauseMs > 0
        ? { notBefore: new Date(nowMs + pauseMs).toISOString() }
        : {}),
    };
    this.#records.set(id, invitation);
    return { allowed: true, invitation };
  }

  /** The attempt that was counted last proved the secret: whoever has it need not wait for those who do not. */
  excuse(id: string): void {
    const record = this.#records.get(id);
    if (!record) return;
    const { notBefore: _, ...rest } = record;
    const attempts = Math.max(0, record.attempts - 1);
    this.#records.set(id, { ...rest, attempts });
  }

  /** Uses the invitation up, once. The change is to be persisted before anything is given for it. */
  take(id: string, nowMs: number): InvitationRecord | undefined {
    const record = this.find(id, nowMs);
    if (this.#records.delete(id)) this.#tell();
    return record;
  }
}

/** How long nobody may try after the n-th attempt. */
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
