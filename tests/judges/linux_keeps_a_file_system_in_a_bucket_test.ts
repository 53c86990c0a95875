/**
 * A Linux guest works on an ext4 and on the raw disk of a volume in a bucket, behind a cache that is smaller than either, while `vault serve`
 * is killed and started again. Then all that the node had on its disk is lost: another finds the volume in its bucket, and the guest finds
 * every byte and a clean file system.
 */
import { expect } from "expect";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  GUEST_PEERS,
  GUEST_SCENARIO_MS,
  portOf,
  runGuest,
} from "../harness/guest.ts";
import { freePort } from "../harness/loopback.ts";
import { CEPH_PEERS, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { pause, until } from "../harness/until.ts";
import {
  enrol,
  Machine,
  startAttach,
  startServe,
  Tunnel,
} from "../harness/vault.ts";

const BUCKET = "guest";
const URL = `s3://${BUCKET}/disk`;
const KEYS = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
const GUEST_S = 300;
/** From the guest's start to its load, which goes on for as long as the kills and some more. */
const BOOT_S = 30;
const KILLS = 3;
const KILL_EVERY_S = 12;
const RUNTIME_S = KILLS * KILL_EVERY_S + 30;

scenario(
  "Linux keeps a file system in a bucket, through kills and the loss of the node",
  {
    peers: ["iscsi-ls", ...CEPH_PEERS, ...GUEST_PEERS],
    timeoutMs: 2 * (GUEST_SCENARIO_MS + GUEST_S * 1000),
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    const store = [
      ...["--endpoint", ceph.access().endpoint, "--key-file", dir.at("key")],
      ...["--cache", "8MiB", "--journal", "64MiB"],
    ];
    await using tunnel = await Tunnel.open({
      ...{ volumes: [], attached: "disk", serveEnv: KEYS },
      prepare: async (node) => {
        await node.ok(
          ...["volume", "create", "disk", "--size", "192MiB"],
          ...["--store", URL, ...store],
        );
      },
    });
    let kills = 0;
    const killing = (async () => {
      await pause(BOOT_S * 1000);
      for (; kills < KILLS; kills++) {
        await pause(KILL_EVERY_S * 1000);
        await tunnel.serve.stop("SIGKILL");
        tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
      }
    })();
    const worked = await runGuest("bucket.sh", {
      ...{ PART: "work", PORTAL_PORT: portOf(tunnel.portal) },
      RUNTIME: RUNTIME_S,
    }, { timeoutS: GUEST_S });
    await killing;
    expect(kills).toBe(KILLS);
    for (const line of ["ok: fio verify", "ok: still writable", "ok: fsck"]) {
      expect(worked).toContain(line);
    }
    await until("all is uploaded", async () => {
      const { bucket } = await tunnel.node.json<VolumeInfo>(
        ...["volume", "show", "disk"],
      );
      return bucket?.pendingBytes === 0;
    }, { timeoutMs: 120_000 });

    await tunnel.attach.stop("SIGKILL");
    await tunnel.serve.stop("SIGKILL");
    Deno.removeSync(tunnel.node.state, { recursive: true });
    const [node, device] = [new Machine(dir.at("n")), new Machine(dir.at("d"))];
    node.daemonEnv = KEYS;
    const [port, portalPort] = [freePort(), freePort()];
    await using _serve = await startServe(node, port);
    await node.ok("volume", "recover", URL, "--name", "disk", ...store);
    await enrol({ node, device, name: "laptop", port });
    await using _attach = await startAttach(device, "disk", { portalPort });
    const checked = await runGuest("bucket.sh", {
      ...{ PART: "check", PORTAL_PORT: portalPort },
      FILES_DIGEST: digestIn(worked, "FILES"),
      RAW_DIGEST: digestIn(worked, "RAW"),
    }, { timeoutS: GUEST_S });
    for (
      const line of [
        ...["ok: fsck", "ok: the list of files", "ok: files are"],
        ...["ok: copies", "ok: the raw end"],
      ]
    ) expect(checked).toContain(line);
  },
);

function digestIn(output: string, what: string): string {
  const digest = new RegExp(`${what}_DIGEST=([0-9a-f]{128})`).exec(output)?.[1];
  if (digest === undefined) throw new Error(`No digest of ${what}\n${output}`);
  return digest;
}
