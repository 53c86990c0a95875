/** How large a volume may be. */

import { VaultError } from "../base/errors.ts";

/** A volume's end must be representable, with room for the arithmetic on it: 4 PiB. */
export const MAX_VOLUME_BYTES = 2 ** 52;

/** @throws {VaultError} unless `sizeBytes` is a whole, positive number of blocks within {@linkcode MAX_VOLUME_BYTES} */
export function checkSize(sizeBytes: number, blockSizeBytes: number): void {
  const whole = Number.isSafeInteger(sizeBytes) && sizeBytes > 0 &&
    sizeBytes % blockSizeBytes === 0;
  if (whole && sizeBytes <= MAX_VOLUME_BYTES) return;
  throw new VaultError(`A volume cannot have ${sizeBytes} bytes`, {
    kind: "usage",
    hint:
      `Choose a multiple of the block size, ${blockSizeBytes} bytes, up to 4 PiB.`,
  });
}
