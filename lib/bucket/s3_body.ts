/** The body of an answer, read within bounds. */

import { concat } from "../base/bytes.ts";
import { BucketError } from "./bucket.ts";
import { tooLong } from "./memory_bucket.ts";

/** What the SDK gives on this runtime. */
export interface Body extends AsyncIterable<Uint8Array> {
  destroy(): void;
}

export interface BodyExpectations {
  readonly name: string;
  /** More bytes are an error. */
  readonly limit: number;
  /** What the answer says of its length; undefined: nothing. */
  readonly lengthBytes: number | undefined;
  /** Called for each piece. */
  readonly heard: () => void;
}

/** The whole body. @throws {BucketError} for one that is too long, or that ends before its length */
export async function readBody(
  body: Body | undefined,
  expected: BodyExpectations,
): Promise<Uint8Array> {
  const { name, limit, lengthBytes, heard } = expected;
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    if ((lengthBytes ?? 0) > limit) throw tooLong(name, limit);
    for await (const piece of body ?? []) {
      heard();
      length += piece.length;
      if (length > limit) throw tooLong(name, limit);
      pieces.push(piece);
    }
  } catch (thrown) {
    body?.destroy();
    throw thrown;
  }
  if (lengthBytes !== undefined && length !== lengthBytes) {
    throw new BucketError(
      "uncertain",
      `the answer ended after ${length} of ${lengthBytes} bytes`,
    );
  }
  return concat(pieces);
}
