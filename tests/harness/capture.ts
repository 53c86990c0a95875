/** What goes over loopback, as the network sees it. */
import { start } from "./process.ts";
import { pathOf, type Peer } from "./scenario.ts";
import { TempDir } from "./temp_dir.ts";

export const CAPTURE_PEERS: readonly Peer[] = ["linux", "root", "tcpdump"];

/** Records what `work` sends and receives on the loopback port, and gives it: packets with their headers, none missing. */
export async function captured(
  port: number,
  work: () => Promise<void>,
): Promise<Uint8Array> {
  using dir = new TempDir();
  const file = dir.at("packets");
  const program = await start({
    command: pathOf("tcpdump") ?? "tcpdump",
    args: [
      ...["-i", "lo", "-n", "-U", "--immediate-mode", "-Z", "root"],
      // Room for bursts, in KiB: a packet that the kernel drops is one that nobody has looked at.
      ...["-B", "65536", "-s", "0", "-w", file],
      ...["tcp", "port", String(port)],
    ],
    ready: () => hasBegun(dir),
  });
  try {
    await work();
  } finally {
    await program.stop("SIGINT");
  }
  const dropped = /(\d+) packets dropped by kernel/.exec(program.output)?.[1];
  if (dropped !== "0") {
    throw new Error(`The capture is not whole:\n${program.output}`);
  }
  return Deno.readFileSync(file);
}

function hasBegun(dir: TempDir): boolean {
  try {
    // The file's header is written once the capture runs.
    return Deno.statSync(dir.at("packets")).size > 0;
  } catch {
    return false;
  }
}

/** Whether `text` (or bytes) stands in `bytes`. */
export function holds(bytes: Uint8Array, text: string | Uint8Array): boolean {
  const wanted = typeof text === "string"
    ? new TextEncoder().encode(text)
    : text;
  const first = wanted[0]!;
  for (
    let at = bytes.indexOf(first);
    at >= 0;
    at = bytes.indexOf(first, at + 1)
  ) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return true;
  }
  return false;
}
