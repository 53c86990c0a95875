/** A folder on a file system of its own, small enough to fill it, and apart enough to break it: in a file, through a loop device. */

import { pathOf } from "./scenario.ts";

export interface MountOptions {
  readonly type: "ext4" | "xfs";
  readonly sizeBytes: number;
}

/** For so many times 50 ms a mount may be busy. */
const UNMOUNT_TRIES = 100;

const reasons = new Map<string, string | undefined>();

/**
 * Why this machine cannot have one, or undefined where it can. Tried once: no package brings what some containers and kernels refuse to
 * root.
 */
export function whyNoMountedFolder(options: MountOptions): string | undefined {
  if (!reasons.has(options.type)) reasons.set(options.type, tried(options));
  return reasons.get(options.type);
}

/** What a scenario needs that has one of type ext4. */
export function needsExt4(sizeBytes: number) {
  return {
    peers: ["root", "linux", "mkfs.ext4"],
    unable: () => whyNoMountedFolder({ type: "ext4", sizeBytes }),
  } as const;
}

function tried(options: MountOptions): string | undefined {
  try {
    new MountedFolder(options)[Symbol.dispose]();
    return undefined;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : thrown;
    return `needs a loop device and ${options.type}: ${why}`;
  }
}

export class MountedFolder implements Disposable {
  readonly path: string;
  readonly #folder: string;
  readonly #image: string;
  #mounted = false;

  /** Makes and mounts one. @throws {Error} where this machine does not let it */
  constructor({ type, sizeBytes }: MountOptions) {
    this.#folder = Deno.makeTempDirSync({ prefix: `vault-${type}-` });
    this.path = `${this.#folder}/mounted`;
    this.#image = `${this.#folder}/image`;
    try {
      Deno.mkdirSync(this.path);
      Deno.writeFileSync(this.#image, new Uint8Array(0));
      Deno.truncateSync(this.#image, sizeBytes);
      must(pathOf(`mkfs.${type}`) ?? `mkfs.${type}`, "-q", this.#image);
      this.mount();
    } catch (thrown) {
      Deno.removeSync(this.#folder, { recursive: true });
      throw thrown;
    }
  }

  mount(): void {
    must("mount", "-o", "loop", this.#image, this.path);
    this.#mounted = true;
  }

  /** A program that another test is just starting has all files of this process for a moment: so it is tried for a while. */
  unmount(): void {
    for (let tries = 1; this.#mounted; tries++) {
      try {
        must("umount", this.path);
        this.#mounted = false;
      } catch (thrown) {
        if (tries === UNMOUNT_TRIES) throw thrown;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
  }

  /** ext4 finds itself damaged: it takes no writes from now on, although files are open for them, and what was not synced is lost. */
  turnReadOnly(): void {
    must("mount", "-o", "remount,abort", this.path);
  }

  /** What the administrator does about that; nobody may have a file open there. */
  mend(): void {
    this.unmount();
    // 1: errors were corrected.
    must([0, 1], pathOf("e2fsck") ?? "e2fsck", "-fy", this.#image);
    this.mount();
  }

  [Symbol.dispose](): void {
    if (this.#mounted) this.unmount();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function must(...words: string[]): void;
function must(codes: readonly number[], ...words: string[]): void;
function must(
  first: string | readonly number[] = [],
  ...rest: string[]
): void {
  const [codes, words] = typeof first === "string"
    ? [[0], [first, ...rest]]
    : [first, rest];
  const [command = "", ...args] = words;
  const { code, stderr } = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
  }).outputSync();
  if (codes.includes(code)) return;
  throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}
