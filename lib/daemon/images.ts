/** Disk images in files: raw ones as they are, qcow2 ones through `qemu-img`, which is not part of this program. */

import * as v from "valibot";
import { VaultError } from "../base/errors.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import { equalBytes } from "../base/bytes.ts";
import type { File } from "../base/file.ts";
import { openFile, remove } from "../os/file.ts";
import { freeBytes } from "../os/free_space.ts";
import { type Outcome, runProgram } from "../os/process.ts";
import { type ImageSource, rawImage } from "../store/image_copy.ts";

export type ImageFormat = "raw" | "qcow2";

export interface OpenImage extends ImageSource {
  readonly format: ImageFormat;
  close(): void;
}

/** What a qcow2 image begins with: "QFI" and FBh. */
const QCOW_MAGIC = Uint8Array.of(0x51, 0x46, 0x49, 0xfb);
/** How much of a qcow2 image is made raw at a time. */
const WINDOW_BYTES = 64 * 1024 * 1024;

const Info = v.object({
  "virtual-size": v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  encrypted: v.exactOptional(v.boolean()),
  "backing-filename": v.exactOptional(v.string()),
  "format-specific": v.exactOptional(v.object({
    data: v.exactOptional(v.object({
      "data-file": v.exactOptional(v.string()),
    })),
  })),
});

const Map = v.array(v.object({
  start: v.number(),
  length: v.number(),
  zero: v.boolean(),
  data: v.boolean(),
}));

/**
 * Opens an image to read it. Its format is what its first bytes say unless given.
 *
 * @param options `scratch` is a path at which a file may be made meanwhile
 * @throws {VaultError} where it cannot be read, or leans on other files
 */
export async function openImage(
  path: string,
  options: { readonly format?: ImageFormat; readonly scratch: string },
): Promise<OpenImage> {
  const file = openFile(path, { readOnly: true });
  const magic = new Uint8Array(QCOW_MAGIC.length);
  try {
    file.read(0, magic);
  } catch (thrown) {
    file.close();
    throw thrown;
  }
  const isQcow = equalBytes(magic, QCOW_MAGIC);
  if ((options.format ?? (isQcow ? "qcow2" : "raw")) === "raw") {
    return { format: "raw", ...rawImage(file), close: () => file.close() };
  }
  file.close();
  return await openQcow(path, options.scratch);
}

/** Makes the new qcow2 image `to` of the raw image `from`. @throws {VaultError} */
export async function makeQcow(from: string, to: string): Promise<void> {
  // For its owner alone: qemu-img leaves that as it is.
  openFile(to, { create: true }).close();
  await qemuImg("convert", "-f", "raw", "-O", "qcow2", from, to);
  const file = openFile(to);
  try {
    await file.sync();
  } finally {
    file.close();
  }
}

/** @throws {VaultError} where `qemu-img` is not installed */
export async function expectQemuImg(): Promise<void> {
  await qemuImg("--version");
}

/** @throws {VaultError} where the file system of `folder` has no room for so many bytes; one that does not say how much it has may try */
export function expectFree(folder: string, neededBytes: number): void {
  const free = freeBytes(folder);
  if (free === undefined || neededBytes <= free) return;
  throw new VaultError(
    `There is no room in ${folder}: ${neededBytes} bytes are needed, and ${free} are free`,
    { hint: "Make room, or choose another place." },
  );
}

async function openQcow(path: string, scratch: string): Promise<OpenImage> {
  const info = said(
    Info,
    await qemuImg("info", "--output=json", "-f", "qcow2", path),
  );
  // An image could name any file of this machine as its own, and have it read.
  const leansOn = info["backing-filename"] ??
    info["format-specific"]?.data?.["data-file"];
  if (leansOn !== undefined) {
    throw new VaultError(`${path} is not whole: it leans on ${leansOn}`, {
      kind: "refused",
      hint:
        "Where you trust it, make it whole: qemu-img convert -O qcow2 FILE WHOLE",
    });
  }
  if (info.encrypted) {
    throw new VaultError(`${path} is encrypted`, { kind: "refused" });
  }
  const map = said(
    Map,
    await qemuImg("map", "--output=json", "-f", "qcow2", path),
  );
  const extents = map.filter(({ zero, data }) => data && !zero)
    .map(({ start, length }) => ({ offset: start, length }));
  const sizeBytes = info["virtual-size"];
  return new QcowImage({ path, scratch, sizeBytes, extents });
}

interface QcowOptions {
  readonly path: string;
  readonly scratch: string;
  readonly sizeBytes: number;
  /** What is not zeros, in order. */
  readonly extents: readonly Extent[];
}

/** Reads go forward: a window is made raw in a file beside. */
class QcowImage implements OpenImage {
  readonly format = "qcow2";
  readonly #options: QcowOptions;
  #window: { readonly extent: Extent; readonly file: File } | undefined;
  #next = 0;

  constructor(options: QcowOptions) {
    this.#options = options;
  }

  get sizeBytes(): number {
    return this.#options.sizeBytes;
  }

  nextData(offset: number): Extent | undefined {
    const { extents } = this.#options;
    const before = extents[this.#next - 1];
    if (before && extentEnd(before) > offset) this.#next = 0;
    for (; this.#next < extents.length; this.#next++) {
      const extent = extents[this.#next];
      if (!extent || extentEnd(extent) <= offset) continue;
      const start = Math.max(offset, extent.offset);
      return { offset: start, length: extentEnd(extent) - start };
    }
    return undefined;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length;) {
      const { extent, file } = await this.#windowAt(offset + at);
      const inside = offset + at - extent.offset;
      const part = into.subarray(at, at + extent.length - inside);
      file.read(inside, part);
      at += part.length;
    }
  }

  close(): void {
    this.#window?.file.close();
    this.#window = undefined;
    remove(this.#options.scratch);
  }

  async #windowAt(offset: number) {
    const { path, scratch, sizeBytes } = this.#options;
    const start = offset - offset % WINDOW_BYTES;
    if (this.#window?.extent.offset === start) return this.#window;
    this.close();
    const length = Math.min(WINDOW_BYTES, sizeBytes - start);
    await qemuImg(
      ...["convert", "--image-opts", "-O", "raw"],
      // A comma stands for itself where it is doubled.
      `driver=raw,offset=${start},size=${length},file.driver=qcow2,file.file.driver=file,file.file.filename=${
        path.replaceAll(",", ",,")
      }`,
      scratch,
    );
    const file = openFile(scratch, { readOnly: true });
    return this.#window = { extent: { offset: start, length }, file };
  }
}

async function qemuImg(...args: string[]): Promise<string> {
  let outcome: Outcome;
  try {
    outcome = await runProgram(["qemu-img", ...args]);
  } catch (thrown) {
    if (!(thrown instanceof VaultError) || thrown.kind !== "not-found") {
      throw thrown;
    }
    throw new VaultError("qcow2 images need qemu-img, which is not installed", {
      hint:
        "Install it (Debian: qemu-utils), or use raw images: qemu-img convert -O raw makes them elsewhere.",
      cause: thrown,
    });
  }
  const { code, stdout, stderr } = outcome;
  if (code === 0) return stdout;
  throw new VaultError(
    stderr.trim() || `qemu-img ${args[0] ?? ""} ended with ${code}`,
  );
}

function said<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new VaultError(
    `qemu-img said something else than was asked: ${
      v.summarize(parsed.issues)
    }`,
  );
}
