/** The check that every store makes before it touches a byte. */

/** @throws {RangeError} where the extent is not of safe integers of 0 or more, or ends past `sizeBytes` */
export function checkRange(
  sizeBytes: number,
  offset: number,
  length: number,
): void {
  if (
    !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) ||
    offset < 0 || length < 0 || length > sizeBytes - offset
  ) {
    throw new RangeError(
      `Bytes ${offset} to ${
        offset + length
      } are not in a store of ${sizeBytes}`,
    );
  }
}

/** @throws {RangeError} where a store cannot have this length */
export function checkSize(sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new RangeError(`A store cannot be ${sizeBytes} bytes long`);
  }
}
