/**
 * Real daemons: a stranger, a wrong secret, a record that was changed on the way, a revoked device, and `kill -9`. The audit logs of both
 * sides tell of each, with the address, and a half line keeps nobody from reading the rest.
 */
import { expect } from "expect";
import type { AuditLine } from "../../lib/daemon/audit_reader.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { freePort } from "../harness/loopback.ts";
import { flipBit, isApplicationData, Proxy } from "../harness/proxy.ts";
import { scenario } from "../harness/scenario.ts";
import { until, within } from "../harness/until.ts";
import {
  enrol,
  type Machine,
  startAttach,
  startServe,
  Tunnel,
} from "../harness/vault.ts";

const INITIATOR = "iqn.2026-11.internal.vault:auditor";
const SECRET = "0123456789abc";

function audit(machine: Machine, ...args: string[]): Promise<AuditLine[]> {
  return machine.json<AuditLine[]>("audit", ...args);
}

/** The newest line of the kind, when it is there. */
async function told(machine: Machine, kind: string): Promise<AuditLine> {
  let line: AuditLine | undefined;
  await until(`a line "${kind}"`, async () => {
    line = (await audit(machine, "--kind", kind)).at(-1);
    return line !== undefined;
  });
  return line!;
}

async function login(tunnel: Tunnel, secret: string) {
  const { iqn } = await tunnel.node.json<{ iqn: string }>(
    "volume",
    "show",
    "disk",
  );
  return await connectInitiator({
    duplex: await connectTcp(parseAddress(tunnel.portal)),
    primitives: systemPrimitives,
    initiatorName: INITIATOR,
    targetName: iqn,
    chap: {
      initiator: { user: "me", secret: new TextEncoder().encode(secret) },
    },
  });
}

scenario(
  "the audit logs of both sides tell who came, who was kept out, and what was changed on the way",
  {
    timeoutMs: 120_000,
  },
  async () => {
    let proxy: Proxy | undefined;
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "32MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
      prepare: async (node) => {
        const { code } = await node.run(
          ["chap", "set", "disk", "me", "--secret-file", "-"],
          { stdin: `${SECRET}\n` },
        );
        expect(code).toBe(0);
      },
    });
    await using between = proxy!;
    const { node, device } = tunnel;
    const atNode = await audit(node);
    expect(atNode.map(({ kind }) => kind)).toEqual([
      "volume created",
      "chap changed",
      "invited",
      "joined",
      "link up",
      "lease granted",
    ]);
    expect(atNode[5]).toMatchObject({
      ...{ device: "laptop", volume: "disk", generation: 1, reason: "write" },
    });
    const { fingerprint } = atNode[3]!;
    expect(atNode[4]).toMatchObject({ device: "laptop", fingerprint });
    expect(atNode[4]!.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await told(device, "link-up")).volume).toBe("disk");

    // An initiator with a wrong secret, and with the right one.
    await expect(login(tunnel, "ba9876543210x")).rejects.toThrow();
    expect(await told(node, "login-refused")).toMatchObject({
      device: "laptop",
      initiator: INITIATOR,
      volume: "disk",
    });
    const session = await login(tunnel, SECRET);
    expect(await told(node, "attached")).toMatchObject({
      device: "laptop",
      initiator: INITIATOR,
      volume: "disk",
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    await session.logout();
    await told(node, "detached");

    // A stranger who knows how to knock, and has no certificate.
    const stranger = await Deno.connect({ port: tunnel.servePort });
    await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    expect(await told(node, "refused")).toMatchObject({
      address: expect.stringContaining("127.0.0.1"),
      reason: expect.stringMatching(/./),
    });
    stranger.close();

    // A record that is changed on the way: whoever it was meant for says what was wrong.
    const changed = between.meddleOnce("toServer", {
      wanted: isApplicationData,
      act: ([record]) => ({ send: [flipBit(record!, -1)] }),
    });
    const load = login(tunnel, SECRET).then((session) => session.logout());
    await within(changed, { what: "a changed record", timeoutMs: 20_000 });
    const paused = await told(node, "link-paused");
    expect(paused).toMatchObject({ device: "laptop", fingerprint });
    expect(paused.reason).toMatch(/mac|decrypt/i);
    expect((await told(node, "link-resumed")).device).toBe("laptop");
    await told(device, "link-paused");
    await load;

    // A revoked device: that it was, that its link ended for it, and that it came again.
    await node.ok("revoke", "laptop");
    expect(await told(node, "revoked")).toMatchObject({
      device: "laptop",
      fingerprint,
    });
    expect((await told(node, "link-end")).reason).toContain("revoked");
    expect((await told(device, "link-end")).reason).toMatch(/revoked|refused/);
    await tunnel.attach.stop();
    expect(
      (await device.run([
        ...["attach", "disk", "--portal", `127.0.0.1:${freePort()}`],
      ])).code,
    ).toBe(4);
    await until(
      "a line about the device that came again",
      async () =>
        (await audit(node, "--kind", "refused")).some(({ reason, device }) =>
          device === "laptop" && reason?.includes("revoked")
        ),
    );
  },
);

scenario(
  "after kill -9, with half a line left, everything that was told before and after is read",
  {
    timeoutMs: 120_000,
  },
  async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "8MiB" }],
    });
    const { node, device } = tunnel;
    await told(device, "link-up");
    await tunnel.serve.stop("SIGKILL");
    await tunnel.attach.stop("SIGKILL");
    for (
      const path of [
        `${node.state}/node/audit.log`,
        `${device.state}/audit/attach-disk.log`,
      ]
    ) {
      Deno.writeTextFileSync(path, '{"time":"2026-11-22T', { append: true });
    }
    const before = await audit(node);
    expect(before.map(({ kind }) => kind)).toContain("link up");
    // A revocation while nothing runs.
    await node.ok("revoke", "laptop");
    tunnel.serve = await startServe(node, tunnel.servePort);
    await enrol({ node, device, name: "again", port: tunnel.servePort });
    tunnel.attach = await startAttach(device, "disk", {
      portalPort: tunnel.portalPort,
    });
    const { stdout, stderr, code } = await node.run(["audit"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("1 line is")]);
    expect(stdout.split("\n").length).toBeGreaterThan(before.length + 2);
    const all = await audit(node);
    expect(all.slice(0, before.length)).toEqual(before);
    expect(all.slice(before.length).map(({ kind, device }) => [kind, device]))
      .toEqual([
        ["revoked", "laptop"],
        ["invited", "again"],
        ["joined", "again"],
        ["link up", "again"],
        ["lease granted", "again"],
      ]);
    const ups = await audit(device, "--kind", "link-up");
    expect(ups.length).toBe(2);
  },
);
