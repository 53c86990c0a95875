/** `attach --read-only`: reads go through, writes are refused and change nothing; several volumes are attached at once. */
import { expect } from "expect";
import { onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { qemuIo, qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { startAttach, Tunnel } from "../harness/vault.ts";

scenario("a read-only attachment changes nothing, beside another volume", {
  peers: ["iscsi-ls", "qemu-io", "qemu-iscsi"],
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "photos", size: "32MiB" }, {
      name: "letters",
      size: "16MiB",
      blockSize: 4096,
    }],
  });
  const photos = await onlyDisk(tunnel.portal);
  const lettersPort = freePort();
  await using _letters = await startAttach(tunnel.device, "letters", {
    portalPort: lettersPort,
  });
  const letters = await onlyDisk(`127.0.0.1:${lettersPort}`);
  expect(letters.iqn).not.toBe(photos.iqn);
  await qemuIoOk(photos.url, ["write -P 0x21 0 1M"]);
  await qemuIoOk(letters.url, ["write -P 0x22 0 1M", "read -P 0x22 0 1M"]);
  await qemuIoOk(photos.url, ["read -P 0x21 0 1M"]);
  await tunnel.attach.stop();

  const readerPort = freePort();
  await using _reader = await startAttach(tunnel.device, "photos", {
    portalPort: readerPort,
    args: ["--read-only"],
  });
  const { url } = await onlyDisk(`127.0.0.1:${readerPort}`);
  await qemuIoOk(`${url}`, ["read -P 0x21 0 1M"], { readOnly: true });
  const refused = await qemuIo(url, ["write -P 0x66 0 64k"]);
  expect(
    refused.code === 0 && !/error|failed|denied|read.?only/i.test(
      refused.stdout + refused.stderr,
    ),
  ).toBe(false);
  await qemuIoOk(url, ["read -P 0x21 0 1M"], { readOnly: true });
});
