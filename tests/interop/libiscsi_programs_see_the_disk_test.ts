/** `iscsi-ls`, `iscsi-inq` and `iscsi-readcapacity16` find a disk, ask what it is, and how large. */
import { expect } from "expect";
import { inquire, listTargets, readCapacity } from "../harness/libiscsi.ts";
import { scenario } from "../harness/scenario.ts";
import { subjects } from "../harness/subject.ts";

const SIZE_MIB = 64;

for (const kind of subjects) {
  scenario(`libiscsi's programs see the disk ${kind.name}`, {
    peers: [...kind.peers, "iscsi-inq", "iscsi-readcapacity16"],
  }, async () => {
    await using subject = await kind.open({ sizeMib: SIZE_MIB });
    const { portal, iqn, url } = subject.disk;
    // What discovery names can be dialled: the portal where it was asked, not where the target believes to be.
    expect(await listTargets(portal)).toEqual([{ iqn, portal }]);
    expect(await readCapacity(url)).toBe(SIZE_MIB * 1024 * 1024);
    expect(await inquire(url)).toMatch(
      /Peripheral Device Type: *DIRECT_ACCESS/,
    );
    for (const page of [0x00, 0x80, 0x83]) {
      expect(await inquire(url, { page })).not.toBe("");
    }
  });
}
