/** CHAP on a volume by the documented commands: secrets go by file, never by argument. */
import type { Credentials } from "./libiscsi.ts";
import { TempDir } from "./temp_dir.ts";
import type { Machine } from "./vault.ts";

export async function setChap(
  node: Machine,
  volume: string,
  chap: Credentials,
): Promise<void> {
  using dir = new TempDir();
  const secret = dir.write("secret", chap.secret);
  await node.ok("chap", "set", volume, chap.user, "--secret-file", secret);
  if (chap.target === undefined) return;
  const target = dir.write("target", chap.target.secret);
  await node.ok(
    "chap",
    "mutual",
    volume,
    chap.target.user,
    "--secret-file",
    target,
  );
}
