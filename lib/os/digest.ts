/** Digests of what is too long to be in memory at once. */

import { createHash } from "node:crypto";
import type { Digest } from "../base/digest.ts";

/** SHA-256 (FIPS 180-4). */
export function sha256(): Digest {
  const hash = createHash("sha256");
  return {
    update: (bytes) => void hash.update(bytes),
    soFar: () => new Uint8Array(hash.copy().digest()),
    digest: () => new Uint8Array(hash.digest()),
  };
}
