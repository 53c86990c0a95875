/** The file that holds a volume's bytes, and how it stands beside the volume's document. */

import { VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import { link, openFile } from "../os/file.ts";
import type { VolumeDocument } from "./documents.ts";

type Size = Pick<VolumeDocument, "name" | "sizeBytes">;

/** @throws {VaultError} `refused` where the volume's bytes are in a bucket: what is asked takes a file */
export function expectFile(
  { name, bucket }: Pick<VolumeDocument, "name" | "bucket">,
): void {
  if (!bucket) return;
  throw new VaultError(
    `This cannot be done with volume "${name}", whose bytes are in a bucket`,
    {
      kind: "refused",
      hint: "Its size and its snapshots are changed while `vault serve` runs.",
    },
  );
}

/** Makes it: zeros, or what the file `from` holds, which becomes the volume's. On stable storage when it resolves. */
export async function makeData(
  path: string,
  sizeBytes: number,
  from: string | undefined,
): Promise<void> {
  if (from !== undefined) link(from, path);
  const file = openFile(path, { create: from === undefined });
  try {
    file.truncate(sizeBytes);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Opens it, cut to the document's size. @throws {VaultError} where it is missing or was cut from outside */
export function openData(path: string, volume: Size): File {
  const file = openFile(path);
  try {
    if (sizeOf(file, { path, volume }) > volume.sizeBytes) {
      file.truncate(volume.sizeBytes);
    }
    return file;
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

/** Looks, and changes nothing. @throws {VaultError} where it is missing or was cut from outside */
export function expectData(path: string, volume: Size): void {
  const file = openFile(path, { readOnly: true });
  try {
    sizeOf(file, { path, volume });
  } finally {
    file.close();
  }
}

/** What it occupies; 0 where it cannot be found. */
export function allocatedBytes(path: string): number {
  let file: File;
  try {
    file = openFile(path, { readOnly: true });
  } catch {
    return 0;
  }
  try {
    return file.allocated();
  } finally {
    file.close();
  }
}

function sizeOf(
  file: File,
  { path, volume }: { path: string; volume: Size },
): number {
  const size = file.size();
  if (size >= volume.sizeBytes) return size;
  throw new VaultError(
    `Cannot open volume "${volume.name}": ${path} has ${size} bytes and should have ${volume.sizeBytes}`,
    {
      hint:
        "The file was cut from outside. Put the folder back from a copy, its journal too, or delete the volume.",
    },
  );
}
