/**
 * A disk whose syncs fail when told to: a library that is loaded into the program under test ahead of the C library. Real disks do that
 * to their owners, and cannot be made to.
 */

import { runOk } from "./process.ts";
import type { TempDir } from "./temp_dir.ts";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the file is the one that is meant; its syncs are counted, a byte each. */
static int meant(int fd) {
  const char *suffix = getenv("FAILING_SYNC_OF"), *count = getenv("FAILING_SYNC_COUNT");
  char link[64], path[4096];
  if (!suffix || !count) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < (ssize_t)strlen(suffix)) return 0;
  path[length] = 0;
  if (strcmp(path + length - strlen(suffix), suffix) != 0) return 0;
  int log = open(count, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (log >= 0) { if (write(log, ".", 1) != 1) abort(); close(log); }
  return 1;
}

static int failing(void) {
  const char *flag = getenv("FAILING_SYNC_FLAG");
  return flag && access(flag, F_OK) == 0;
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (meant(fd) && failing()) { errno = EIO; return -1; }
  return real(fd);
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  if (meant(fd) && failing()) { errno = EIO; return -1; }
  return real(fd);
}
`;

export class FailingSync {
  /** For the environment of the program under test. */
  readonly env: Readonly<Record<string, string>>;
  readonly #flag: string;
  readonly #count: string;

  private constructor(dir: TempDir, pathEnd: string) {
    this.#flag = dir.at("syncs-fail");
    this.#count = dir.at("syncs");
    this.env = {
      LD_PRELOAD: dir.at("failing_sync.so"),
      FAILING_SYNC_OF: pathEnd,
      FAILING_SYNC_FLAG: this.#flag,
      FAILING_SYNC_COUNT: this.#count,
    };
  }

  /** Of the files whose path ends with `pathEnd`. */
  static async make(dir: TempDir, pathEnd: string): Promise<FailingSync> {
    const source = dir.write("failing_sync.c", SOURCE);
    await runOk({
      command: "gcc",
      args: [
        ...["-shared", "-fPIC", "-Wall", "-Werror", "-O1"],
        ...["-o", dir.at("failing_sync.so"), source, "-ldl"],
      ],
    });
    return new FailingSync(dir, pathEnd);
  }

  begin(): void {
    Deno.writeTextFileSync(this.#flag, "");
  }

  end(): void {
    Deno.removeSync(this.#flag);
  }

  /** How often the file was synced, or was to be. */
  get syncs(): number {
    try {
      return Deno.statSync(this.#count).size;
    } catch {
      return 0;
    }
  }
}
