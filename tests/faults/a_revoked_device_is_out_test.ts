/** A revoked device loses its live link within a second and is not let in again; others notice nothing. */
import { expect } from "expect";
import { onlyDisk, tryReadCapacity } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { Proxy } from "../harness/proxy.ts";
import { qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { within } from "../harness/until.ts";
import { enrol, Machine, startAttach, Tunnel } from "../harness/vault.ts";

const REFUSED = 4;

scenario("a revoked device's live link dies within a second", {
  peers: ["iscsi-ls", "iscsi-readcapacity16", "qemu-io", "qemu-iscsi"],
}, async () => {
  let proxy: Proxy | undefined;
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "32MiB" }],
    // Both have it at once.
    attachArgs: ["--shared"],
    between: (port) => (proxy = Proxy.start(port)).port,
  });
  await using between = proxy!;
  const desk = new Machine(tunnel.dir.at("desk"));
  await enrol({
    node: tunnel.node,
    device: desk,
    name: "desk",
    port: tunnel.servePort,
  });
  const deskPort = freePort();
  await using deskAttach = await startAttach(desk, "disk", {
    portalPort: deskPort,
    args: ["--shared"],
  });
  const disk = await onlyDisk(tunnel.portal);
  const deskDisk = await onlyDisk(`127.0.0.1:${deskPort}`);
  await qemuIoOk(disk.url, ["write -P 0x42 0 1M"]);

  const [passage] = between.open;
  expect(passage).toBeDefined();
  await tunnel.node.ok("revoke", "laptop");
  await within(passage!.ended, {
    what: "the end of the link",
    timeoutMs: 1000,
  });

  // Nothing more goes through, now or later, and the daemon says why or ends.
  expect((await tryReadCapacity(disk.url)).code).not.toBe(0);
  const again = await tunnel.device.run([
    "attach",
    "disk",
    "--portal",
    `127.0.0.1:${freePort()}`,
  ]);
  expect(`${again.code} ${again.stderr}`).toMatch(
    new RegExp(`^(${REFUSED}|6) [^]*^vault: `, "m"),
  );
  await tunnel.attach.stop();
  const anew = await tunnel.device.run([
    "attach",
    "disk",
    "--portal",
    `127.0.0.1:${freePort()}`,
  ]);
  expect(`${anew.code} ${anew.stderr}`).toMatch(
    new RegExp(`^${REFUSED} [^]*^vault: `, "m"),
  );
  expect(anew.stderr).toMatch(/revoked/i);

  // The other device reads what the revoked one wrote, on the link that it had.
  expect(deskAttach.exited).toBe(undefined);
  await qemuIoOk(deskDisk.url, [
    "read -P 0x42 0 1M",
    "write -P 0x43 1M 1M",
    "read -P 0x43 1M 1M",
  ]);
  expect(tunnel.serve.exited).toBe(undefined);
});
