/** Texts in objects: their length in bytes, then UTF-8. */

import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** @throws {RangeError} where it is longer than `mostBytes` */
export function writeText(
  writer: ByteWriter,
  text: string,
  mostBytes: number,
): void {
  const bytes = utf8(text);
  if (bytes.length > mostBytes) {
    throw new RangeError(`A text of ${bytes.length} bytes is too long`);
  }
  writer.varint(bytes.length);
  writer.raw(bytes);
}

/** @throws {SealError} */
export function readText(reader: ByteReader, mostBytes: number): string {
  const text = fromUtf8(reader.raw(reader.varint(mostBytes)));
  if (text === undefined) throw reader.malformed("a text is not readable");
  return text;
}
