/** Whether an object store keeps what everything here rests on. Asked at start, so that a store which does not is never written to. */

import { equalBytes, toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import { type Bucket, BucketError } from "./bucket.ts";

const PROBE_BYTES = 64;
const SECOND_REPLACED = "a second write replaced the first";

export interface ProbeOptions {
  /** Where names of that kind lie, `m/` say. */
  readonly folder: string;
  readonly primitives: Pick<Primitives, "random">;
}

/**
 * Makes an object of a fresh name twice, with different bytes: the second must be told that there is one, and the first must stay. Reads
 * part of it. Deletes it again. What a probe that was cut off leaves behind has a name that stands for nothing.
 *
 * @throws {BucketError} `unsupported` where the store does not keep it
 */
export async function probe(
  bucket: Bucket,
  options: ProbeOptions,
): Promise<void> {
  await onProbe(bucket, options, async (one) => {
    if (!await one.isKept()) throw unfit(SECOND_REPLACED);
    await one.expectFirst();
  });
}

/**
 * The same for a store that is to be written without conditions: none is expected, and where it keeps them all the same, it is written with
 * them. `plain` replaces what there is.
 *
 * @throws {VaultError} `usage` where the store keeps If-None-Match; {BucketError} `unsupported` where it does not keep what is written
 */
export async function probeUnconditional(
  bucket: Bucket,
  plain: Bucket,
  options: ProbeOptions,
): Promise<void> {
  if (await keepsConditions(bucket, options)) {
    throw new VaultError("This store keeps If-None-Match", {
      kind: "usage",
      hint:
        "Leave out --unsafe-no-conditional-put: here the store itself keeps a second writer off.",
    });
  }
  await onProbe(plain, options, async (one) => {
    await one.expectFirst();
    await one.expectReplaced();
  });
}

async function keepsConditions(
  bucket: Bucket,
  options: ProbeOptions,
): Promise<boolean> {
  try {
    return await onProbe(bucket, options, (one) => one.isKept());
  } catch (thrown) {
    // Some do not know the header, and say so.
    const isUnknown = thrown instanceof BucketError &&
      (thrown.fault === "unsupported" || thrown.fault === "rejected");
    if (isUnknown) return false;
    throw thrown;
  }
}

/** What a probe finds out with the object that it has made. */
interface Probing {
  /** Whether a second one of the name was refused. */
  isKept(): Promise<boolean>;
  /** @throws {BucketError} unless the first is there, and its ranges are */
  expectFirst(): Promise<void>;
  /** Replaces it. @throws {BucketError} unless that is seen at once, as a lease has to be */
  expectReplaced(): Promise<void>;
}

async function onProbe<T>(
  bucket: Bucket,
  { folder, primitives: { random } }: ProbeOptions,
  look: (one: Probing) => Promise<T>,
): Promise<T> {
  const name = folder + toHex(random(16));
  const [first, second] = [random(PROBE_BYTES), random(PROBE_BYTES)];
  if (await bucket.create(name, first) !== "created") {
    throw unfit("it says of a name nobody has used that it exists");
  }
  try {
    return await look({
      isKept: async () => await bucket.create(name, second) === "exists",
      expectFirst: async () => {
        const found = await bucket.get(name);
        if (!found || !equalBytes(found, first)) {
          throw unfit("what was written first did not stay");
        }
        const part = await bucket.get(name, { offset: 10, length: 20 });
        if (!part || !equalBytes(part, first.subarray(10, 30))) {
          throw unfit("it gives other bytes than those of the range asked for");
        }
      },
      expectReplaced: async () => {
        await bucket.create(name, second);
        const found = await bucket.get(name);
        if (found && equalBytes(found, second)) return;
        throw unfit("it gives what was there before it was replaced");
      },
    });
  } finally {
    await bucket.delete([name]);
  }
}

function unfit(why: string): BucketError {
  return new BucketError(
    "unsupported",
    `This object store cannot hold volumes: ${why}`,
    {
      hint: why === SECOND_REPLACED
        ? "use one that keeps If-None-Match and ranges: Amazon S3, Cloudflare R2, MinIO, or Ceph from 16 on. --unsafe-no-conditional-put does without, and is safe within limits: vault's README says which"
        : "use one that keeps If-None-Match and ranges: Amazon S3, Cloudflare R2, MinIO, or Ceph from 16 on",
    },
  );
}
