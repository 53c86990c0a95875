import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";

Deno.test("snapshots are made, listed, restored and deleted without a running node", async () => {
  using dir = new TempDir();
  await transcript(
    `
    $ vault init
    …
    ! A new node in …/state. Next: vault serve
    $ vault volume create photos --size 8MiB
    Made volume "photos": 8 MiB.
    $ vault snapshot list
    ! There are no snapshots. vault snapshot create VOLUME makes one.
    $ vault snapshot create photos first
    Made snapshot "first" of volume "photos": 8 MiB, 0 B used.
    …
    $ vault snapshot create photos first
    ! vault: There is already a snapshot "first" of volume "photos"
    [6]
    $ vault snapshot create photos First
    ! vault: "First" cannot be the name of a snapshot
    ! vault: hint: …
    [2]
    $ vault snapshot create nothing
    ! vault: There is no volume "nothing"
    ! vault: hint: …
    [3]
    $ vault volume resize photos 16MiB
    Volume "photos" has 16 MiB now; it had 8 MiB.
    $ vault snapshot create photos --json
    {
      "volume": "photos",
      "name": "20…-…-…-…",
      "createdAt": "…Z",
      "sizeBytes": 16777216,
      "blockSizeBytes": 512,
      "allocatedBytes": 0
    }
    …
    $ vault snapshot list photos
    VOLUME  SNAPSHOT           TAKEN                       SIZE  USED
    photos  first              20…Z   8 MiB   0 B
    photos  20…  20…Z  16 MiB   0 B
    $ vault volume show photos
    …
    snapshots   first, 20…
    $ vault snapshot restore photos first
    ! vault: Restoring snapshot "first" loses what volume "photos" holds
    ! vault: hint: Nobody is there to be asked: give --yes if that is meant.
    [2]
    $ vault snapshot restore photos first --yes
    Volume "photos" is again what it was at 20…Z: 8 MiB.
    …
    $ vault snapshot restore photos second --yes
    ! vault: There is no snapshot "second" of volume "photos"
    ! vault: hint: vault snapshot list photos shows those that there are.
    [3]
    $ vault volume delete photos
    ! vault: Deleting volume "photos" and its 2 snapshots cannot be undone
    ! vault: hint: Nobody is there to be asked: give --yes if that is meant.
    [2]
    $ vault snapshot delete photos first
    ! vault: Deleting snapshot "first" of volume "photos" cannot be undone
    ! vault: hint: Nobody is there to be asked: give --yes if that is meant.
    [2]
    $ vault snapshot delete photos first --yes
    Deleted snapshot "first" of volume "photos".
    $ vault snapshot delete photos first --yes
    ! vault: There is no snapshot "first" of volume "photos"
    ! vault: hint: …
    [3]
    $ vault volume delete photos --yes
    Deleted volume "photos" and its snapshot.
    `,
    { VAULT_STATE: dir.at("state") },
  );
});
