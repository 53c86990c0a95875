/** A folder on a file system that can share bytes between files: XFS in a file, mounted through a loop device. */

import { pathOf } from "./scenario.ts";

/** What XFS wants at least is 300 MB; it is thin. */
const IMAGE_BYTES = 512 * 2 ** 20;

export interface ReflinkFolder extends AsyncDisposable {
  readonly path: string;
}

/** Undefined where this machine lets nobody mount one: some containers do not let root. */
export async function tempReflinkFolder(): Promise<ReflinkFolder | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const mkfs = pathOf("mkfs.xfs");
  if (mkfs === undefined) return undefined;
  const folder = await Deno.makeTempDir({ prefix: "vault-reflink-" });
  const image = `${folder}/image`;
  const path = `${folder}/mounted`;
  await Deno.mkdir(path);
  await Deno.writeFile(image, new Uint8Array(0));
  await Deno.truncate(image, IMAGE_BYTES);
  const mounted = await succeeds(mkfs, "-q", image) &&
    await succeeds("mount", "-o", "loop", image, path);
  if (!mounted) {
    await Deno.remove(folder, { recursive: true });
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await succeeds("umount", path);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}
