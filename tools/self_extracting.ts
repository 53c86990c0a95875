/**
 * One file that unpacks and starts itself, for where `deno compile` cannot be had: `self_extracting_header.sh`, then a gzip of a
 * tar archive holding the runtime (`deno`) and the bundled program (`vault.js`). The same input gives the same bytes.
 */
import { createHash } from "node:crypto";

export interface Parts {
  /** The runtime's executable. */
  readonly runtime: Uint8Array<ArrayBuffer>;
  /** The bundled program. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** What stands between `deno run` and the program. */
  readonly runFlags: readonly string[];
}

/** The whole file: to be written as an executable. */
export async function selfExtracting(
  parts: Parts,
): Promise<Uint8Array<ArrayBuffer>> {
  const archive = await gzip(
    tar([
      { name: "deno", mode: 0o500, bytes: parts.runtime },
      { name: "vault.js", mode: 0o400, bytes: parts.program },
    ]),
  );
  const header = headerFor(parts, archive);
  const file = new Uint8Array(header.length + archive.length);
  file.set(header);
  file.set(archive, header.length);
  return file;
}

function headerFor(
  parts: Parts,
  archive: Uint8Array,
): Uint8Array {
  const template = Deno.readTextFileSync(
    new URL("self_extracting_header.sh", import.meta.url),
  );
  const fill = (payloadAt: string) =>
    new TextEncoder().encode(
      template
        .replace("@HASH@", createHash("sha256").update(archive).digest("hex"))
        .replace("@PAYLOAD_AT@", payloadAt)
        .replace("@RUNTIME_BYTES@", String(parts.runtime.length))
        .replace("@PROGRAM_BYTES@", String(parts.program.length))
        .replace("@RUN_FLAGS@", parts.runFlags.join(" ")),
    );
  // The number's own length is part of the header, so it has a fixed one. `tail -c +N` counts from 1.
  const digits = 6;
  const length = fill("0".repeat(digits)).length;
  return fill(String(length + 1).padStart(digits, "0"));
}

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const BLOCK_BYTES = 512;

/** A POSIX ustar archive (POSIX.1-2017, pax, "ustar Interchange Format") of root's files from 1970. */
function tar(members: readonly Member[]): Uint8Array<ArrayBuffer> {
  const padded = (length: number) =>
    Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  let total = 2 * BLOCK_BYTES;
  for (const { bytes } of members) total += BLOCK_BYTES + padded(bytes.length);
  const archive = new Uint8Array(total);
  let at = 0;
  for (const member of members) {
    archive.set(ustarHeader(member), at);
    archive.set(member.bytes, at + BLOCK_BYTES);
    at += BLOCK_BYTES + padded(member.bytes.length);
  }
  return archive;
}

function ustarHeader(member: Member): Uint8Array {
  const header = new Uint8Array(BLOCK_BYTES);
  const put = (at: number, text: string) =>
    header.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) =>
    value.toString(8).padStart(digits, "0") + "\0";
  put(0, member.name);
  put(100, octal(member.mode, 7));
  put(108, octal(0, 7)); // uid
  put(116, octal(0, 7)); // gid
  put(124, octal(member.bytes.length, 11));
  put(136, octal(0, 11)); // mtime
  put(148, " ".repeat(8)); // the checksum counts as blanks
  put(156, "0"); // a regular file
  put(257, "ustar\0" + "00");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return header;
}

async function gzip(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(
    new CompressionStream("gzip"),
  );
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
