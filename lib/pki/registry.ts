/**
 * The devices that a node knows. A certificate opens a link only while it stands here, unrevoked and unexpired; what the node's
 * authority once signed is not enough.
 *
 *     enrol ──► active ──renew──► active with a successor ──first use of it──► active
 *                 └────────────────────── revoke ───────────────────────────────► revoked (kept, for the record)
 *
 * Invariants: at most one unrevoked record has a name; no two records share a fingerprint.
 */

import { VaultError } from "../base/errors.ts";
import { deviceName } from "./names.ts";

/** What is known of a certificate: SHA-256 of its DER and its serial number in lower-case hexadecimal digits; ISO 8601 in UTC. */
export interface CertificateFacts {
  readonly fingerprint: string;
  readonly serial: string;
  readonly expiresAt: string;
}

/** One device as the state folder keeps it. */
export interface DeviceRecord extends CertificateFacts {
  readonly name: string;
  readonly enrolledAt: string;
  readonly revokedAt?: string;
  /** A renewed certificate that the device was sent and has not used yet: until it does, both are good. */
  readonly successor?: CertificateFacts;
}

/** Whether a certificate opens a link, and why not. */
export type Admission =
  | { readonly admitted: true; readonly device: DeviceRecord }
  | {
    readonly admitted: false;
    /** A sentence for the device and the audit log. */
    readonly reason: string;
    /** The name under which it was known. */
    readonly name?: string;
  };

/** What changed, for those who hold links of the device. */
export type RegistryChange = {
  readonly kind: "enrolled" | "renewed" | "revoked";
  readonly device: DeviceRecord;
};

export class Registry {
  readonly #records: DeviceRecord[];
  readonly #watchers = new Set<(change: RegistryChange) => void>();

  /** @throws {VaultError} where `records` are not those of a registry: see {@linkcode Registry.toJSON} */
  constructor(records: readonly DeviceRecord[] = []) {
    this.#records = records.map(checkedRecord);
    const fingerprints = new Set<string>();
    const names = new Set<string>();
    for (const record of this.#records) {
      for (const facts of certificatesOf(record)) {
        if (fingerprints.has(facts.fingerprint)) {
          throw corrupt(`fingerprint ${facts.fingerprint} stands in it twice`);
        }
        fingerprints.add(facts.fingerprint);
      }
      if (record.revokedAt !== undefined) continue;
      if (names.has(record.name)) {
        throw corrupt(`device "${record.name}" stands in it twice`);
      }
      names.add(record.name);
    }
  }

  /** All records, also revoked ones, oldest first. */
  get devices(): readonly DeviceRecord[] {
    return this.#records;
  }

  /** What `new Registry` takes again. */
  toJSON(): readonly DeviceRecord[] {
    return this.#records;
  }

