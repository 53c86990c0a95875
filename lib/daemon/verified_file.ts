/** `verify.json` of a volume in a bucket: how far it has been read back, so that whoever was cut off does not begin anew. */

import * as v from "valibot";
import { fromHex, toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { remove } from "../os/file.ts";
import { ObjectKind } from "../segments/keys.ts";
import type { Link } from "../store/segmented/chain_check.ts";
import type { Verified } from "../store/segmented/verify.ts";
import { readDocument, writeDocument } from "./documents.ts";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Bytes = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/));

const LinkDocument = v.object({
  number: Count,
  epoch: Count,
  digest: Bytes,
  empty: v.boolean(),
});

const VerifiedDocument = v.object({
  version: v.literal(1),
  volumeId: Bytes,
  upTo: Count,
  last: v.exactOptional(LinkDocument),
  claims: v.array(LinkDocument),
  suspects: v.array(v.object({
    kind: v.picklist(Object.keys(ObjectKind) as (keyof typeof ObjectKind)[]),
    number: Count,
    why: v.string(),
    chunks: v.exactOptional(v.array(Count)),
  })),
});

export class VerifiedFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where there is none. What is damaged only means that all is read again. */
  read(): Verified | undefined {
    let found: v.InferOutput<typeof VerifiedDocument> | undefined;
    try {
      found = readDocument(this.#path, VerifiedDocument);
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown;
    }
    if (!found) return undefined;
    const { volumeId, upTo, last, claims, suspects } = found;
    const chain = {
      last: last && linkOf(last),
      claims: claims.map(linkOf),
    };
    return { volumeId: fromHex(volumeId)!, upTo, chain, suspects };
  }

  write({ volumeId, upTo, chain, suspects }: Verified): void {
    const { last, claims } = chain;
    writeDocument(this.#path, {
      ...{ version: 1, volumeId: toHex(volumeId), upTo },
      ...(last && { last: documentOf(last) }),
      ...{ claims: claims.map(documentOf), suspects },
    });
  }

  /** The next verify begins anew. */
  remove(): void {
    remove(this.#path);
  }
}

function linkOf(link: v.InferOutput<typeof LinkDocument>): Link {
  return { ...link, digest: fromHex(link.digest)! };
}

function documentOf(link: Link): v.InferOutput<typeof LinkDocument> {
  return { ...link, digest: toHex(link.digest) };
}
