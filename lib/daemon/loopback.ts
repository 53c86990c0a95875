/** iSCSI never leaves this machine, nor does what is told without asking who wants to know. */

import { VaultError } from "../base/errors.ts";
import { type Address, isLoopback, renderAddress } from "../os/tcp.ts";

/** @throws {VaultError} for an address that other machines can reach, where initiators would be */
export function expectLoopback(address: Address): void {
  expectPrivate(
    address,
    "iSCSI is not protected there: anybody on the network could read and change the disk. Use 127.0.0.1.",
  );
}

/** @throws {VaultError} for an address that other machines can reach, where metrics would be told */
export function expectLoopbackForMetrics(address: Address): void {
  expectPrivate(
    address,
    "Nobody is asked who they are there: anybody on the network could read names of volumes and devices. Use 127.0.0.1.",
  );
}

function expectPrivate(address: Address, hint: string): void {
  if (isLoopback(address)) return;
  throw new VaultError(`${renderAddress(address)} is not a loopback address`, {
    kind: "usage",
    hint,
  });
}
