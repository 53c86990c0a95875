import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";

Deno.test("CHAP users are set, listed and removed, and no secret is ever shown", async () => {
  using dir = new TempDir();
  const good = dir.write("good", "0123456789abc\n");
  const other = dir.write("other", "another-secret");
  const short = dir.write("short", "short\n");
  const open = dir.write("open", "fedcba9876543210");
  Deno.chmodSync(open, 0o644);
  await transcript(
    `
    $ vault init
    …
    $ vault volume create photos --size 1G
    Made volume "photos": 1 GiB.
    $ vault chap list
    ! No CHAP is asked for.
    $ vault chap set photos laptop --secret-file ${good}
    Volume "photos" lets in "laptop" with that secret.
    $ vault chap set photos phone --secret-file - <<< 0123456789abcdef
    Volume "photos" lets in "phone" with that secret.
    $ vault chap set photos tablet --secret-file ${open}
    Volume "photos" lets in "tablet" with that secret.
    ! vault: warning: Others can read ${open}
    ! vault: hint: chmod 600 ${open}
    $ vault chap set photos bad --secret-file ${short}
    ! vault: A CHAP secret has 12 to 16 bytes, not 5
    ! vault: hint: A good one: head -c 12 /dev/urandom | base64
    [2]
    $ vault chap set photos bad --secret-file - <<< 0123456789abcdefg
    ! vault: A CHAP secret has 12 to 16 bytes, not 17
    ! vault: hint: …
    [2]
    $ vault chap set photos bad --secret-file ${dir.at("none")}
    ! vault: Cannot read the secret: …
    [3]
    $ vault chap set photos bad
    ! vault: No secret was given
    ! vault: hint: Nobody is there to be asked: name a file that holds it, or - for the standard input.
    [2]
    $ vault chap set photos bad --secret 0123456789abc
    ! vault: unknown option '--secret'
    ! vault: hint: …
    [2]
    $ vault chap set nothing laptop --secret-file ${good}
    ! vault: There is no volume "nothing"
    ! vault: hint: …
    [3]
    $ vault chap mutual photos target --secret-file ${good}
    ! vault: The target cannot prove itself with the secret of an initiator
    ! vault: hint: …
    [2]
    $ vault chap mutual photos target --secret-file ${other}
    The target of volume "photos" proves itself as "target".
    $ vault chap list photos
    VOLUME  USER    PROVES THE
    photos  laptop  initiator
    photos  phone   initiator
    photos  tablet  initiator
    photos  target  target
    $ vault chap mutual photos --off
    The target of volume "photos" proves nothing any more.
    $ vault chap mutual photos
    ! vault: No name was given for the target
    ! vault: hint: …
    [2]
    $ vault chap remove photos nobody
    ! vault: Volume "photos" has no CHAP user "nobody"
    [3]
    $ vault chap remove photos laptop
    Removed "laptop" from volume "photos".
    $ vault chap remove photos phone
    Removed "phone" from volume "photos".
    $ vault chap list --json
    [
      {
        "volume": "photos",
        "user": "tablet",
        "proves": "initiator"
      }
    ]
    $ vault chap remove photos tablet
    Removed "tablet" from volume "photos"; it asks for no CHAP any more.
    `,
    { VAULT_STATE: dir.at("state") },
  );
});
