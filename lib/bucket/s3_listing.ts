/**
 * A page of a listing (S3, ListObjectsV2), read for names and lengths alone. The SDK makes objects, dates and all of the rest, too, which takes
 * ten times as long: of 100,000 objects, seconds in which a node does nothing else.
 *
 * It is read here where it has its plainest form, as all stores give it:
 *
 *     <ListBucketResult …> … <IsTruncated>true</IsTruncated> … <Contents> … <Key>d/1</Key> … <Size>7</Size> … </Contents> … </ListBucketResult>
 *
 * What has another form is no error: it is XML for the SDK to read, which knows all that there is.
 */

import { fromUtf8, utf8 } from "../base/bytes.ts";
import { type Body, readBody } from "./s3_body.ts";

/** A page is at most so long: 1000 names of 1024 characters, each of which may take some bytes, and what is told beside them. */
const MAX_LISTING_BYTES = 8 * 1024 * 1024;

/** What a page says. */
export interface Listing {
  readonly objects: readonly {
    readonly key: string;
    readonly sizeBytes: number;
  }[];
  /** There are others after it. */
  readonly isTruncated: boolean;
}

/** An answer as the SDK has it before it reads it. */
export interface UnreadAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body?: unknown;
}

/** One that says nothing. */
const NO_LISTING = "<ListBucketResult/>";

const ROOT =
  /^(?:<\?xml[^<>]*\?>)?\s*<ListBucketResult(?:\s[^<>]*)?>(.*)<\/ListBucketResult>\s*$/s;
const CONTENTS = /<Contents>(.*?)<\/Contents>/gs;
const TRUNCATED = /<IsTruncated>(true|false)<\/IsTruncated>/g;
/** Printable, and the same in XML as they are: no space, no `&`. */
const KEY = /<Key>([!-%'-;=-~]+)<\/Key>/g;
const SIZE = /<Size>(\d{1,15})<\/Size>/g;

/** Reads the page of an answer, of which nothing is left to read then. Undefined where it is for the SDK to read, and can be read still. */
export async function takeListing(
  answer: UnreadAnswer,
  heard: () => void,
): Promise<Listing | undefined> {
  if (answer.statusCode !== 200) return undefined;
  const length = answer.headers["content-length"];
  const bytes = await readBody(answer.body as Body | undefined, {
    ...{ name: "the listing", limit: MAX_LISTING_BYTES, heard },
    lengthBytes: length === undefined ? undefined : Number(length),
  });
  const text = fromUtf8(bytes);
  const listing = text === undefined ? undefined : readListing(text);
  answer.body = listing ? utf8(NO_LISTING) : bytes;
  return listing;
}

/** Undefined where it has another form. */
export function readListing(text: string): Listing | undefined {
  // Comments and the like, in which anything may stand.
  if (text.includes("<!")) return undefined;
  const body = ROOT.exec(text)?.[1];
  if (body === undefined) return undefined;
  const objects: { key: string; sizeBytes: number }[] = [];
  for (const [, contents] of body.matchAll(CONTENTS)) {
    const key = onlyOne(KEY, contents!);
    const size = onlyOne(SIZE, contents!);
    if (key === undefined || size === undefined) return undefined;
    objects.push({ key, sizeBytes: Number(size) });
  }
  const rest = body.replaceAll(CONTENTS, "");
  const truncated = onlyOne(TRUNCATED, rest);
  // What is of a name and was not taken was meant in another way.
  if (truncated === undefined || /<\/?(?:\w+:)?Contents/.test(rest)) {
    return undefined;
  }
  return { objects, isTruncated: truncated === "true" };
}

function onlyOne(pattern: RegExp, text: string): string | undefined {
  const [first, ...others] = text.matchAll(pattern);
  return others.length > 0 ? undefined : first?.[1];
}
