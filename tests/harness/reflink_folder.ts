/** A folder on a file system that can share bytes between files: XFS in a file, mounted through a loop device. */

import { pathOf } from "./scenario.ts";

/** What XFS wants at least is 300 MB; it is thin. */
const IMAGE_BYTES = 512 * 2 ** 20;

let known: { readonly reason: string | undefined } | undefined;

/**
 * Why this machine cannot have one, or undefined where it can. Tried once: no package brings what some containers and kernels refuse to
 * root.
 */
export function whyNoReflinkFolder(): string | undefined {
  known ??= { reason: tried() };
  return known.reason;
}

function tried(): string | undefined {
  try {
    new ReflinkFolder()[Symbol.dispose]();
    return undefined;
  } catch (thrown) {
    return `needs a loop device and XFS: ${
      thrown instanceof Error ? thrown.message : thrown
    }`;
  }
}

export class ReflinkFolder implements Disposable {
  readonly path: string;
  readonly #folder: string;

  /** Makes and mounts one. @throws {Error} where this machine does not let it */
  constructor() {
    this.#folder = Deno.makeTempDirSync({ prefix: "vault-reflink-" });
    this.path = `${this.#folder}/mounted`;
    const image = `${this.#folder}/image`;
    try {
      Deno.mkdirSync(this.path);
      Deno.writeFileSync(image, new Uint8Array(0));
      Deno.truncateSync(image, IMAGE_BYTES);
      must(pathOf("mkfs.xfs") ?? "mkfs.xfs", "-q", image);
      must("mount", "-o", "loop", image, this.path);
    } catch (thrown) {
      Deno.removeSync(this.#folder, { recursive: true });
      throw thrown;
    }
  }

  [Symbol.dispose](): void {
    must("umount", this.path);
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function must(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
  }).outputSync();
  if (success) return;
  throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}
