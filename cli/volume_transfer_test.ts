import { exists } from "../tests/harness/exists.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";

Deno.test("a volume is made of an image, and written as one, without a running node", async () => {
  using dir = new TempDir();
  const [image, odd, out] = [dir.at("image"), dir.at("odd"), dir.at("out")];
  Deno.writeTextFileSync(image, "vault".repeat(2048));
  Deno.writeTextFileSync(odd, "vault");
  await transcript(
    `
    $ vault init
    …
    ! A new node in …/state. Next: vault serve
    $ vault volume import ${image}
    ! vault: What shall the volume be called?
    ! vault: hint: vault volume import FILE --name NAME
    [2]
    $ vault volume import ${image} --name Photos
    ! vault: "Photos" cannot be the name of a volume
    ! vault: hint: …
    [2]
    $ vault volume import ${image} --name photos
    Made volume "photos": 10 KiB.
    SHA-256 …
    ! ${image} is taken as raw.
    $ vault volume import ${image} --name photos
    ! vault: There is already a volume "photos"
    [6]
    $ vault volume import ${odd} --name odd
    ! vault: ${odd} has 5 bytes, which is no multiple of the block size, 512
    ! vault: hint: --pad lets 507 bytes of zeros follow it.
    [2]
    $ vault volume import ${odd} --name odd --pad --read-only --json
    {
    …
      "sizeBytes": 512,
    …
      "readOnly": true,
    …
      "sha256": "…"
    }
    ! 507 bytes of zeros follow the image, to the end of a block.
    ! ${odd} is taken as raw.
    $ vault volume import ${image} --name other --format qcow2
    ! vault: qcow2 images need qemu-img, which is not installed
    ! vault: hint: Install it (Debian: qemu-utils), …
    [1]
    $ vault volume export photos ${out} --format qcow2
    ! vault: qcow2 images need qemu-img, which is not installed
    ! vault: hint: …
    [1]
    $ vault volume export nothing ${out}
    ! vault: There is no volume "nothing"
    ! vault: hint: …
    [3]
    $ vault volume export photos ${out} --snapshot monday
    ! vault: There is no snapshot "monday" of volume "photos"
    ! vault: hint: …
    [3]
    $ vault volume export photos ${dir.at("no/such/folder")}
    ! vault: There is no folder for …
    [2]
    $ vault volume export photos ${out}
    Wrote volume "photos" to ${out}: 10 KiB, raw.
    SHA-256 …
    …
    $ vault volume export photos ${out}
    ! vault: ${out} is there already
    ! vault: hint: Remove it, or name another file.
    [6]
    $ vault snapshot list
    ! There are no snapshots. …
    `,
    { VAULT_STATE: dir.at("state"), PATH: programsWithoutQemu(dir) },
  );
  const same = Deno.readTextFileSync(out) === Deno.readTextFileSync(image);
  if (!same) throw new Error("Another image came out than went in");
});

/** A folder with this machine's programs except QEMU's, of which the built file needs some to unpack itself. */
function programsWithoutQemu(dir: TempDir): string {
  const path = dir.at("programs");
  Deno.mkdirSync(path);
  const linked = new Set<string>();
  for (const folder of ["/usr/bin", "/bin"].filter(exists)) {
    for (const { name } of Deno.readDirSync(folder)) {
      if (name.startsWith("qemu-") || linked.has(name)) continue;
      linked.add(name);
      Deno.symlinkSync(`${folder}/${name}`, `${path}/${name}`);
    }
  }
  return path;
}
