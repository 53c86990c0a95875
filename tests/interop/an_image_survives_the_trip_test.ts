/** `qemu-img convert` to the disk and back: the same bytes. */
import { expect } from "expect";
import { randomImage, sameFiles } from "../harness/images.ts";
import { compareImages, convertImage } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { subjects } from "../harness/subject.ts";
import { TempDir } from "../harness/temp_dir.ts";

const SIZE_MIB = 48;

for (const kind of subjects) {
  scenario(`an image survives the trip ${kind.name}`, {
    peers: [...kind.peers, "qemu-img", "qemu-iscsi"],
  }, async () => {
    await using subject = await kind.open({ sizeMib: SIZE_MIB });
    using dir = new TempDir();
    const [image, back] = [dir.at("image"), dir.at("back")];
    randomImage(image, SIZE_MIB);
    await convertImage(image, subject.disk.url);
    await compareImages(image, subject.disk.url);
    // The way back makes its file anew, so that nothing of the first can be left in it.
    Deno.createSync(back).close();
    Deno.truncateSync(back, SIZE_MIB * 1024 * 1024);
    await convertImage(subject.disk.url, back);
    expect(sameFiles(image, back)).toBe(true);
  });
}