  /** The unrevoked device of that name. */
  find(name: string): DeviceRecord | undefined {
    return this.#records.find((record) =>
      record.name === name && record.revokedAt === undefined
    );
  }

  /**
   * Whether the certificate with this fingerprint opens a link at `nowMs`. A renewed certificate's first admission ends the one before
   * it, which is a change to be persisted: see {@linkcode Registry.settle}.
   */
  admit(fingerprint: string, nowMs: number): Admission {
    for (const record of this.#records) {
      const facts = certificatesOf(record).find((facts) =>
        facts.fingerprint === fingerprint
      );
      if (!facts) continue;
      const name = record.name;
      if (record.revokedAt !== undefined) {
        return refusal(
          `device "${name}" was revoked at ${record.revokedAt}`,
          name,
        );
      }
      if (nowMs >= Date.parse(facts.expiresAt)) {
        return refusal(
          `the certificate of device "${name}" expired at ${facts.expiresAt}`,
          name,
        );
      }
      return { admitted: true, device: record };
    }
    return refusal("the certificate is not that of an enrolled device");
  }

  /**
   * Whether the device of that name, which a link has proved to be, still has a certificate that would open another. Which one opened
   * the link does not count: a device stays the same when it renews.
   */
  standing(name: string, nowMs: number): Admission {
    const device = this.find(name);
    if (!device) return refusal(`device "${name}" is enrolled no more`, name);
    const admissions = certificatesOf(device).map(({ fingerprint }) =>
      this.admit(fingerprint, nowMs)
    );
    return admissions.find(({ admitted }) => admitted) ?? admissions[0]!;
  }

  /** Records that the device has used `fingerprint`: its predecessor is good no more. True where that changed anything. */
  settle(fingerprint: string): boolean {
    const at = this.#records.findIndex((record) =>
      record.revokedAt === undefined &&
      record.successor?.fingerprint === fingerprint
    );
    const record = this.#records[at];
    if (!record?.successor) return false;
    const { successor, ...rest } = record;
    this.#records[at] = { ...rest, ...successor };
    return true;
  }

  /** @throws {VaultError} `conflict` where an unrevoked device has the name */
  enrol(
    device: { name: string; certificate: CertificateFacts; nowMs: number },
  ): DeviceRecord {
    const name = deviceName(device.name);
    if (this.find(name)) {
      throw new VaultError(`Device "${name}" is enrolled already`, {
        kind: "conflict",
        hint: `revoke it first, "vault revoke ${name}", or use another name`,
      });
    }
    const record: DeviceRecord = {
      name,
      ...factsOnly(device.certificate),
      enrolledAt: new Date(device.nowMs).toISOString(),
    };
    this.#records.push(record);
    this.#tell({ kind: "enrolled", device: record });
    return record;
  }

  /** Adds a successor to the device's certificate. @throws {VaultError} `not-found` */
  renew(name: string, certificate: CertificateFacts): DeviceRecord {
    return this.#replace(name, "renewed", (record) => ({
      ...record,
      successor: factsOnly(certificate),
    }));
  }

  /** Revokes the device; its live links are told to end. @throws {VaultError} `not-found` */
  revoke(name: string, nowMs: number): DeviceRecord {
    return this.#replace(name, "revoked", (record) => ({
      ...record,
      revokedAt: new Date(nowMs).toISOString(),
    }));
  }

  /** Calls `then` after each change until the returned function is called. */
  watch(then: (change: RegistryChange) => void): () => void {
    this.#watchers.add(then);
    return () => this.#watchers.delete(then);
  }

  #replace(
    name: string,
    kind: RegistryChange["kind"],
    change: (record: DeviceRecord) => DeviceRecord,
  ): DeviceRecord {
    const at = this.#records.findIndex((record) =>
      record.name === name && record.revokedAt === undefined
    );
    const record = this.#records[at];
    if (!record) {
      throw new VaultError(`No device "${name}" is enrolled`, {
        kind: "not-found",
        hint: '"vault devices" lists them',
      });
    }
    const changed = change(record);
    this.#records[at] = changed;
    this.#tell({ kind, device: changed });
    return changed;
  }

  #tell(change: RegistryChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }
}

function certificatesOf(record: DeviceRecord): readonly CertificateFacts[] {
  return record.successor ? [record, record.successor] : [record];
}

function factsOnly(
  { fingerprint, serial, expiresAt }: CertificateFacts,
): CertificateFacts {
  return { fingerprint, serial, expiresAt };
}

function refusal(reason: string, name?: string): Admission {
  return { admitted: false, reason, ...(name === undefined ? {} : { name }) };
}

function corrupt(what: string): VaultError {
  return new VaultError(`The list of devices is damaged: ${what}`);
}

/** A record read from outside, with nothing in it that was not checked. */
function checkedRecord(record: DeviceRecord): DeviceRecord {
  const { name, enrolledAt, revokedAt, successor } = record;
  if (typeof name !== "string") throw corrupt("a device has no name");
  deviceName(name);
  if (!isTime(enrolledAt)) throw corrupt(`"${name}" has no time of enrolment`);
  if (revokedAt !== undefined && !isTime(revokedAt)) {
    throw corrupt(`"${name}" has no readable time of revocation`);
  }
  return {
    name,
    ...checkedFacts(name, record),
    enrolledAt,
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(successor === undefined
      ? {}
      : { successor: checkedFacts(name, successor) }),
  };
}

function checkedFacts(name: string, facts: CertificateFacts): CertificateFacts {
  const { fingerprint, serial, expiresAt } = facts;
  const whole = typeof fingerprint === "string" &&
    /^[0-9a-f]{64}$/.test(fingerprint) &&
    typeof serial === "string" && /^[0-9a-f]{1,40}$/.test(serial) &&
    isTime(expiresAt);
  if (!whole) throw corrupt(`"${name}" has no whole certificate`);
  return { fingerprint, serial, expiresAt };
}

function isTime(text: unknown): boolean {
  return typeof text === "string" && Number.isFinite(Date.parse(text));
}
