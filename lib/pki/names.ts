/** Names of devices. */

import { VaultError } from "../base/errors.ts";

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether `name` may be a device's: 1 to 63 of a-z, 0-9 and "-", neither first nor last a "-" (a DNS label, RFC 1123 section 2.1). */
export function isDeviceName(name: string): boolean {
  return NAME.test(name);
}

/** `name` where it may be a device's. @throws {VaultError} */
export function deviceName(name: string): string {
  if (isDeviceName(name)) return name;
  throw new VaultError(`"${name}" cannot be the name of a device`, {
    kind: "usage",
    hint:
      "use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or a digit",
  });
}
