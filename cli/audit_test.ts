import { expect } from "expect";
import { until } from "../tests/harness/until.ts";
import { Program, run } from "../tests/harness/process.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { transcript } from "../tests/harness/transcript.ts";
import { Machine, vaultCommand } from "../tests/harness/vault.ts";

/** A node's and an attachment's logs, with what a peer would like a terminal to do, and half a line. */
function writeLogs(dir: TempDir): Machine {
  Deno.mkdirSync(dir.at("state/node"), { recursive: true });
  Deno.mkdirSync(dir.at("state/audit"));
  Deno.chmodSync(dir.at("state"), 0o700);
  const lines = (...events: object[]) =>
    events.map((event) => JSON.stringify(event) + "\n").join("");
  dir.write(
    "state/node/audit.log.1",
    lines(
      { time: "2026-11-20T08:00:00.000Z", kind: "revoked", device: "old" },
    ),
  );
  dir.write(
    "state/node/audit.log",
    '{"time":"2026-11-22T08:0\n' +
      lines(
        {
          time: "2026-11-22T08:00:02.000Z",
          kind: "attached",
          device: "laptop",
          volume: "photos",
          initiator: "iqn.x\u001b[31m\n2026-11-22 08:00:00Z  revoked",
          address: "192.0.2.7:4711",
        },
        { time: "2026-11-22T08:00:04.000Z", kind: "from the future" },
      ),
  );
  dir.write(
    "state/node/audit-strangers.log",
    lines({
      time: "2026-11-22T08:00:01.000Z",
      kind: "refused",
      address: "198.51.100.1:9",
      reason: "nobody enrolled it",
    }),
  );
  dir.write(
    "state/audit/attach-photos.log",
    lines({
      time: "2026-11-22T08:00:03.000Z",
      kind: "link end",
      device: "node",
      reason: "cut: reset",
    }),
  );
  return new Machine(dir.at("state"));
}

Deno.test("what was written down is shown in the order of its time, each on one line, whatever peers call themselves", async () => {
  using dir = new TempDir();
  const { env } = writeLogs(dir);
  await transcript(
    `
    $ vault audit
    2026-11-20 08:00:00Z  revoked               old
    2026-11-22 08:00:01Z  refused               from 198.51.100.1:9: nobody enrolled it
    2026-11-22 08:00:02Z  attached              laptop, volume photos, by iqn.x\ufffd[31m\ufffd2026-11-22 08:00:00Z  revoked, from 192.0.2.7:4711
    2026-11-22 08:00:03Z  link end              node: cut: reset
    2026-11-22 08:00:04Z  from the future
    ! vault: warning: 1 line is damaged, and left out
    ! vault: hint: A crash or a full disk can leave half a line.
    $ vault audit --kind link-end refused
    2026-11-22 08:00:01Z  refused               …
    2026-11-22 08:00:03Z  link end              …
    ! vault: warning: …
    ! vault: hint: …
    $ vault audit --device old --json
    [
      {
        "time": "2026-11-20T08:00:00.000Z",
        "kind": "revoked",
        "device": "old"
      }
    ]
    $ vault audit --since 1s
    ! vault: warning: …
    ! vault: hint: …
    ! Nothing of that was written down.
    $ vault audit --since yesterday
    ! vault: Cannot read the duration "yesterday"
    ! vault: hint: …
    [2]
    $ vault audit --kind nonsense
    ! vault: option '--kind <kinds...>' argument 'nonsense' is invalid. Allowed choices are …
    ! vault: hint: …
    [2]
    `,
    env,
  );
});

Deno.test("what is done to a node that does not run is written down, too", async () => {
  using dir = new TempDir();
  const machine = new Machine(dir.at("state"));
  await transcript(
    `
    $ vault init
    …
    $ vault audit
    ! Nothing of that was written down.
    $ vault volume create photos --size 1MiB
    …
    $ vault volume resize photos 2MiB
    …
    $ vault snapshot create photos before
    …
    $ vault snapshot restore photos before --yes
    …
    $ vault chap set photos me --secret-file - <<< 0123456789abc
    …
    $ vault chap remove photos me
    …
    $ vault volume delete photos --yes
    …
    $ vault invite laptop --advertise 127.0.0.1:9
    …
    $ vault revoke laptop
    …
    $ vault audit
    …Z  volume created        volume photos: 1048576 bytes
    …Z  volume resized        volume photos: from 1048576 to 2097152 bytes
    …Z  volume restored       volume photos: from snapshot "before"
    …Z  chap changed          volume photos: user "me" set
    …Z  chap changed          volume photos: user "me" removed
    …Z  volume deleted        volume photos
    …Z  invited               laptop: until …, to dial 127.0.0.1:9
    …Z  invitation withdrawn  laptop
    `,
    machine.env,
  );
  expect(await machine.ok("audit", "--json")).not.toContain("0123456789abc");
});

Deno.test("--follow shows what comes, a JSON line each with --json, until it is told to stop", async () => {
  using dir = new TempDir();
  const machine = writeLogs(dir);
  await using follower = new Program({
    ...vaultCommand(["audit", "--follow", "--json", "--kind", "revoked"]),
    env: machine.env,
  });
  await until("the first line", () => follower.stdout.includes("old"));
  Deno.renameSync(
    dir.at("state/node/audit.log"),
    dir.at("state/node/audit.log.2"),
  );
  dir.write(
    "state/node/audit.log",
    '{"time":"2026-11-22T09:00:00.000Z","kind":"revoked","device":"new"}\n',
  );
  await until("the next line", () => follower.stdout.includes("new"));
  expect(await follower.stop()).toBe(0);
  const devices = follower.stdout.trimEnd().split("\n")
    .map((line) => JSON.parse(line).device);
  expect(devices).toEqual(["old", "new"]);
  const { code } = await run({
    ...vaultCommand(["audit", "--json"]),
    env: machine.env,
  });
  expect(code).toBe(0);
});
