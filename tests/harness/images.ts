/** Disk images with known content. */

const MIB = 1024 * 1024;

/** Fills a new file with `sizeMib` MiB: most of it random, some of it zeros, as disks are. */
export function randomImage(path: string, sizeMib: number): void {
  using file = Deno.createSync(path);
  const random = new Uint8Array(MIB);
  for (let at = 0; at < sizeMib; at++) {
    if (at % 8 === 5) random.fill(0);
    // One call gives at most 64 KiB.
    else {
      for (let part = 0; part < MIB; part += 65536) {
        crypto.getRandomValues(random.subarray(part, part + 65536));
      }
    }
    file.writeSync(random);
  }
}

/** Whether two files hold the same bytes. */
export function sameFiles(a: string, b: string): boolean {
  const [left, right] = [Deno.readFileSync(a), Deno.readFileSync(b)];
  return left.length === right.length &&
    left.every((byte, at) => byte === right[at]);
}
