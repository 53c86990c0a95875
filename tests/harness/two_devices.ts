/** One node, one volume, and two devices that want it: "laptop", which has attached it, and "desktop". */

import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { freePort } from "./loopback.ts";
import type { Program, RunResult } from "./process.ts";
import { until } from "./until.ts";
import { enrol, Machine, startAttach, Tunnel } from "./vault.ts";

export interface HolderStatus {
  readonly device: string;
  readonly mode: string;
  readonly generation: number;
  readonly state: string;
}

export class TwoDevices implements AsyncDisposable {
  readonly tunnel: Tunnel;
  readonly desktop: Machine;
  readonly desktopPort = freePort();
  readonly #programs: Program[] = [];
  readonly #sessions: InitiatorSession[] = [];

  private constructor(tunnel: Tunnel, desktop: Machine) {
    this.tunnel = tunnel;
    this.desktop = desktop;
  }

  /** @param attachArgs more words for the laptop's `vault attach` */
  static async open(
    attachArgs: readonly string[] = [],
  ): Promise<TwoDevices> {
    const tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "16MiB" }],
      attachArgs,
    });
    const desktop = new Machine(tunnel.dir.at("desktop"));
    const { node, servePort: port } = tunnel;
    await enrol({ node, device: desktop, name: "desktop", port });
    const both = new TwoDevices(tunnel, desktop);
    await until(
      "laptop holds it",
      async () => (await both.iqn()) !== undefined,
    );
    return both;
  }

  /** The volume's bytes, as the node has them: all that it took, stable or not. */
  async data(): Promise<Uint8Array> {
    const { node } = this.tunnel;
    await node.ok("snapshot", "create", "disk", "now");
    try {
      const folder = `${node.state}/node/volumes/disk/snapshots/now`;
      return Deno.readFileSync(`${folder}/data`);
    } finally {
      await node.ok("snapshot", "delete", "disk", "now", "--yes");
    }
  }

  async holders(): Promise<string[]> {
    const { holders } = await this.tunnel.node.json<
      { holders: HolderStatus[] }
    >("volume", "show", "disk");
    return holders.map(({ device, mode, generation, state }) =>
      `${device} ${mode} ${generation} ${state}`
    );
  }

  /** `vault attach disk` on the desktop, to its end: where it is refused. */
  refused(...args: string[]): Promise<RunResult> {
    const portal = `127.0.0.1:${freePort()}`;
    return this.desktop.run(["attach", "disk", "--portal", portal, ...args]);
  }

  /** `vault attach disk` on the desktop, once it has the volume. */
  async attachDesktop(...args: string[]): Promise<Program> {
    const program = await startAttach(this.desktop, "disk", {
      portalPort: this.desktopPort,
      args,
    });
    this.#programs.push(program);
    await until("desktop has it", () => {
      if (program.exited !== undefined) throw new Error(program.output);
      return program.stdout.includes("Attached");
    });
    return program;
  }

  /** The name of the target, where the laptop has attached it. */
  async iqn(): Promise<string | undefined> {
    const { attachments } = await this.tunnel.device.json<
      { attachments: { iqn: string }[] }
    >("status");
    return attachments[0]?.iqn;
  }

  /** Logs in at a portal: the laptop's unless told otherwise. */
  async disk(
    options: { port?: number; name?: string } = {},
  ): Promise<RemoteDisk> {
    const { port = this.tunnel.portalPort, name = "one" } = options;
    const { iqn } = await this.tunnel.node.json<{ iqn: string }>(
      ...["volume", "show", "disk"],
    );
    const session = await connectInitiator({
      duplex: await connectTcp(parseAddress(`127.0.0.1:${port}`)),
      primitives: systemPrimitives,
      initiatorName: `iqn.2026-11.internal.vault:${name}`,
      targetName: iqn,
    });
    this.#sessions.push(session);
    return await openDisk(session);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.abort();
    for (const program of this.#programs) await program.stop();
    await this.tunnel[Symbol.asyncDispose]();
  }
}

/** Eight blocks that are all `seed`. */
export function blocks(seed: number): Uint8Array {
  return new Uint8Array(4096).fill(seed);
}
