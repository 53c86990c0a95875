/**
 * A slow line to a port of this machine, in a network of the bench's own: what the kernel holds back costs no process anything, so it shows
 * what a volume does with a line where the server's work is somebody else's.
 *
 *     unshare --net sh -c 'ip link set lo up && deno run -A tests/bench/bucket.ts --line 640mbit'
 */
import { run, runOk } from "../harness/process.ts";

/** @param rate as tc(8) has it @throws {Error} in a network that is not the bench's own */
export async function slowLine(
  { port, rate }: { readonly port: number; readonly rate: string },
): Promise<void> {
  const { stdout } = await run({ command: "ip", args: ["-o", "link"] });
  if (stdout.trim().split("\n").length > 1) {
    throw new Error("--line needs a network of its own: unshare --net …");
  }
  const tc = (line: string) =>
    runOk({ command: "tc", args: line.split(" "), timeoutMs: 10_000 });
  await tc("qdisc add dev lo root handle 1: htb default 10");
  await tc("class add dev lo parent 1: classid 1:10 htb rate 100gbit");
  await tc(`class add dev lo parent 1: classid 1:20 htb rate ${rate}`);
  await tc(
    `filter add dev lo parent 1: protocol ip u32 match ip dport ${port} 0xffff flowid 1:20`,
  );
}
