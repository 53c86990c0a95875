/**
 * `volumes/NAME/erasure.json`: a FORMAT UNIT or SANITIZE that has begun and is not over. It is there before the first byte changes, and gone
 * before anybody may use the volume again; a node that finds it at its start begins the erasure again.
 */

import * as v from "valibot";
import { fromHex, toHex } from "../base/bytes.ts";
import type { ErasureAsk, ErasureNotes } from "../scsi/erasure.ts";
import { remove } from "../os/file.ts";
import { readDocument, writeDocument } from "./documents.ts";

const ErasureDocument = v.object({
  version: v.literal(1),
  method: v.variant("kind", [
    v.object({ kind: v.literal("format") }),
    v.object({ kind: v.literal("block-erase") }),
    v.object({
      kind: v.literal("overwrite"),
      /** One block, in hexadecimal digits. */
      pattern: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/)),
      count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(31)),
      invert: v.boolean(),
    }),
  ]),
  unrestrictedExit: v.boolean(),
});

export class ErasureFile implements ErasureNotes {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where nothing was interrupted. @throws {VaultError} where the file is damaged: nobody may read what is half erased */
  read(): ErasureAsk | undefined {
    const document = readDocument(this.#path, ErasureDocument);
    if (!document) return undefined;
    const { method, unrestrictedExit } = document;
    if (method.kind !== "overwrite") return { method, unrestrictedExit };
    const pattern = fromHex(method.pattern) ?? new Uint8Array(0);
    return { method: { ...method, pattern }, unrestrictedExit };
  }

  write({ method, unrestrictedExit }: ErasureAsk): void {
    writeDocument(this.#path, {
      version: 1,
      method: method.kind === "overwrite"
        ? { ...method, pattern: toHex(method.pattern) }
        : method,
      unrestrictedExit,
    });
  }

  clear(): void {
    remove(this.#path);
  }
}
