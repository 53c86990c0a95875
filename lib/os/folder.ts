/** Folders of this machine behind the {@linkcode Folder} interface. */

import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Folder } from "../base/folder.ts";
import {
  listFolder,
  makeFolder,
  openFile,
  syncFolder as syncFolderNow,
} from "./file.ts";

/** The folder at `path`, made for its owner alone where it is missing. Its own name is on stable storage. @throws {VaultError} */
export function openFolder(path: string): Folder {
  makeFolder(path);
  // Also where it was there: whoever made it may have been killed before that.
  try {
    syncFolderNow(dirname(path));
  } catch (cause) {
    throw failure(`sync ${dirname(path)}`, cause);
  }
  return {
    list: () => listFolder(path),
    create: (name) => openFile(join(path, name), { create: true }),
    open: (name) => openFile(join(path, name)),
    remove(name) {
      try {
        fs.rmSync(join(path, name));
      } catch (cause) {
        throw failure(`remove ${join(path, name)}`, cause);
      }
    },
    sync: () => syncFolder(path),
  };
}

/** Windows has no such call and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch (cause) {
    throw failure(`sync ${path}`, cause);
  }
  try {
    await new Promise<void>((resolve, reject) =>
      fs.fsync(fd, (error) => error ? reject(error) : resolve())
    );
  } catch (cause) {
    throw failure(`sync ${path}`, cause);
  } finally {
    fs.closeSync(fd);
  }
}

function failure(what: string, cause: unknown): VaultError {
  return new VaultError(`Cannot ${what}: ${messageOf(cause)}`, { cause });
}
