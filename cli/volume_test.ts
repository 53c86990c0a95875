import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";

Deno.test("volumes are made, listed, shown, resized and deleted without a running node", async () => {
  using dir = new TempDir();
  await transcript(
    `
    $ vault volume list
    ! vault: There is no node in …/state
    ! vault: hint: Make one with \`vault init\`, or \`vault serve\`, which does that by itself.
    [3]
    $ vault init
    …
    ! A new node in …/state. Next: vault serve
    $ vault init
    …
    ! The node in …/state was there already.
    $ vault volume list
    ! There are no volumes. vault volume create NAME --size SIZE makes one.
    $ vault volume list --json
    []
    $ vault volume create photos --size 100GiB
    Made volume "photos": 100 GiB.
    $ vault volume create photos --size 1G
    ! vault: There is already a volume "photos"
    [6]
    $ vault volume create vm --size 1.5T --block-size 4096 --read-only
    Made volume "vm": 1.5 TiB.
    $ vault volume create Photos --size 1G
    ! vault: "Photos" cannot be the name of a volume
    ! vault: hint: …
    [2]
    $ vault volume create odd --size 1000
    ! vault: A volume cannot have 1000 bytes
    ! vault: hint: …
    [2]
    $ vault volume list
    VOLUME     SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
    photos  100 GiB   0 B    512  read-write  photos    0  no    ok
    vm      1.5 TiB   0 B   4096  read-only   vm        0  no    ok
    $ vault volume show photos
    volume      photos
    size        100 GiB (107374182400 bytes)
    used        0 B
    block size  512
    access      read-write
    health      ok
    made        …Z
    target      iqn.…photos
    LUN         0
    serial      …
    NAA         3…
    CHAP users  none: no CHAP is asked
    $ vault volume show nothing
    ! vault: There is no volume "nothing"
    ! vault: hint: \`vault volume list\` shows those that there are.
    [3]
    $ vault volume verify photos
    ! vault: Volume "photos" is not in a bucket
    ! vault: hint: What is in a file on this machine has nothing to be compared with.
    [2]
    $ vault volume verify nothing
    ! vault: There is no volume "nothing"
    ! vault: hint: …
    [3]
    $ vault volume resize photos 200GiB
    Volume "photos" has 200 GiB now; it had 100 GiB.
    $ vault volume resize photos 50GiB
    ! vault: Shrinking volume "photos" loses what lies behind its new end
    ! vault: hint: Nobody is there to be asked: give --yes if that is meant.
    [2]
    $ vault volume resize photos 50GiB --yes
    Volume "photos" has 50 GiB now; it had 200 GiB.
    $ vault volume resize nothing 1G
    ! vault: There is no volume "nothing"
    ! vault: hint: …
    [3]
    $ vault volume delete photos
    ! vault: Deleting volume "photos" cannot be undone
    ! vault: hint: Nobody is there to be asked: give --yes if that is meant.
    [2]
    $ vault volume show photos --json
    {
      "name": "photos",
      "sizeBytes": 53687091200,
    …
    }
    $ vault volume delete photos --yes
    Deleted volume "photos".
    $ vault volume delete photos --yes
    ! vault: There is no volume "photos"
    ! vault: hint: …
    [3]
    `,
    { VAULT_STATE: dir.at("state") },
  );
});

Deno.test("--state goes before VAULT_STATE, and stands before or after the command", async () => {
  using dir = new TempDir();
  const [one, two] = [dir.at("one"), dir.at("two")];
  await transcript(
    `
    $ vault --state ${one} init
    …
    ! A new node in ${one}. Next: vault serve
    $ vault volume create a --size 1M --state ${one}
    Made volume "a": 1 MiB.
    $ vault init --json
    {
    …
      "stateDir": "${two}"
    }
    $ vault volume list
    ! There are no volumes. …
    $ vault volume list --state ${one}
    VOLUME   SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
    a       1 MiB   0 B    512  read-write  a         0  no    ok
    `,
    { VAULT_STATE: two },
  );
});

Deno.test("a volume is put behind the target of another, and goes before it", async () => {
  using dir = new TempDir();
  await transcript(
    `
    $ vault init
    …
    ! A new node in …/state. Next: vault serve
    $ vault volume create vm --size 1G
    Made volume "vm": 1 GiB.
    $ vault volume create logs --size 1G --target vm
    Made volume "logs": 1 GiB, LUN 1 of the target of "vm".
    $ vault volume create swap --size 1G --target logs --lun 7
    Made volume "swap": 1 GiB, LUN 7 of the target of "vm".
    $ vault volume create more --size 1G --target vm --lun 7
    ! vault: LUN 7 of the target of "vm" is volume "swap"
    ! vault: hint: Without --lun, the next free one is taken.
    [6]
    $ vault volume create more --size 1G --target vm --lun 256
    ! vault: There is no LUN 256
    ! vault: hint: Choose 1 to 255.
    [2]
    $ vault volume create more --size 1G --target vm --lun x
    ! vault: "x" is no LUN
    ! vault: hint: A LUN is a number: 1 to 255.
    [2]
    $ vault volume create more --size 1G --lun 7
    ! vault: A volume with a target of its own is LUN 0 there
    ! vault: hint: --lun goes with --target.
    [2]
    $ vault volume create more --size 1G --target nothing
    ! vault: There is no volume "nothing"
    ! vault: hint: --target names the volume whose target it is.
    [3]
    $ vault volume list
    VOLUME   SIZE  USED  BLOCK  ACCESS      TARGET  LUN  CHAP  HEALTH
    logs    1 GiB   0 B    512  read-write  vm        1  no    ok
    swap    1 GiB   0 B    512  read-write  vm        7  no    ok
    vm      1 GiB   0 B    512  read-write  vm        0  no    ok
    $ vault volume show swap
    …
    target      iqn.…vm
    LUN         7, behind the target of "vm"
    …
    $ vault volume delete vm --yes
    ! vault: Cannot delete volume "vm": others are behind its target
    ! vault: hint: Delete first: logs, swap
    [6]
    $ vault volume delete logs --yes
    Deleted volume "logs".
    $ vault volume delete swap --yes
    Deleted volume "swap".
    $ vault volume delete vm --yes
    Deleted volume "vm".
    `,
    { VAULT_STATE: dir.at("state") },
  );
});

Deno.test("a volume with removable medium says so", async () => {
  using dir = new TempDir();
  await transcript(
    `
    $ vault init
    …
    ! A new node in …/state. Next: vault serve
    $ vault volume create card --size 1G --removable
    Made volume "card": 1 GiB.
    $ vault volume show card
    volume      card
    size        1 GiB (1073741824 bytes)
    used        0 B
    block size  512
    access      read-write
    medium      removable
    …
    `,
    { VAULT_STATE: dir.at("state") },
  );
});
