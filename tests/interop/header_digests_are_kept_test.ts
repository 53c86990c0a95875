/** CRC32C over every header, as QEMU asks for it. Data digests, which it does not know, are the kernel's scenario. */
import { expect } from "expect";
import { qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { subjects } from "../harness/subject.ts";

for (const kind of subjects) {
  scenario(`header digests are kept ${kind.name}`, {
    peers: [...kind.peers, "qemu-io", "qemu-iscsi"],
  }, async () => {
    await using subject = await kind.open({ sizeMib: 32 });
    const { portal, iqn, lun, url } = subject.disk;
    const withDigests =
      `driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=${portal},` +
      `file.target=${iqn},file.lun=${lun},file.header-digest=crc32c`;
    const output = await qemuIoOk(withDigests, [
      "write -P 0x31 0 4M",
      "write -P 0x32 4M 512",
      "aio_write -P 0x33 5M 1M",
      "aio_write -P 0x34 6M 1M",
      "aio_flush",
      "read -P 0x31 0 4M",
      "read -P 0x32 4M 512",
      "read -P 0x33 5M 1M",
      "read -P 0x34 6M 1M",
    ], { imageOptions: true, debug: true });
    expect(output).toContain("TargetLoginReply: HeaderDigest=CRC32C");
    // The same bytes without digests.
    await qemuIoOk(url, [
      "read -P 0x31 0 4M",
      "read -P 0x34 6M 1M",
    ]);
  });
}
