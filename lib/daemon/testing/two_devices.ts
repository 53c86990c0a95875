/** Two devices and one volume, for tests of leases. */

import { systemClock } from "../../os/clock.ts";
import type { Road } from "./road.ts";

/** The road's node, and another device of it. */
export async function twoDevices(road: Road) {
  const node = await road.nodeWithVolume();
  const stateDir = await road.device(node, "desktop");
  const holders = async () =>
    (await node.operations.showVolume("photos")).holders
      .map(({ device, mode, generation, state }) =>
        `${device} ${mode} ${generation} ${state}`
      );
  return { node, desktop: { stateDir }, holders };
}

/** Resolves once `check` finds what it looks for. */
export async function until(check: () => Promise<boolean>): Promise<void> {
  for (let n = 0; !await check(); n++) {
    if (n > 500) throw new Error("It does not come");
    await systemClock.sleep(10);
  }
}

/** Eight blocks that are all `seed`. */
export function blocks(seed: number): Uint8Array {
  return new Uint8Array(4096).fill(seed);
}
