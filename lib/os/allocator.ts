/**
 * How the C library gives memory back, which the runtime's buffers come from.
 *
 * glibc maps what is longer than a threshold by itself and unmaps it as soon as it is freed; everything else lies in heaps that shrink from
 * their ends alone. The threshold moves up to the longest piece that was ever freed, up to 32 MiB (mallopt(3), M_MMAP_THRESHOLD): from then
 * on a daemon's buffers of some MiB lie in the heaps, between small things that stay, and what it took once it keeps.
 */

import { openLibc } from "./libc.ts";

// malloc.h
const M_MMAP_THRESHOLD = -3;

/** Where glibc begins with it. Setting it keeps it from moving. */
const THRESHOLD_BYTES = 128 * 1024;

/** From now on long buffers go back to the system when they are freed. Where the C library is another this does nothing. */
export function giveMemoryBack(): void {
  const libc = openLibc({
    mallopt: { parameters: ["i32", "i32"], result: "i32" },
  });
  libc?.symbols.mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES);
  libc?.close();
}
