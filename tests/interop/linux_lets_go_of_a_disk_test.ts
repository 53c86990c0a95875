/** A disk with a mounted file system, and a folder of it mounted once more, is let go of; with a file open there it is not. */
import { expect } from "expect";
import { loginWorld } from "../../cli/os_login.ts";
import { letGoOfDisk, usersOfDisk } from "../../lib/portal/disk_users_linux.ts";
import { whyNoReflinkFolder } from "../harness/reflink_folder.ts";
import { scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";

const IMAGE_BYTES = 512 * 2 ** 20;

async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await loginWorld.run(argv);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  return stdout.trim();
}

scenario("Linux lets go of a disk, unless a program does not", {
  peers: ["root", "linux", "mkfs.xfs"],
  unable: whyNoReflinkFolder,
  timeoutMs: 60_000,
}, async () => {
  using dir = new TempDir();
  await using undo = new AsyncDisposableStack();
  const image = dir.write("image", "");
  Deno.truncateSync(image, IMAGE_BYTES);
  await must("mkfs.xfs", "-q", image);
  const device = await must("losetup", "--find", "--show", image);
  undo.defer(() => void must("losetup", "--detach", device));
  const disk = device.replace("/dev/", "");
  const [place, inside] = [dir.at("my photos"), dir.at("inside")];
  Deno.mkdirSync(place);
  Deno.mkdirSync(inside);
  await must("mount", device, place);
  await must("mount", "--bind", place, inside);
  const bytes = new Uint8Array(3 * 2 ** 20).fill(0x5a);
  Deno.writeFileSync(`${place}/file`, bytes);
  expect(usersOfDisk(disk, loginWorld)).toEqual([place, inside]);

  const told: string[] = [];
  const tell = (step: string) => void told.push(step);
  const open = Deno.openSync(`${place}/file`);
  await expect(letGoOfDisk(disk, loginWorld, tell)).rejects.toMatchObject({
    message: expect.stringMatching(/^Failed at unmounting .*: .*busy/),
    kind: "conflict",
  });
  open.close();
  await letGoOfDisk(disk, loginWorld, tell);
  expect(usersOfDisk(disk, loginWorld)).toEqual([]);
  expect(told.at(-1)).toBe(`writing out ${device}`);

  await must("mount", "-o", "ro", device, place);
  expect(Deno.readFileSync(`${place}/file`)).toEqual(bytes);
  await must("umount", place);
});
