/** Ranges, as an S3 store is asked for them and as it answers. */

import type { Extent } from "../base/extent.ts";
import { BucketError } from "./bucket.ts";
import type { Body } from "./s3_body.ts";

/** The header that asks for it. */
export function rangeHeader({ offset, length }: Extent): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/**
 * There are stores that do not know ranges, and give the whole object or its beginning.
 *
 * @throws {BucketError} `unsupported`
 */
export function checkAnswered(
  range: Extent,
  contentRange: string | undefined,
  body: Body | undefined,
): void {
  if (contentRange?.startsWith(`bytes ${range.offset}-`)) return;
  body?.destroy();
  throw new BucketError(
    "unsupported",
    `asked for ${rangeHeader(range)}, the store gives ${
      contentRange ?? "no range"
    }`,
    { hint: "choose an object store that keeps ranges" },
  );
}
