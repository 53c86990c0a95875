/** A real Linux kernel as the initiator: a small machine under QEMU that reaches this one's loopback. */
import { run } from "./process.ts";
import { guestFolder, type Peer } from "./scenario.ts";

/** What the guest needs. Its image is built once, by root; see the README beside its scripts. */
export const GUEST_PEERS: readonly Peer[] = [
  "linux",
  "guest",
  "qemu-system-x86_64",
  "guest-image",
];

/** How long a scenario may take in which the guest runs once: it is emulated, and the image may have to be built first. */
export const GUEST_SCENARIO_MS = 240_000;

/**
 * Runs one of the guest's scripts (`ext4.sh`) with `settings` in its environment. Gives what it printed; rejects with that where
 * it does not end with 0.
 */
export async function runGuest(
  script: string,
  settings: Readonly<Record<string, string | number>>,
): Promise<string> {
  const folder = guestFolder();
  const { code, stdout, stderr } = await run({
    command: `${folder}/run-guest.sh`,
    args: [
      `${folder}/tests/${script}`,
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ],
    env: { GUEST_TIMEOUT: "150" },
    timeoutMs: GUEST_SCENARIO_MS,
  });
  if (code !== 0) {
    throw new Error(`${script} ended with ${code}\n${stdout}${stderr}`);
  }
  return stdout;
}

/** The port of a portal, for the guest's PORTAL_PORT. */
export function portOf(portal: string): number {
  return Number(portal.slice(portal.lastIndexOf(":") + 1));
}
