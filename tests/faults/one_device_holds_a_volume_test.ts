/** Real daemons on three machines' state folders: who holds a volume, who is refused, and how it changes hands. */
import { expect } from "expect";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/until.ts";
import { blocks, TwoDevices } from "../harness/two_devices.ts";
import { startAttach, startServe } from "../harness/vault.ts";

const FENCED = 6;

scenario(
  "a second device is told who holds the volume, since when and whether it is there, and gets it afterwards",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    const { code, stderr } = await both.refused();
    expect(code).toBe(6);
    expect(stderr).toMatch(
      /^vault: Cannot attach volume "disk": laptop has held it since \d\d:\d\d\nvault: hint: It is connected\. --take-over asks it to let go\.\n$/,
    );
    expect(await tunnel.node.ok("status")).toMatch(/disk .* laptop +ok/);
    expect(await tunnel.node.ok("volume", "show", "disk")).toMatch(
      /held by +laptop since \d\d:\d\d\n/,
    );
    expect(await tunnel.device.ok("detach", "disk")).toBe('Detached "disk".\n');
    expect(await tunnel.attach.ended).toBe(0);
    await both.attachDesktop();
    expect(await both.holders()).toEqual(["desktop write 2 up"]);
  },
);

scenario(
  "a holder that is asked lets go: its command runs, both see how far it is, and it ends well",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open([
      "--on-handover",
      'echo "$VAULT_VOLUME for $VAULT_BY" >"$VAULT_STATE/handed"',
    ]);
    const { tunnel } = both;
    const disk = await both.disk();
    await disk.write(0, blocks(1));
    const desktop = await both.attachDesktop("--take-over", "--within", "6s");
    expect(await tunnel.attach.ended).toBe(0);
    expect(Deno.readTextFileSync(`${tunnel.device.state}/handed`)).toBe(
      "disk for desktop\n",
    );
    for (
      const line of [
        'desktop wants "disk" within 6 s.',
        "running its --on-handover command",
        'Handed "disk" over to desktop.',
      ]
    ) expect(tunnel.attach.stderr).toContain(line);
    for (
      const line of [
        "laptop is asked to let go, and has 6 s.",
        "laptop: running its --on-handover command",
        "laptop lets go.",
      ]
    ) expect(desktop.stderr).toContain(line);
    expect(await both.holders()).toEqual(["desktop write 2 up"]);
  },
);

scenario(
  "past the bound the holder is fenced, ends with 6, and says who took the volume and when",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open(["--on-handover", "sleep 60"]);
    const { tunnel } = both;
    const began = performance.now();
    await both.attachDesktop("--take-over", "--within", "2s");
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await tunnel.attach.ended).toBe(FENCED);
    expect(tunnel.attach.stderr).toMatch(
      /vault: Volume "disk" was taken by desktop at \d\d:\d\d: desktop took it over, and it was not let go in time/,
    );
    expect(await both.holders()).toEqual(["desktop write 2 up"]);
  },
);

scenario(
  "with --now the holder is fenced at once, and comes back as one that is refused",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    await both.attachDesktop("--take-over", "--now");
    expect(await tunnel.attach.ended).toBe(FENCED);
    expect(tunnel.attach.stderr).toContain("desktop took it over at once");
    const again = await tunnel.device.run([
      ...["attach", "disk", "--portal", tunnel.portal],
    ]);
    expect([again.code, again.stderr.split("\n")[0]]).toEqual([
      6,
      expect.stringMatching(/desktop has held it since/),
    ]);
  },
);

scenario(
  "a lease outlives kill -9 of serve: its holder goes on, and others are refused meanwhile",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    const before = await tunnel.device.json<
      { attachments: { lease: object }[] }
    >("status");
    // It cannot come back before the other one has asked.
    tunnel.attach.signal("SIGSTOP");
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    const { code, stderr } = await both.refused();
    expect(code).toBe(6);
    expect(stderr).toContain("laptop has held it since");
    expect(stderr).toContain(
      "It has not been connected since the node was started. --take-over takes the volume.",
    );
    tunnel.attach.signal("SIGCONT");
    await until(
      "laptop is back",
      async () => (await both.holders())[0] === "laptop write 1 up",
      { timeoutMs: 40_000, everyMs: 300 },
    );
    const after = await tunnel.device.json<
      { attachments: { lease: object }[] }
    >("status");
    expect(after.attachments[0]!.lease).toEqual(before.attachments[0]!.lease);
    const disk = await both.disk();
    await disk.write(0, blocks(7));
    await disk.flush();
    expect((await both.data()).subarray(0, 4096)).toEqual(blocks(7));
  },
);

scenario(
  "a device whose attach was killed has the volume again at once, and what it held before is void",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    await tunnel.attach.stop("SIGKILL");
    const { code, stderr } = await both.refused();
    expect(code).toBe(6);
    expect(stderr).toContain(
      "It has lost its connection, and may come back. --take-over asks",
    );
    expect(await both.holders()).toEqual(["laptop write 1 paused"]);
    tunnel.attach = await startAttach(tunnel.device, "disk", {
      portalPort: tunnel.portalPort,
    });
    await until(
      "laptop has it again",
      async () => (await both.holders())[0] === "laptop write 2 up",
      { everyMs: 200 },
    );
    const disk = await both.disk();
    await disk.write(0, blocks(3));
  },
);

scenario(
  "the operator releases a volume, and a revoked device holds nothing",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    const asked = await tunnel.node.run(["volume", "release", "disk"]);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain("laptop since");
    expect(await tunnel.node.ok("volume", "release", "disk", "--yes")).toMatch(
      /^Volume "disk" was held by laptop since \d\d:\d\d\.\nIt is free\.\n$/,
    );
    expect(await tunnel.attach.ended).toBe(FENCED);
    expect(tunnel.attach.stderr).toContain(
      "whoever runs the node released it",
    );
    expect(await both.holders()).toEqual([]);
    await both.attachDesktop();
    await tunnel.node.ok("revoke", "desktop");
    expect(await both.holders()).toEqual([]);
    expect(await tunnel.node.ok("volume", "release", "disk")).toBe(
      'Nobody holds volume "disk".\n',
    );
  },
);

scenario(
  "two that say --shared write at the same time, and one that does not is refused",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open(["--shared"]);
    expect((await both.refused()).code).toBe(6);
    expect((await both.refused("--read-only")).code).toBe(6);
    await both.attachDesktop("--shared");
    const one = await both.disk();
    const other = await both.disk({ port: both.desktopPort, name: "other" });
    await Promise.all([one.write(0, blocks(1)), other.write(8, blocks(2))]);
    expect(await one.read(8, 8)).toEqual(blocks(2));
    expect(await other.read(0, 8)).toEqual(blocks(1));
  },
);

scenario(
  "detaching while the node cannot be reached says that the volume stays held",
  { timeoutMs: 90_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { tunnel } = both;
    await tunnel.serve.stop("SIGKILL");
    const detached = await tunnel.device.run(["detach", "disk"]);
    expect([detached.code, detached.stdout]).toEqual([
      0,
      'Detached "disk".\n',
    ]);
    const told =
      'The node could not be told, and keeps "disk" for this machine';
    expect(detached.stderr).toContain(told);
    expect(await tunnel.attach.ended).toBe(0);
    expect(tunnel.attach.stderr).toContain(told);
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    expect((await both.refused()).code).toBe(6);
    await both.attachDesktop("--take-over");
  },
);
