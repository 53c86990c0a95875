/**
 * Writes a volume as an image into a file. It is always a snapshot that is written: one that is named, or one that is made for it and removed
 * in the end. So a volume may be in use, and an export that was cut off goes on with the bytes that it began with.
 *
 * What is there so far lies beside the file, in `FILE.vault-export/`, with a note of it, until the file is whole and in its place.
 */

import * as v from "valibot";
import { equalBytes, toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { SnapshotInfo } from "../control/operations.ts";
import { sha256 } from "../os/digest.ts";
import {
  exists,
  lockFile,
  makeFolder,
  openFile,
  remove,
  rename,
} from "../os/file.ts";
import { join } from "../os/paths.ts";
import {
  copyImage,
  dataBytes,
  digestOf,
  type ImageSource,
} from "../store/image_copy.ts";
import { readDocument, writeDocument } from "./documents.ts";
import { openExportSource } from "./export_source.ts";
import {
  expectFree,
  expectQemuImg,
  type ImageFormat,
  makeQcow,
  openImage,
} from "./images.ts";
import type { AskNode, TransferWords } from "./volume_import.ts";

const ExportDocument = v.object({
  version: v.literal(1),
  volume: v.string(),
  snapshot: v.string(),
  /** It was made for the export, which removes it. */
  temporary: v.boolean(),
  /** So much is on stable storage. */
  doneBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of all of it, once it was read back. */
  sha256: v.exactOptional(v.string()),
});
type ExportDocument = v.InferOutput<typeof ExportDocument>;

export interface VolumeExportOptions extends TransferWords {
  readonly stateDir: string;
  readonly volume: string;
  /** Of now unless given. */
  readonly snapshot?: string;
  /** Absolute. Must not exist. */
  readonly file: string;
  readonly format: ImageFormat;
  readonly askNode: AskNode;
  /** Makes a snapshot of the volume, and resolves when it is there. */
  readonly makeSnapshot: (name: string) => Promise<SnapshotInfo>;
}

export interface ExportedVolume {
  readonly volume: string;
  readonly file: string;
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  /** Of all bytes of the volume, in hexadecimal digits; of a raw image also that of the file. */
  readonly sha256: string;
}

/** @throws {VaultError} whatever goes wrong; what was written stays for the next time */
export async function exportVolume(
  options: VolumeExportOptions,
): Promise<ExportedVolume> {
  const { file, volume, format } = options;
  const folder = `${file}.vault-export`;
  if (exists(file) && !exists(folder)) throw isThere(file);
  if (!exists(join(file, ".."))) {
    throw new VaultError(`There is no folder for ${file}`, { kind: "usage" });
  }
  if (format === "qcow2") await expectQemuImg();
  const { bucket } = await options.askNode((node) => node.showVolume(volume));
  if (bucket && format === "qcow2") throw noFileFor(volume);
  makeFolder(folder);
  const lock = lockFile(join(folder, "lock"));
  if (!lock) {
    throw new VaultError(`Another export writes ${file} just now`, {
      kind: "conflict",
      hint: "Wait for it to end, or end it.",
    });
  }
  try {
    return await new Export(options, folder).run();
  } finally {
    lock.release();
  }
}

class Export {
  readonly #options: VolumeExportOptions;
  readonly #folder: string;
  readonly #data: string;

  constructor(options: VolumeExportOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#data = join(folder, `data.${options.format}`);
  }

  async run(): Promise<ExportedVolume> {
    const { file, volume, format, say } = this.#options;
    const before = readDocument(this.#notePath, ExportDocument);
    const ended = before?.sha256 !== undefined && before.volume === volume &&
      exists(file) && !exists(this.#data);
    if (exists(file) && !ended) throw isThere(file);
    const { note, snapshot } = await this.#subject(before);
    const { sizeBytes } = snapshot;
    let digest = ended ? before.sha256 : undefined;
    if (digest === undefined) {
      if (note.doneBytes > 0) {
        say(
          "It was begun before: what is there already is compared, and the rest copied.",
        );
      }
      digest = await this.#write(note, snapshot);
      this.#keep({ ...note, doneBytes: sizeBytes, sha256: digest });
      if (exists(file)) throw isThere(file);
      rename(this.#data, file);
    }
    if (note.temporary) await this.#forget(note.snapshot);
    remove(this.#folder);
    return { volume, file, format, sizeBytes, sha256: digest };
  }

  /** What is exported: what an earlier run has begun with, where that is there and is what is asked for. */
  async #subject(
    before: ExportDocument | undefined,
  ): Promise<{ note: ExportDocument; snapshot: SnapshotInfo }> {
    const { volume, askNode, makeSnapshot, say, snapshot } = this.#options;
    const snapshots = await askNode((node) => node.listSnapshots(volume));
    const find = (name: string) => snapshots.find((one) => one.name === name);
    const fits = before?.volume === volume &&
      (snapshot === undefined
        ? before.temporary
        : before.snapshot === snapshot);
    if (before && fits) {
      const there = find(before.snapshot);
      if (there) return { note: before, snapshot: there };
    }
    if (before?.temporary) {
      say(`What was begun with other bytes is begun anew.`);
      await this.#forget(before.snapshot, before.volume);
    }
    remove(this.#data);
    const note: ExportDocument = {
      version: 1,
      volume,
      snapshot: snapshot ?? `export-${crypto.randomUUID().slice(0, 8)}`,
      temporary: snapshot === undefined,
      doneBytes: 0,
    };
    // Noted before it is made: whatever happens, somebody knows that it is to be removed.
    this.#keep(note);
    const made = note.temporary
      ? await makeSnapshot(note.snapshot)
      : find(note.snapshot);
    if (made) return { note, snapshot: made };
    remove(this.#folder);
    throw new VaultError(
      `There is no snapshot "${snapshot}" of volume "${volume}"`,
      {
        kind: "not-found",
        hint: `vault snapshot list ${volume} shows those that there are.`,
      },
    );
  }

  async #write(note: ExportDocument, snapshot: SnapshotInfo): Promise<string> {
    const { stateDir, volume, format } = this.#options;
    const source = await openExportSource(stateDir, snapshot);
    try {
      expectFree(this.#folder, dataBytes(source, note.doneBytes));
      if (format === "raw") return toHex(await this.#writeRaw(note, source));
      if (source.path === undefined) throw noFileFor(volume);
      return toHex(await this.#writeQcow(source.path, source));
    } finally {
      await source.close();
    }
  }

  async #writeRaw(
    note: ExportDocument,
    source: ImageSource,
  ): Promise<Uint8Array> {
    const { sizeBytes } = source;
    const create = !exists(this.#data);
    const into = openFile(this.#data, { create });
    try {
      const { sha256: digest } = await copyImage({
        source,
        into,
        sizeBytes,
        doneBytes: create ? 0 : note.doneBytes,
        checkpoint: (doneBytes) => this.#keep({ ...note, doneBytes }),
        progress: (phase, done) =>
          this.#options.progress(phase, done, sizeBytes),
        sha256,
      });
      return digest;
    } finally {
      into.close();
    }
  }

  /** `qemu-img` begins from the beginning each time. */
  async #writeQcow(
    path: string,
    source: ImageSource,
  ): Promise<Uint8Array> {
    const { progress, say } = this.#options;
    const { sizeBytes } = source;
    say("qemu-img writes the image: if this is cut off, it is written anew.");
    remove(this.#data);
    await makeQcow(path, this.#data);
    const wanted = await digestOf(source, {
      sha256,
      progress: (done) => progress("comparing", done, sizeBytes),
    });
    const written = await openImage(this.#data, {
      format: "qcow2",
      scratch: join(this.#folder, "window"),
    });
    try {
      const found = await digestOf(written, {
        sha256,
        progress: (done) => progress("reading back", done, sizeBytes),
      });
      if (equalBytes(found, wanted)) return wanted;
    } finally {
      written.close();
    }
    throw new VaultError("What was written does not read back as it was");
  }

  /** Removes what was made for the export. */
  async #forget(snapshot: string, volume = this.#options.volume) {
    try {
      await this.#options.askNode((node) =>
        node.deleteSnapshot(volume, snapshot)
      );
    } catch (thrown) {
      // Somebody was quicker.
      if (!(thrown instanceof VaultError) || thrown.kind !== "not-found") {
        throw thrown;
      }
    }
  }

  #keep(note: ExportDocument): void {
    writeDocument(this.#notePath, note);
  }

  get #notePath(): string {
    return join(this.#folder, "export.json");
  }
}

/** `qemu-img` reads files. */
function noFileFor(volume: string): VaultError {
  return new VaultError(
    `Volume "${volume}" is in a bucket, and is written as a raw image only`,
    {
      kind: "usage",
      hint:
        "Leave out --format, and then: qemu-img convert -f raw -O qcow2 FILE NEW",
    },
  );
}

function isThere(file: string): VaultError {
  return new VaultError(`${file} is there already`, {
    kind: "conflict",
    hint: "Remove it, or name another file.",
  });
}
