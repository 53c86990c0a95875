/** A real Linux kernel as the initiator: a small machine under QEMU that reaches this one's loopback. */
import { run } from "./process.ts";
import { guestFolder, type Peer } from "./scenario.ts";
import { TempDir } from "./temp_dir.ts";

/** What the guest needs. Its image is built once, by root; see the README beside its scripts. */
export const GUEST_PEERS: readonly Peer[] = [
  "linux",
  "guest",
  "qemu-system-x86_64",
  "guest-image",
];

/** How long a scenario may take in which the guest runs once: it is emulated, and the image may have to be built first. */
export const GUEST_SCENARIO_MS = 240_000;

/** How long the guest itself may take of that. */
const GUEST_TIMEOUT_S = 150;

/** Scripts of our own for the guest; the rest stand beside the guest's README. */
const OWN_SCRIPTS = new URL("../guest/", import.meta.url).pathname;

export interface GuestOptions {
  /** Seconds until the guest is ended, from its start. */
  readonly timeoutS?: number;
}

/**
 * Runs a script (`ext4.sh`) in the guest with `settings` in its environment: one of our own, or else one of those that come with
 * the guest. Gives what it printed; rejects with that where it does not end with 0.
 */
export async function runGuest(
  script: string,
  settings: Readonly<Record<string, string | number>>,
  options: GuestOptions = {},
): Promise<string> {
  const { timeoutS = GUEST_TIMEOUT_S } = options;
  const folder = guestFolder();
  using staged = new TempDir();
  const own = Array.from(Deno.readDirSync(OWN_SCRIPTS), ({ name }) => name);
  // What lies beside a script travels into the guest with it.
  for (const name of own) {
    Deno.copyFileSync(`${OWN_SCRIPTS}${name}`, staged.at(name));
  }
  Deno.copyFileSync(`${folder}/tests/lib.sh`, staged.at("lib.sh"));
  const { code, stdout, stderr } = await run({
    command: `${folder}/run-guest.sh`,
    args: [
      own.includes(script) ? staged.at(script) : `${folder}/tests/${script}`,
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ],
    env: { GUEST_TIMEOUT: String(timeoutS) },
    timeoutMs: timeoutS * 1000 + GUEST_SCENARIO_MS - GUEST_TIMEOUT_S * 1000,
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
