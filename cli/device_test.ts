import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";

Deno.test("invitations, devices and detaching, without a running node", async () => {
  using dir = new TempDir();
  await transcript(
    `
    $ vault join
    ! vault: No code was given
    ! vault: hint: vault join CODE
    [2]
    $ vault attach photos
    ! vault: This machine has joined no node
    ! vault: hint: On the node: vault invite NAME. Here: vault join CODE.
    [3]
    $ vault detach photos
    ! vault: Volume "photos" is not attached
    ! vault: hint: Nothing is attached here.
    [3]
    $ vault status
    ! Nothing is served or attached from …/state.
    $ vault status --json
    {
      "node": null,
      "attachments": []
    }
    $ vault init
    …
    $ vault devices
    ! No device has joined. vault invite NAME makes a code.
    $ vault devices --json
    []
    $ vault invite laptop
    ! vault: Cannot tell under which address this node is reached
    ! vault: hint: Say it: vault invite NAME --advertise HOST:PORT
    [2]
    $ vault invite laptop --advertise vm.example.org:9443 --expires 1h
    …
    ! Good once, for 1 h; the device will dial vm.example.org:9443.
    ! On laptop: vault join CODE
    $ vault invite Laptop --advertise vm.example.org:9443
    ! vault: "Laptop" cannot be the name of a device
    ! vault: hint: …
    [2]
    $ vault devices
    DEVICE … STATE … ENROLLED … EXPIRES … FINGERPRINT
    laptop … invited …Z
    $ vault devices --json
    [
      {
        "name": "laptop",
        "invitedAt": "…",
        "expiresAt": "…",
        "failedAttempts": 0
      }
    ]
    $ vault revoke laptop
    Withdrew the invitation for "laptop".
    $ vault devices
    ! No device has joined. vault invite NAME makes a code.
    $ vault revoke laptop
    ! vault: …
    ! vault: hint: …
    [3]
    $ vault status
    node   …
    state  not running (vault serve)
    `,
    { VAULT_STATE: dir.at("state") },
  );
});
