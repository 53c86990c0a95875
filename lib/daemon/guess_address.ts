/** Under which address other machines most likely reach this one. */

import {
  isLoopback,
  ownAddresses,
  parseAddress,
  renderAddress,
} from "../os/tcp.ts";

const EVERY_ADDRESS = ["0.0.0.0", "::"];

/** HOST:PORT for an invitation: what the node listens on, or for "every address" this machine's first that is not loopback. */
export function guessAddress(listen: string): string | undefined {
  const { hostname, port } = parseAddress(listen);
  if (!EVERY_ADDRESS.includes(hostname)) return listen;
  for (const { address, family } of ownAddresses()) {
    const linkLocal = address.startsWith("169.254.") ||
      address.startsWith("fe80:");
    if (
      family === "IPv4" && !linkLocal &&
      !isLoopback({ hostname: address, port })
    ) {
      return renderAddress({ hostname: address, port });
    }
  }
  return undefined;
}
