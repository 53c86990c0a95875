/** A writer that stood still (SIGSTOP) while another device took its volume, and wakes: nothing of what it still has in hand arrives. */
import { expect } from "expect";
import { equalBytes } from "../../lib/base/bytes.ts";
import { Program } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { blocks, TwoDevices } from "../harness/two_devices.ts";
import { pause, until } from "../harness/until.ts";

const FENCED = 6;
const REFUSED = 9;
/** Long enough for all that is held anywhere to arrive, if it does. */
const SETTLE_MS = 1500;
const scribblerPath =
  new URL("../harness/scribbler.ts", import.meta.url).pathname;

/** A process of its own that writes without end at the laptop's portal. */
async function scribbler(both: TwoDevices): Promise<Program> {
  const program = new Program({
    command: Deno.execPath(),
    args: [
      ...["run", "-A", scribblerPath, both.tunnel.portal],
      await both.iqn() ?? "",
    ],
  });
  await until("it writes", () => {
    if (program.exited !== undefined) throw new Error(program.output);
    return program.stderr.includes("writing");
  }, { timeoutMs: 30_000 });
  return program;
}

/** The new holder writes what nobody else has, and it stays. */
async function desktopWrites(both: TwoDevices): Promise<Uint8Array> {
  const disk = await both.disk({ port: both.desktopPort, name: "desktop" });
  for (let at = 0; at < 32; at++) await disk.write(at * 8, blocks(0xd0));
  await disk.flush();
  return both.data();
}

scenario(
  "an attach that was stopped and wakes is fenced: not a byte changes, and it says who has the volume",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { attach } = both.tunnel;
    await using writer = await scribbler(both);
    attach.signal("SIGSTOP");
    await both.attachDesktop("--take-over", "--now");
    const then = await both.data();
    await pause(SETTLE_MS);
    expect(equalBytes(await both.data(), then)).toBe(true);
    const after = await desktopWrites(both);
    attach.signal("SIGCONT");
    expect(await attach.exitWithin(30_000)).toBe(FENCED);
    expect(attach.stderr).toContain('Volume "disk" was taken by desktop');
    expect(await writer.exitWithin(30_000)).toBe(REFUSED);
    await pause(SETTLE_MS);
    expect(equalBytes(await both.data(), after)).toBe(true);
    expect(await both.holders()).toEqual(["desktop write 2 up"]);
  },
);

scenario(
  "an attach that stands still past the bound of a take-over is fenced all the same",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { attach } = both.tunnel;
    await using writer = await scribbler(both);
    attach.signal("SIGSTOP");
    const began = performance.now();
    await both.attachDesktop("--take-over", "--within", "2s");
    expect(performance.now() - began).toBeGreaterThan(1900);
    const after = await desktopWrites(both);
    attach.signal("SIGCONT");
    expect(await attach.exitWithin(30_000)).toBe(FENCED);
    expect(await writer.exitWithin(30_000)).toBe(REFUSED);
    await pause(SETTLE_MS);
    expect(equalBytes(await both.data(), after)).toBe(true);
  },
);

scenario(
  "an initiator that was stopped and wakes changes nothing, and cannot log in again",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    await using writer = await scribbler(both);
    writer.signal("SIGSTOP");
    await both.attachDesktop("--take-over", "--now");
    expect(await both.tunnel.attach.ended).toBe(FENCED);
    const after = await desktopWrites(both);
    writer.signal("SIGCONT");
    expect(await writer.exitWithin(30_000)).toBe(REFUSED);
    expect(writer.stderr).toMatch(/cut: [^]*refused: /);
    await pause(SETTLE_MS);
    expect(equalBytes(await both.data(), after)).toBe(true);
  },
);

scenario(
  "a device that was gone for longer than its link lives comes back to a volume that is another's",
  { timeoutMs: 120_000 },
  async () => {
    await using both = await TwoDevices.open();
    const { attach, node, device } = both.tunnel;
    await using writer = await scribbler(both);
    attach.signal("SIGSTOP");
    // The node forgets the link, as after a resume window; the holder is gone then, and asked no more.
    await both.tunnel.serve.stop("SIGKILL");
    both.tunnel.serve = await node.daemon(
      ["serve", "--listen", `127.0.0.1:${both.tunnel.servePort}`],
      both.tunnel.servePort,
    );
    await both.attachDesktop("--take-over", "--within", "60s");
    const after = await desktopWrites(both);
    attach.signal("SIGCONT");
    expect(await attach.exitWithin(60_000)).toBe(FENCED);
    expect(attach.stderr).toContain(
      "desktop took it over while nothing was heard of its holder",
    );
    expect(await writer.exitWithin(30_000)).toBe(REFUSED);
    await pause(SETTLE_MS);
    expect(equalBytes(await both.data(), after)).toBe(true);
    expect((await device.run(["status", "--json"])).code).toBe(0);
  },
);
