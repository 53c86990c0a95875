/** Two machines on one: a node and a device in a temporary folder, with a proxy between them. */

import { join } from "node:path";
import { messageOf, VaultError } from "../../lib/base/errors.ts";
import { silent } from "../../lib/base/log.ts";
import type { AttachmentStatus } from "../../lib/control/operations.ts";
import { joinNode } from "../../lib/daemon/join_node.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import { isServing, withAttachment, withNode } from "../daemons.ts";
import { Child } from "./child.ts";
import { Proxy } from "./proxy.ts";

export const VOLUME = "demo";
export const VOLUME_BYTES = 64 * 1024 * 1024;
export const BLOCK_BYTES = 512;
const INITIATOR = "iqn.2026-11.internal.vault:demo";
/** After a link was lost, the next one comes within this time. */
const RECONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_PAUSE_MS = 50;

export class Stage {
  readonly #folder = Deno.makeTempDirSync({ prefix: "vault-demo-" });
  readonly #node = join(this.#folder, "node");
  readonly #device = join(this.#folder, "device");
  #serve: Child | undefined;
  #attach: Child | undefined;
  #proxy: Proxy | undefined;
  #status: AttachmentStatus | undefined;
  #session: InitiatorSession | undefined;
  #end: Promise<boolean> | undefined;

  /** Runs `vault serve` and makes a volume. Gives the node's id. */
  async serve(): Promise<string> {
    const args = ["serve", "--listen", "127.0.0.1:0"];
    this.#serve = new Child(args, this.#node);
    await this.#serve.until(async () =>
      await isServing(this.#node) || undefined
    );
    return await withNode(this.#node, async (node) => {
      await node.createVolume({
        name: VOLUME,
        sizeBytes: VOLUME_BYTES,
        blockSizeBytes: BLOCK_BYTES,
        readOnly: false,
      });
      const status = await node.status();
      this.#proxy = new Proxy(parseAddress(status.listen ?? "").port);
      return status.node;
    });
  }

  /** Makes the second folder a device of the node. The code leads to the proxy. */
  async join(): Promise<void> {
    const { code } = await withNode(this.#node, (node) =>
      node.invite({
        name: "laptop",
        expiresMs: 60_000,
        advertise: `127.0.0.1:${this.proxy.port}`,
      }));
    await joinNode({ stateDir: this.#device, code, log: silent });
  }

  /** Runs `vault attach`. Gives the address of its portal. */
  async attach(): Promise<string> {
    const args = ["attach", VOLUME, "--portal", "127.0.0.1:0"];
    const at = { stateDir: this.#device, volume: VOLUME };
    this.#attach = new Child(args, this.#device);
    this.#status = await this.#attach.until(async () => {
      try {
        return await withAttachment(at, (attachment) => attachment.status());
      } catch (thrown) {
        if (thrown instanceof VaultError) return undefined;
        throw thrown;
      }
    });
    return this.#status.portal;
  }

  get proxy(): Proxy {
    if (!this.#proxy) throw new VaultError("The node does not serve yet");
    return this.#proxy;
  }

  /** The disk behind the portal, over a session that lives. Logs in where there is none, as an initiator does after its link was lost. */
  async disk(): Promise<RemoteDisk> {
    const until = systemClock.monotonic() + RECONNECT_TIMEOUT_MS;
    while (true) {
      try {
        return await this.#login();
      } catch (thrown) {
        if (systemClock.monotonic() >= until) {
          throw new VaultError(`Cannot log in again: ${messageOf(thrown)}`);
        }
        await systemClock.sleep(RECONNECT_PAUSE_MS);
      }
    }
  }

  async #login(): Promise<RemoteDisk> {
    const status = this.#status;
    if (!status) throw new VaultError("The volume is not attached yet");
    // Whoever logs in anew has given up the session before.
    this.#session?.abort();
    this.#session = await connectInitiator({
      duplex: await connectTcp(parseAddress(status.portal)),
      primitives: systemPrimitives,
      initiatorName: INITIATOR,
      targetName: status.iqn,
    });
    return await openDisk(this.#session);
  }

  /** How much both daemons have said so far. */
  get said(): { readonly serve: string; readonly attach: string } {
    return {
      serve: this.#serve?.said ?? "",
      attach: this.#attach?.said ?? "",
    };
  }

  /** The volume's bytes as they lie on the node. */
  stored(): Uint8Array {
    const path = join(this.#node, "node", "volumes", VOLUME, "data");
    return Deno.readFileSync(path);
  }

  /** Ends both daemons in good order and removes the folder. True where that is what happened. */
  end(): Promise<boolean> {
    return this.#end ??= this.#clear();
  }

  async #clear(): Promise<boolean> {
    try {
      await this.#session?.logout();
    } catch {
      // A session that was lost needs no farewell.
    }
    const attached = await this.#attach?.stop() ?? true;
    const served = await this.#serve?.stop() ?? true;
    this.#proxy?.close();
    Deno.removeSync(this.#folder, { recursive: true });
    return attached && served;
  }
}
