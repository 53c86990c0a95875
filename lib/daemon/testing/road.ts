/** A node, a device that joins it, attachments and the project's own initiator at their portals: for tests of the main road. */

import { silent } from "../../base/log.ts";
import { connectInitiator } from "../../initiator/initiator.ts";
import { join } from "../../os/paths.ts";
import { systemPrimitives } from "../../os/primitives.ts";
import { connectTcp, parseAddress } from "../../os/tcp.ts";
import { runAttachment } from "../attachment.ts";
import type {
  AttachmentOptions,
  RunningAttachment,
} from "../attachment_options.ts";
import { joinNode } from "../join_node.ts";
import { runNode } from "../node.ts";
import type { NodeOptions, RunningNode } from "../node_options.ts";

export const ANY_PORT = { hostname: "127.0.0.1", port: 0 };
export const INITIATOR = "iqn.2026-11.internal.vault:test";
export const MIB = 1024 * 1024;

/** A node with the volume "photos", and this machine as its device "laptop". */
export class Road {
  readonly folder: string;
  /** The node that was started last. */
  running!: RunningNode;
  readonly #cleanup: (() => Promise<unknown>)[] = [];

  /** @param place the folder to keep all of it in; where temporary files are unless given */
  constructor(place?: string) {
    const dir = place === undefined ? {} : { dir: place };
    this.folder = Deno.makeTempDirSync({ prefix: "vault-road-", ...dir });
  }

  async node(options: Partial<NodeOptions> = {}): Promise<RunningNode> {
    const node = await runNode({
      stateDir: join(this.folder, "vm"),
      listen: ANY_PORT,
      log: silent,
      ...options,
    });
    this.#cleanup.push(() => node.stop());
    this.running = node;
    return node;
  }

  async nodeWithVolume(
    options: Partial<NodeOptions> = {},
  ): Promise<RunningNode> {
    const node = await this.node(options);
    await node.operations.createVolume({
      name: "photos",
      sizeBytes: 64 * MIB,
      blockSizeBytes: 512,
      readOnly: false,
    });
    await this.join(node);
    return node;
  }

  async join(node: RunningNode, name = "laptop"): Promise<void> {
    const { code } = await node.operations.invite({
      name,
      expiresMs: 60_000,
      advertise: node.listen,
    });
    await joinNode({
      stateDir: join(this.folder, "laptop"),
      code,
      log: silent,
    });
  }

  /** Another device of the node; gives the folder in which it keeps its keys. */
  async device(node: RunningNode, name: string): Promise<string> {
    const stateDir = join(this.folder, name);
    const { code } = await node.operations.invite({
      name,
      expiresMs: 60_000,
      advertise: node.listen,
    });
    await joinNode({ stateDir, code, log: silent });
    return stateDir;
  }

  async attach(
    options: Partial<AttachmentOptions> = {},
  ): Promise<RunningAttachment> {
    const attachment = await runAttachment({
      stateDir: join(this.folder, "laptop"),
      volume: "photos",
      portal: ANY_PORT,
      readOnly: false,
      log: silent,
      ...options,
    });
    this.#cleanup.push(() => attachment.stop());
    return attachment;
  }

  session(
    attachment: RunningAttachment,
    chap?: { user: string; secret: Uint8Array },
  ) {
    const { portal, iqn } = attachment;
    return this.#login({ portal, iqn, name: INITIATOR, ...(chap && { chap }) });
  }

  /** Of an initiator whose name ends so. */
  sessionOf({ portal, iqn }: RunningAttachment, name: string) {
    return this.#login({ portal, iqn, name: `${INITIATOR}-${name}` });
  }

  /** At a portal of the node's own machine. */
  sessionAt(portal: string, iqn: string, name = "in-house") {
    return this.#login({ portal, iqn, name: `${INITIATOR}-${name}` });
  }

  async #login(
    to: {
      portal: string;
      iqn: string;
      name: string;
      chap?: { user: string; secret: Uint8Array };
    },
  ) {
    const session = await connectInitiator({
      duplex: await connectTcp(parseAddress(to.portal)),
      primitives: systemPrimitives,
      initiatorName: to.name,
      targetName: to.iqn,
      ...(to.chap ? { chap: { initiator: to.chap } } : {}),
    });
    this.#cleanup.push(() => session.logout().catch(() => {}));
    return session;
  }

  async end(): Promise<void> {
    for (const step of this.#cleanup.reverse()) await step();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A test with a road of its own. */
export function onRoad(
  name: string,
  walk: (road: Road) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const road = new Road();
    try {
      await walk(road);
    } finally {
      await road.end();
    }
  });
}
