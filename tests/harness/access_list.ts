/** Access control lists of Linux. */

import { expect } from "expect";
import { utf8 } from "../../lib/base/bytes.ts";
import { openLibc } from "../../lib/os/libc.ts";

/** Gives another user the right to write into a folder, beside the mode: an access control list. */
export function letWrite(folder: string, uid: number): void {
  const libc = openLibc({
    setxattr: {
      parameters: ["buffer", "buffer", "buffer", "usize", "i32"],
      result: "i32",
    },
  })!;
  const anyone = 0xffffffff;
  // Tag, permissions and id, as the kernel keeps them (uapi/linux/posix_acl.h): the owner, the user, the group, the mask, all others.
  const entries = [
    [1, 7, anyone],
    [2, 7, uid],
    [4, 5, anyone],
    [16, 7, anyone],
    [32, 5, anyone],
  ];
  const list = new DataView(new ArrayBuffer(4 + 8 * entries.length));
  list.setUint32(0, 2, true);
  entries.forEach(([tag, permissions, id], i) => {
    list.setUint16(4 + 8 * i, tag!, true);
    list.setUint16(6 + 8 * i, permissions!, true);
    list.setUint32(8 + 8 * i, id!, true);
  });
  const path = utf8(`${folder}\0`);
  const name = utf8("system.posix_acl_access\0");
  const size = BigInt(list.byteLength);
  expect(libc.symbols.setxattr(path, name, list.buffer, size, 0)).toBe(0);
  libc.close();
}
