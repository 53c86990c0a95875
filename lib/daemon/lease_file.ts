/**
 * Leases that outlive `vault serve`: `volumes/NAME/lease.json`, and `forward_leases.json` for all targets behind `--forward`. Replaced whole,
 * so that a crash at any moment leaves the old one or the new one.
 */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import {
  goTogether,
  type KeptLease,
  MAX_HOLDERS,
  MAX_LOST,
  MODES,
  REASONS,
} from "../lease/holder.ts";
import { readDocument, writeDocument } from "./documents.ts";

/** The most targets behind `--forward` whose leases are kept. */
export const MAX_FORWARD_LEASES = 1024;

const Time = v.pipe(v.string(), v.isoTimestamp());
const generation = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const attachment = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

const entries = {
  lastGeneration: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  holders: v.pipe(
    v.array(v.object({
      device: v.string(),
      attachment,
      mode: v.picklist(MODES),
      generation,
      since: Time,
    })),
    v.maxLength(MAX_HOLDERS),
  ),
  lost: v.pipe(
    v.array(v.object({
      device: v.string(),
      attachment,
      generation,
      by: v.exactOptional(v.string()),
      at: Time,
      reason: v.picklist(REASONS),
    })),
    v.maxLength(MAX_LOST),
  ),
};

const Lease = v.pipe(
  v.object(entries),
  v.check(
    ({ lastGeneration, holders }) =>
      holders.every(({ generation }) => generation <= lastGeneration) &&
      new Set(holders.map(({ generation }) => generation)).size ===
        holders.length,
    "a generation was never given, or twice",
  ),
  v.check(
    ({ holders }) =>
      holders.every((one) =>
        holders.every((other) =>
          one === other ||
          (one.attachment !== other.attachment &&
            goTogether(one.mode, other.mode))
        )
      ),
    "two hold it that cannot",
  ),
);
type Lease = v.InferOutput<typeof Lease>;

const LeaseDocument = v.intersect([v.object({ version: v.literal(1) }), Lease]);

const ForwardLeasesDocument = v.object({
  version: v.literal(1),
  /** By the target's iSCSI name. */
  targets: v.record(v.string(), Lease),
});

/** The lease of one volume. */
export class LeaseFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where nobody has held it yet. @throws {VaultError} where the file is damaged: nobody may write past a holder who is lost */
  read(): KeptLease | undefined {
    const document = readDocument(this.#path, LeaseDocument);
    return document && fromDocument(document);
  }

  /** On stable storage when it returns. @throws where that fails */
  write(kept: KeptLease): void {
    writeDocument(this.#path, { version: 1, ...toDocument(kept) });
  }
}

/** Those of all targets behind `--forward`. */
export class ForwardLeaseFile {
  readonly #path: string;
  readonly #targets: Map<string, Lease>;

  /** @throws {VaultError} where the file is damaged */
  constructor(path: string) {
    this.#path = path;
    const document = readDocument(path, ForwardLeasesDocument);
    this.#targets = new Map(Object.entries(document?.targets ?? {}));
  }

  /** Of all targets that somebody has held. */
  get names(): readonly string[] {
    return [...this.#targets.keys()];
  }

  /** Of one target; undefined where nobody has held it yet. */
  read(iqn: string): KeptLease | undefined {
    const lease = this.#targets.get(iqn);
    return lease && fromDocument(lease);
  }

  /** On stable storage when it returns. @throws where that fails: then the old one holds */
  write(iqn: string, kept: KeptLease): void {
    const targets = new Map(this.#targets).set(iqn, toDocument(kept));
    if (targets.size > MAX_FORWARD_LEASES) {
      throw new VaultError(
        `A node keeps the leases of at most ${MAX_FORWARD_LEASES} targets behind --forward`,
      );
    }
    writeDocument(this.#path, {
      version: 1,
      targets: Object.fromEntries(targets),
    });
    this.#targets.set(iqn, toDocument(kept));
  }
}

function toDocument({ lastGeneration, holders, lost }: KeptLease): Lease {
  return {
    lastGeneration,
    holders: holders.map((one) => ({ ...one, since: iso(one.since) })),
    lost: lost.map((one) => ({ ...one, at: iso(one.at) })),
  };
}

function fromDocument({ lastGeneration, holders, lost }: Lease): KeptLease {
  return {
    lastGeneration,
    holders: holders.map((one) => ({ ...one, since: Date.parse(one.since) })),
    lost: lost.map((one) => ({ ...one, at: Date.parse(one.at) })),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
