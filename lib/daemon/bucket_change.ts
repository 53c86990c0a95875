/** Limits of a volume in a bucket that are changed later. */

import { VaultError } from "../base/errors.ts";
import type { BucketChange } from "../control/operations.ts";
import { checkBucketSpec } from "./bucket_address.ts";
import type { Here } from "./bucket_operations.ts";
import type { BucketDocument } from "./documents.ts";
import type { Made } from "./volume_making.ts";

/** No limit of rate, as people write it. */
const OFF = /^\s*off\s*$/i;

/** They are on stable storage before they hold. @throws {VaultError} where the volume is in no bucket, or one makes no sense */
export function changeBucket(
  { state: { catalog }, live }: Here,
  { name, change }: { readonly name: string; readonly change: BucketChange },
): Made {
  const before = catalog.get(name);
  if (!before.bucket) {
    throw new VaultError(`Volume "${name}" is not in a bucket`, {
      kind: "usage",
      hint: "One in a file has no cache and no limits.",
    });
  }
  const bucket = changed(before.bucket, change);
  checkBucketSpec(bucket);
  const document = { ...before, bucket };
  catalog.update(document);
  // One that is being opened keeps to them once it is.
  live?.volumes.bucketDisk(name)?.keepTo(bucket);
  const how = Object.entries(change)
    .map(([what, to]) => `${what} ${to}`).join(", ");
  return { document, how };
}

function changed(before: BucketDocument, change: BucketChange): BucketDocument {
  const { upload, download, prefetch, ...rest } = { ...before, ...change };
  return {
    ...rest,
    ...(prefetch && { prefetch }),
    ...(upload !== undefined && !OFF.test(upload) && { upload }),
    ...(download !== undefined && !OFF.test(download) && { download }),
  };
}
