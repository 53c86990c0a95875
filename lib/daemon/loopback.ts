/** iSCSI never leaves this machine. */

import { VaultError } from "../base/errors.ts";
import { type Address, isLoopback, renderAddress } from "../os/tcp.ts";

/** @throws {VaultError} for an address that other machines can reach */
export function expectLoopback(address: Address): void {
  if (isLoopback(address)) return;
  throw new VaultError(`${renderAddress(address)} is not a loopback address`, {
    kind: "usage",
    hint:
      "iSCSI is not protected there: anybody on the network could read and change the disk. Use 127.0.0.1.",
  });
}
