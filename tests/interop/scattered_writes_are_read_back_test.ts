/** `qemu-io` writes here and there, zeroes and discards, and reads back what must be there, in another session too. */
import { qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { subjects } from "../harness/subject.ts";

const KIB = 1024;
const SIZE_MIB = 64;
const END = SIZE_MIB * KIB * KIB;

for (const kind of subjects) {
  scenario(`scattered writes are read back ${kind.name}`, {
    peers: [...kind.peers, "qemu-io", "qemu-iscsi"],
  }, async () => {
    await using subject = await kind.open({ sizeMib: SIZE_MIB });
    const { url } = subject.disk;
    await qemuIoOk(url, [
      // One block, the first and the last of the disk, and lengths about every limit of a PDU and of a burst.
      "write -P 0x11 0 512",
      `write -P 0x12 ${END - 512} 512`,
      "write -P 0x13 512 7k",
      ...[8, 64, 256, 257, 512, 1024, 4096].map((kib, at) =>
        `write -P ${0x20 + at} ${(1 + 5 * at) * KIB * KIB} ${kib}k`
      ),
      // Overwritten in the middle, by a write that waits for the medium.
      "write -f -P 0x30 1052672 512",
      // Many at once, over one another's neighbours.
      ...Array.from(
        { length: 16 },
        (_, at) =>
          `aio_write -P ${0x40 + at} ${40 * KIB * KIB + at * 4096} 4096`,
      ),
      "aio_flush",
      "write -P 0x60 45M 1M",
      "write -z 45M 64k",
      "discard 46336k 64k",
      "flush",
    ]);
    const reads = [
      "read -P 0x11 0 512",
      "read -P 0x13 512 7k",
      "read -P 0 7680 512",
      `read -P 0x12 ${END - 512} 512`,
      "read -P 0x20 1M 4k",
      "read -P 0x30 1052672 512",
      "read -P 0x20 1053184 3584",
      ...[64, 256, 257, 512, 1024, 4096].map((kib, at) =>
        `read -P ${0x21 + at} ${(6 + 5 * at) * KIB * KIB} ${kib}k`
      ),
      ...Array.from(
        { length: 16 },
        (_, at) => `read -P ${0x40 + at} ${40 * KIB * KIB + at * 4096} 4096`,
      ),
      "read -P 0 45M 64k",
      "read -P 0x60 46144k 192k",
      "read -P 0x60 46400k 704k",
      "read -P 0 47M 1M",
    ];
    await qemuIoOk(url, reads);
  });
}
